#include "services/notification/templates.h"

#include "common/domain/yaml_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 16, ARENA_BYTES_MAX = 1 << 20 };

struct templates {
	struct arena *arena;
	struct template_words words[TEMPLATE_LANGUAGES]; /* vi, en */
};

static void read_pattern(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = NULL;
	size_t at = 0, size;

	yaml_read_text(reader, node, &text);
	if (!text)
		return;
	while (notice_variable_next(text, &at, &size)) {
		const char *word = text + at + 1;
		if (!notice_variable_known(word, size - 2))
			yaml_fault(
				reader, node, "\"%.*s\" is no variable; the README lists them", (int)size, text + at);
		/* A mail goes through many hands. */
		if (size == strlen("{secret}") && memcmp(word, "secret", size - 2) == 0)
			yaml_fault(reader, node, "a secret is no word for people; remove it");
		at += size;
	}
	*(const char **)target = text;
}

static void read_template(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"subject", read_pattern, offsetof(struct template, subject), true},
		{"text", read_pattern, offsetof(struct template, text), true},
		{"short", read_pattern, offsetof(struct template, brief), true},
	};

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

static void read_statuses(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct yaml_field fields[TEMPLATE_STATUSES];

	for (size_t i = 0; i < TEMPLATE_STATUSES; i++)
		fields[i] = (struct yaml_field){
			status_name((enum submission_status)i), yaml_read_text, i * sizeof(const char *), true};
	yaml_read_mapping(reader, node, fields, TEMPLATE_STATUSES, target);
}

static void read_notices(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct yaml_field fields[NOTICE_EVENTS];

	for (size_t i = 0; i < NOTICE_EVENTS; i++)
		fields[i] = (struct yaml_field){
			notice_event_name((enum notice_event)i), read_template, i * sizeof(struct template), true};
	yaml_read_mapping(reader, node, fields, NOTICE_EVENTS, target);
}

static void read_words(struct yaml_reader *reader, struct template_words *words)
{
#define FIELD(member) offsetof(struct template_words, member)
	static const struct yaml_field FIELDS[] = {
		{"statuses", read_statuses, FIELD(statuses), true},
		{"initiatives", yaml_read_text, FIELD(initiatives), true},
		{"people", yaml_read_text, FIELD(people), true},
		{"whole", yaml_read_text, FIELD(whole), true},
		{"laggard", read_pattern, FIELD(laggard), true},
		{"notices", read_notices, FIELD(by_event), true},
	};
#undef FIELD

	yaml_read_mapping(reader, yaml_document_get_root_node(&reader->document), FIELDS, ARRAY_LENGTH(FIELDS), words);
}

/* False: it was said. */
static bool read_file(const char *path, struct buffer *content, struct buffer *faults)
{
	char block[4096];
	FILE *file = fopen(path, "re");

	if (!file) {
		buffer_format(faults, "%s:1: %s; deploy/notices has it\n", path, strerror(errno));
		return false;
	}
	for (size_t size; (size = fread(block, 1, sizeof(block), file)) > 0;)
		buffer_add(content, block, size);
	fclose(file);
	if (content->failed)
		buffer_format(faults, "%s:1: too long; at most %d octets are taken\n", path, FILE_BYTES_MAX);
	return !content->failed;
}

static void load(struct templates *templates, size_t language, const char *directory, struct buffer *faults)
{
	static const char *const FILES[TEMPLATE_LANGUAGES] = {"vi.yaml", "en.yaml"};
	CLEANUP(buffer_deinit) struct buffer content = {.limit = FILE_BYTES_MAX};
	char path[4096];
	struct yaml_reader reader = {.file_name = path, .faults = faults, .arena = templates->arena};

	snprintf(path, sizeof(path), "%s/%s", directory, FILES[language]);
	if (!read_file(path, &content, faults) || !yaml_reader_open(&reader, buffer_bytes(&content)))
		return;
	read_words(&reader, &templates->words[language]);
	yaml_document_delete(&reader.document);
}

struct templates *templates_load(const char *directory, struct buffer *faults)
{
	struct templates *templates = calloc(1, sizeof(*templates));

	if (templates)
		templates->arena = arena_new(ARENA_BYTES_MAX);
	if (!templates || !templates->arena) {
		buffer_text(faults, "out of memory\n");
		templates_free(&templates);
		return NULL;
	}
	for (size_t language = 0; language < TEMPLATE_LANGUAGES; language++)
		load(templates, language, directory, faults);
	if (faults->size > 0 || faults->failed)
		templates_free(&templates);
	return templates;
}

void templates_free(struct templates **pointer)
{
	struct templates *templates = *pointer;

	*pointer = NULL;
	if (!templates)
		return;
	if (templates->arena)
		arena_free(&templates->arena);
	free(templates);
}

const struct template_words *templates_words(const struct templates *templates, bool english)
{
	return &templates->words[english];
}
