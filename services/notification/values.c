#include "services/notification/values.h"

#include "common/domain/notices.h"

#include <string.h>

void values_set(struct values *values, const char *word, struct bytes text)
{
	size_t at = 0;

	while (at < values->count && strcmp(values->rows[at].word, word) != 0)
		at++;
	assert(at < VALUES_MAX && notice_variable_known(word, strlen(word)));
	values->rows[at].word = word;
	values->rows[at].text = text;
	if (at == values->count)
		values->count++;
}

void values_set_text(struct values *values, const char *word, const char *text)
{
	values_set(values, word, (struct bytes){(const uint8_t *)text, strlen(text)});
}

struct bytes values_get(const struct values *values, const char *word, size_t size)
{
	for (size_t i = 0; i < values->count; i++)
		if (strlen(values->rows[i].word) == size && memcmp(values->rows[i].word, word, size) == 0)
			return values->rows[i].text;
	return (struct bytes){0};
}

/* The one without a locale. */
static bool is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
}

static void escape_octet(uint8_t c, enum escape escape, struct buffer *out)
{
	if (escape == ESCAPE_HEADER ? c >= ' ' && c < 0x7f : c != '\0' && is_unreserved(c))
		buffer_add(out, &c, 1);
	else if (escape == ESCAPE_FORM && c == ' ')
		buffer_text(out, "+");
	else if (escape != ESCAPE_HEADER)
		buffer_format(out, "%%%02X", c);
}

static void escape_json(struct bytes text, struct buffer *out)
{
	size_t at = out->size;

	buffer_json(out, text);
	if (out->failed)
		return;
	/* The quotes are the pattern's. */
	memmove(out->data + at, out->data + at + 1, out->size - at - 2);
	out->size -= 2;
}

void values_escape(struct bytes text, enum escape escape, struct buffer *out)
{
	if (escape == ESCAPE_NONE) {
		buffer_add(out, text.data, text.size);
	} else if (escape == ESCAPE_JSON) {
		escape_json(text, out);
	} else {
		for (size_t i = 0; i < text.size; i++)
			escape_octet(text.data[i], escape, out);
	}
}

void values_expand(const struct values *values, const char *pattern, enum escape escape, struct buffer *out)
{
	size_t from = 0, at = 0, size;

	while (notice_variable_next(pattern, &at, &size)) {
		buffer_add(out, pattern + from, at - from);
		values_escape(values_get(values, pattern + at + 1, size - 2), escape, out);
		from = at += size;
	}
	buffer_text(out, pattern + from);
}
