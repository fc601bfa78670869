#include "common/domain/text.h"
#include "services/intake/shape_reading.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 8 << 20, ERROR_FIELD_MAX = 64 };

struct shaper *shaper_new(void)
{
	struct shaper *shaper = calloc(1, sizeof(*shaper));
	if (shaper == NULL)
		return NULL;
	shaper->arena = arena_new(ARENA_BYTES_MAX);
	shaper->text.limit = BODY_BYTES_MAX;
	if (shaper->arena == NULL)
		shaper_free(&shaper);
	return shaper;
}

void shaper_free(struct shaper **shaper)
{
	if (*shaper == NULL)
		return;
	arena_free(&(*shaper)->arena);
	buffer_deinit(&(*shaper)->text);
	free(*shaper);
	*shaper = NULL;
}

static void add_error(struct shape *shape, struct bytes field, const char *code)
{
	if (field.size > ERROR_FIELD_MAX)
		field.size = ERROR_FIELD_MAX;
	if (shape->error_count < SHAPE_ERRORS_MAX)
		shape->errors[shape->error_count++] = (struct field_error){field, code};
}

void shape_add_error(struct shape *shape, const char *field, const char *code)
{
	add_error(shape, (struct bytes){(const uint8_t *)field, strlen(field)}, code);
}

bool reading_refuse(struct reading *reading, const char *code)
{
	shape_add_error(reading->shape, reading->name, code);
	return false;
}

bool reading_text(struct reading *reading, struct bytes *text)
{
	struct buffer *scratch = &reading->shaper->text;
	*text = (struct bytes){0};
	if (reading->member == NULL)
		return true;
	if (reading->member->type != JSON_TEXT)
		return reading_refuse(reading, "invalid");
	buffer_clear(scratch);
	enum text_fault fault = text_clean(reading->member->text, scratch);
	if (fault == TEXT_TOO_LARGE || scratch->size > TEXTS_BYTES_MAX - reading->texts_bytes)
		return reading_refuse(reading, "too_long");
	if (fault != TEXT_OK)
		return reading_refuse(reading, "invalid");
	reading->texts_bytes += scratch->size;
	text->size = scratch->size;
	text->data = arena_copy(reading->shaper->arena, scratch->data, scratch->size);
	return text->data != NULL || reading_refuse(reading, "too_long");
}

bool reading_line(struct reading *reading, struct bytes *text, size_t characters_max)
{
	if (!reading_text(reading, text))
		return false;
	uint8_t *octets = (uint8_t *)(uintptr_t)text->data; /* our own copy */
	for (size_t i = 0; i < text->size; i++)
		octets[i] = octets[i] == '\n' ? ' ' : octets[i];
	return text_characters(*text) <= characters_max || reading_refuse(reading, "too_long");
}

static size_t reader_of(struct bytes name, const struct field_reader *readers, size_t count)
{
	size_t i = 0;
	while (i < count &&
		(strlen(readers[i].name) != name.size || memcmp(readers[i].name, name.data, name.size) != 0))
		i++;
	return i;
}

enum json_fault reading_object(
	struct reading *reading, struct bytes body, const struct field_reader *readers, size_t count)
{
	const struct json_member *members[FIELD_READERS + 1] = {0};
	struct json_object object;
	assert(count <= FIELD_READERS);
	arena_reset(reading->shaper->arena);
	enum json_fault fault = json_object_parse(body, reading->shaper->arena, &object);
	if (fault != JSON_OK)
		return fault;
	if (!object.is_object) {
		shape_add_error(reading->shape, "", "invalid");
		return JSON_OK;
	}
	for (size_t i = 0; i < object.count; i++)
		members[reader_of(object.members[i].name, readers, count)] = &object.members[i];
	for (size_t i = 0; i < count; i++) {
		reading->member = members[i];
		reading->name = readers[i].name;
		readers[i].read(reading);
	}
	for (size_t i = 0; i < object.count; i++) {
		if (reader_of(object.members[i].name, readers, count) == count)
			add_error(reading->shape, object.members[i].name, "unknown_field");
	}
	return JSON_OK;
}

enum json_fault shape_read(struct shaper *shaper, struct bytes body, int64_t received_at_max, struct shape *shape)
{
	struct reading reading = {.shaper = shaper, .shape = shape, .received_at_max = received_at_max};
	shape->error_count = 0;
	shape->fields = (struct submission_fields){.authors = 1, .lead_author = true};
	return reading_object(&reading, body, FIELD_READER, FIELD_READERS);
}
