#include "common/runtime/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_LIMIT_STANDARD = 64 << 20, BUFFER_CAPACITY_LEAST = 256 };

void buffer_deinit(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->size = 0;
	buffer->capacity = 0;
	buffer->failed = false;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
	buffer->failed = false;
}

/* Room for `size` more bytes and, where the limit allows it, one more for vsnprintf's NUL. */
static bool buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t limit = buffer->limit != 0 ? buffer->limit : BUFFER_LIMIT_STANDARD;
	if (buffer->failed || size > limit || buffer->size > limit - size) {
		buffer->failed = true;
		return false;
	}
	size_t needed = buffer->size + size + 1;
	if (needed <= buffer->capacity)
		return true;
	size_t capacity = buffer->capacity > BUFFER_CAPACITY_LEAST ? buffer->capacity : BUFFER_CAPACITY_LEAST;
	while (capacity < needed)
		capacity *= 2;
	if (capacity > limit + 1)
		capacity = limit + 1;
	uint8_t *data = realloc(buffer->data, capacity);
	if (data == NULL) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	if (size == 0 || !buffer_reserve(buffer, size))
		return;
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
}

void buffer_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
	va_list measured, written;
	va_start(measured, format);
	va_copy(written, measured);
	int length = vsnprintf(NULL, 0, format, measured);
	va_end(measured);
	if (length < 0)
		buffer->failed = true;
	if (length > 0 && buffer_reserve(buffer, (size_t)length)) {
		vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, written);
		buffer->size += (size_t)length;
	}
	va_end(written);
}

/* Bytes of the well-formed UTF-8 character at the front of `text` (Unicode table 3-7); 0 where there is none. */
static size_t utf8_length(const uint8_t *text, size_t size)
{
	uint8_t first = text[0];
	if (first < 0x80)
		return 1;
	size_t length = first >= 0xC2 && first <= 0xDF   ? 2
			: first >= 0xE0 && first <= 0xEF ? 3
			: first >= 0xF0 && first <= 0xF4 ? 4
							 : 0;
	if (length == 0 || size < length)
		return 0;
	uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (text[1] < least || text[1] > most)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

static void add_escaped(struct buffer *buffer, uint8_t octet)
{
	switch (octet) {
	case '"':
		buffer_text(buffer, "\\\"");
		break;
	case '\\':
		buffer_text(buffer, "\\\\");
		break;
	case '/':
		buffer_text(buffer, "\\/");
		break;
	case '\n':
		buffer_text(buffer, "\\n");
		break;
	case '\r':
		buffer_text(buffer, "\\r");
		break;
	case '\t':
		buffer_text(buffer, "\\t");
		break;
	default:
		buffer_format(buffer, "\\u%04x", octet);
	}
}

static bool must_escape(const struct bytes text, size_t at)
{
	uint8_t octet = text.data[at];
	/* "</" would end a <script> that the JSON is put into. */
	return octet < 0x20 || octet == '"' || octet == '\\' || octet == 0x7F ||
	       (octet == '/' && at > 0 && text.data[at - 1] == '<');
}

void buffer_json(struct buffer *buffer, struct bytes text)
{
	size_t run = 0; /* where the bytes begin that need nothing done */
	buffer_text(buffer, "\"");
	for (size_t at = 0; at < text.size;) {
		size_t length = utf8_length(text.data + at, text.size - at);
		if (length > 1 || (length == 1 && !must_escape(text, at))) {
			at += length;
			continue;
		}
		if (at > run)
			buffer_add(buffer, text.data + run, at - run);
		if (length == 1)
			add_escaped(buffer, text.data[at]);
		else
			buffer_text(buffer, "\xEF\xBF\xBD"); /* JSON is UTF-8 whatever we were given: U+FFFD */
		run = ++at;
	}
	if (text.size > run)
		buffer_add(buffer, text.data + run, text.size - run);
	buffer_text(buffer, "\"");
}

void buffer_json_text(struct buffer *buffer, const char *text)
{
	buffer_json(buffer, (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)});
}

void buffer_json_member(struct buffer *buffer, const char *name, struct bytes text)
{
	buffer_format(buffer, ",\"%s\":", name);
	buffer_json(buffer, text);
}

void buffer_consume(struct buffer *buffer, size_t size)
{
	assert(size <= buffer->size);
	buffer->size -= size;
	if (buffer->size > 0 && size > 0)
		memmove(buffer->data, buffer->data + size, buffer->size);
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
	return (struct bytes){.data = buffer->data, .size = buffer->size};
}
