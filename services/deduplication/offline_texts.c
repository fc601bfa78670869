#include "services/deduplication/offline_texts.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

static bool complain(struct offline_reader *reader, const char *what)
{
	reader->complaint = what;
	return false;
}

static const char *member(yajl_val object, const char *name)
{
	const char *path[] = {name, NULL};
	yajl_val value = yajl_tree_get(object, path, yajl_t_string);
	return value == NULL ? NULL : YAJL_GET_STRING(value);
}

static bool take(struct offline_reader *reader, yajl_val object, struct offline_text *text)
{
	const char *name = member(object, "id"), *words = member(object, "text");
	if (name == NULL || words == NULL)
		return complain(reader, "it has no \"id\" and \"text\" that are strings");
	size_t size = strlen(words);
	*text = (struct offline_text){.name = strdup(name), .text = malloc(size + 1), .size = (uint32_t)size};
	if (text->name == NULL || text->text == NULL) {
		offline_text_deinit(text);
		return complain(reader, "there is no memory for it");
	}
	memcpy(text->text, words, size);
	return true;
}

bool offline_read(struct offline_reader *reader, struct offline_text *text)
{
	ssize_t size;
	if (reader->complaint != NULL)
		return false;
	do {
		size = getline(&reader->line, &reader->capacity, reader->file);
		reader->number++;
	} while (size > 0 && strspn(reader->line, " \t\r\n") == (size_t)size);
	if (size < 0)
		return ferror(reader->file) ? complain(reader, "it cannot be read") : false;
	if (strlen(reader->line) != (size_t)size)
		return complain(reader, "it holds a NUL");
	yajl_val object = yajl_tree_parse(reader->line, NULL, 0);
	if (object == NULL)
		return complain(reader, "it is not JSON in UTF-8");
	bool taken = take(reader, object, text);
	yajl_tree_free(object);
	return taken;
}

void offline_text_deinit(struct offline_text *text)
{
	free(text->name);
	free(text->text);
	*text = (struct offline_text){0};
}

void offline_write(struct buffer *out, const struct offline_text *text, const struct offline_text *original)
{
	buffer_text(out, "{\"id\": ");
	buffer_json_text(out, text->name);
	buffer_text(out, ", \"duplicate_of\": ");
	if (original == text)
		buffer_text(out, "null");
	else
		buffer_json_text(out, original->name);
	buffer_format(out, ", \"score\": %.4f", (double)text->score);
	if (text->legacy != LEGACY_NONE)
		buffer_format(out, ", \"encoding\": \"%s\"", legacy_name(text->legacy));
	buffer_text(out, "}\n");
}
