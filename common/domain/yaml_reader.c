#include "common/domain/yaml_reader.h"

#include "common/domain/text.h"
#include "common/runtime/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_BYTES_MAX = 512, CODE_MAX = 40, FIELDS_MAX = 64 };

static void add_fault(struct yaml_reader *reader, size_t line, const char *words)
{
	buffer_format(reader->faults, "%s:%zu: %s\n", reader->file_name, line, words);
	reader->fault_count++;
}

void yaml_fault(struct yaml_reader *reader, const yaml_node_t *node, const char *format, ...)
{
	char words[FAULT_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	add_fault(reader, node->start_mark.line + 1, words);
}

/* libyaml's own complaint. */
static void say_problem(struct yaml_reader *reader, const yaml_parser_t *parser)
{
	char words[FAULT_BYTES_MAX];

	snprintf(words, sizeof(words), "%s; correct the YAML",
		parser->problem == NULL ? "not readable" : parser->problem);
	add_fault(reader, parser->problem_mark.line + 1, words);
}

/* The stream must end after the first document, or what follows would be silently left out. */
static bool ends_here(struct yaml_reader *reader, yaml_parser_t *parser)
{
	yaml_document_t next;

	if (!yaml_parser_load(parser, &next)) {
		say_problem(reader, parser);
		return false;
	}
	yaml_node_t *root = yaml_document_get_root_node(&next);
	if (root != NULL)
		yaml_fault(reader, root, "a second document; keep one campaign in a file");
	yaml_document_delete(&next);
	return root == NULL;
}

bool yaml_reader_open(struct yaml_reader *reader, struct bytes yaml)
{
	yaml_parser_t parser;
	bool good = false;

	if (!yaml_parser_initialize(&parser)) {
		add_fault(reader, 1, "out of memory; try again");
		return false;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	/* libyaml asserts that there is a text, also where it is empty. */
	yaml_parser_set_input_string(&parser, yaml.data != NULL ? yaml.data : (const uint8_t *)"", yaml.size);
	if (!yaml_parser_load(&parser, &reader->document)) {
		say_problem(reader, &parser);
	} else {
		if (yaml_document_get_root_node(&reader->document) == NULL)
			add_fault(reader, 1, "the file is empty; write the campaign's code, name, times and versions");
		else
			good = ends_here(reader, &parser);
		if (!good)
			yaml_document_delete(&reader->document);
	}
	yaml_parser_delete(&parser);
	return good;
}

static void say_unknown(
	struct yaml_reader *reader, const yaml_node_t *key, const struct yaml_field *fields, size_t count)
{
	char known[FAULT_BYTES_MAX / 2] = "";

	for (size_t i = 0, at = 0; i < count && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i == 0 ? "" : ", ", fields[i].key);
	yaml_fault(reader, key, "unknown key \"%.60s\"; remove it or use one of: %s",
		(const char *)key->data.scalar.value, known);
}

static size_t find_field(const yaml_node_t *key, const struct yaml_field *fields, size_t count)
{
	size_t at = 0;

	while (at < count && strcmp(fields[at].key, (const char *)key->data.scalar.value) != 0)
		at++;
	return at;
}

void yaml_read_mapping(
	struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *fields, size_t count, void *target)
{
	uint64_t seen = 0;

	assert(count <= FIELDS_MAX);
	if (node->type != YAML_MAPPING_NODE) {
		yaml_fault(reader, node, "not a mapping; write \"key: value\" lines, beginning with \"%s\"",
			fields[0].key);
		return;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		if (yaml_scalar(reader, key, "a key") == NULL)
			continue;
		size_t at = find_field(key, fields, count);
		if (at == count) {
			say_unknown(reader, key, fields, count);
		} else if (seen & UINT64_C(1) << at) {
			yaml_fault(reader, key, "\"%s\" is given twice; keep one", fields[at].key);
		} else {
			seen |= UINT64_C(1) << at;
			fields[at].read(reader, yaml_document_get_node(&reader->document, pair->value),
				(char *)target + fields[at].offset);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (fields[i].required && !(seen & UINT64_C(1) << i))
			yaml_fault(reader, node, "\"%s\" is missing; add it", fields[i].key);
}

yaml_node_t *yaml_element(struct yaml_reader *reader, yaml_node_t *sequence, size_t index)
{
	return yaml_document_get_node(&reader->document, sequence->data.sequence.items.start[index]);
}

yaml_node_t *yaml_value(struct yaml_reader *reader, yaml_node_t *mapping, const char *key)
{
	if (mapping->type != YAML_MAPPING_NODE)
		return mapping;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
		pair++) {
		yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
		if (name->type == YAML_SCALAR_NODE && strcmp((const char *)name->data.scalar.value, key) == 0)
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return mapping;
}

void *yaml_read_sequence(
	struct yaml_reader *reader, yaml_node_t *node, size_t size, size_t most, yaml_read *element, size_t *count)
{
	*count = 0;
	if (node->type != YAML_SEQUENCE_NODE) {
		yaml_fault(reader, node, "not a list; write one \"- \" line an entry, or [] for none");
		return NULL;
	}
	size_t entries = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (entries > most) {
		yaml_fault(reader, node, "%zu entries; at most %zu are taken", entries, most);
		return NULL;
	}
	char *elements = entries == 0 ? NULL : arena_alloc(reader->arena, entries * size);
	if (elements == NULL) {
		if (entries != 0)
			yaml_fault(reader, node, "the file is too large; shorten it");
		return NULL;
	}
	memset(elements, 0, entries * size);
	for (size_t i = 0; i < entries; i++)
		element(reader, yaml_element(reader, node, i), elements + i * size);
	*count = entries;
	return elements;
}

const char *yaml_scalar(struct yaml_reader *reader, yaml_node_t *node, const char *wanted)
{
	if (node->type != YAML_SCALAR_NODE) {
		yaml_fault(reader, node, "%s is wanted here, not a list or mapping; write one value", wanted);
		return NULL;
	}
	const char *text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length) {
		yaml_fault(reader, node, "NUL in a text; remove it");
		return NULL;
	}
	return text;
}

void yaml_read_text(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "a text");
	CLEANUP(buffer_deinit) struct buffer clean = {.limit = (size_t)1 << 16};

	if (text == NULL)
		return;
	if (text_clean((struct bytes){(const uint8_t *)text, strlen(text)}, &clean) != TEXT_OK) {
		yaml_fault(reader, node, "control characters in a text, or too long; remove them");
		return;
	}
	if (clean.size == 0) {
		yaml_fault(reader, node, "an empty text; write one or remove the key");
		return;
	}
	*(const char **)target = arena_text(reader->arena, buffer_bytes(&clean));
	if (*(const char **)target == NULL)
		yaml_fault(reader, node, "the file is too large; shorten it");
}

void yaml_read_code(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "a code");

	if (text == NULL)
		return;
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");
	if (size == 0 || size > CODE_MAX || text[size] != '\0') {
		yaml_fault(reader, node, "\"%.60s\" is no code; use a-z, 0-9, - and _, at most %d", text, CODE_MAX);
		return;
	}
	*(const char **)target = arena_text(reader->arena, (struct bytes){(const uint8_t *)text, size});
	if (*(const char **)target == NULL)
		yaml_fault(reader, node, "the file is too large; shorten it");
}

void yaml_read_instant(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "an instant");

	if (text != NULL && !clock_parse_instant(text, target))
		yaml_fault(reader, node, "\"%.60s\" is no instant; write it like 2021-04-21T00:00:00+07:00", text);
}

void yaml_read_day(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "a day");

	if (text != NULL && !clock_parse_day(text, target))
		yaml_fault(reader, node, "\"%.60s\" is no day; write it like 2021-09-01", text);
}

static bool read_number(struct yaml_reader *reader, yaml_node_t *node, uint64_t least, uint64_t most, uint64_t *number)
{
	const char *text = yaml_scalar(reader, node, "a number");
	char *end = NULL;

	if (text == NULL)
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (text[strspn(text, "0123456789")] == '\0' && end != text && errno == 0 && *number >= least &&
		*number <= most)
		return true;
	yaml_fault(reader, node, "\"%.60s\" is out of range; write a whole number from %llu to %llu", text,
		(unsigned long long)least, (unsigned long long)most);
	return false;
}

void yaml_read_u32(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	uint64_t number;

	if (read_number(reader, node, 1, 1000000000, &number))
		*(uint32_t *)target = (uint32_t)number;
}

void yaml_read_u64(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	uint64_t number;

	if (read_number(reader, node, 0, UINT64_C(1000000000000), &number))
		*(uint64_t *)target = number;
}

static void read_real(struct yaml_reader *reader, yaml_node_t *node, unsigned most, double *target)
{
	const char *text = yaml_scalar(reader, node, "a number");
	char *end = NULL;

	if (text == NULL)
		return;
	double number = strtod(text, &end);
	if (text[strspn(text, "0123456789.")] != '\0' || end == text || *end != '\0' ||
		!(number >= 0 && number <= most)) {
		yaml_fault(reader, node, "\"%.60s\" is out of range; write a number from 0 to %u", text, most);
		return;
	}
	*target = number;
}

void yaml_read_share(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_real(reader, node, 1, target);
}

void yaml_read_power(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_real(reader, node, 8, target);
}

void yaml_read_bool(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "true or false");

	if (text == NULL)
		return;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		yaml_fault(reader, node, "\"%.60s\" is neither; write true or false", text);
	else
		*(bool *)target = text[0] == 't';
}

void yaml_read_word(struct yaml_reader *reader, yaml_node_t *node, const char *const *words, size_t count, int *value)
{
	const char *text = yaml_scalar(reader, node, "one word");
	char known[128] = "";

	if (text == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0) {
			*value = (int)i + 1;
			return;
		}
		strncat(known, i == 0 ? "" : ", ", sizeof(known) - strlen(known) - 1);
		strncat(known, words[i], sizeof(known) - strlen(known) - 1);
	}
	yaml_fault(reader, node, "\"%.60s\" is not known here; write one of: %s", text, known);
}
