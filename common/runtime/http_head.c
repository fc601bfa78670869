/* The header of a request: http_parser's grammar, and what it is too kind to refuse. */
#include "common/runtime/http_private.h"

#include <stdlib.h>
#include <string.h>

static void head_text(struct http_exchange *exchange, const char *text, size_t size)
{
	buffer_add(&exchange->head, text, size);
}

static int on_url(http_parser *parser, const char *text, size_t size)
{
	head_text(parser->data, text, size);
	return 0;
}

static bool fields_grow(struct http_exchange *exchange)
{
	/* 16, 32, 64, … : a power of two means that the array is full. */
	if (exchange->field_count < 16 ? exchange->field_count > 0
				       : (exchange->field_count & (exchange->field_count - 1)) != 0)
		return true;
	size_t capacity = exchange->field_count == 0 ? 16 : exchange->field_count * 2U;
	struct http_field *fields = realloc(exchange->fields, capacity * sizeof(*fields));
	if (fields)
		exchange->fields = fields;
	return fields != NULL;
}

static int on_field(http_parser *parser, const char *text, size_t size)
{
	struct http_exchange *exchange = parser->data;
	if (exchange->in_value || exchange->field_count == 0) {
		if (exchange->field_count == HTTP_FIELDS_MAX || !fields_grow(exchange)) {
			exchange->too_many_fields = true;
			return 1;
		}
		head_text(exchange, "", 1);
		exchange->fields[exchange->field_count++].name_at = (uint32_t)exchange->head.size;
		exchange->in_value = false;
	}
	head_text(exchange, text, size);
	/* Debian's build of the parser lets "Content-Length :" pass, which another server may read differently. */
	return memchr(text, ' ', size) != NULL;
}

static int on_value(http_parser *parser, const char *text, size_t size)
{
	struct http_exchange *exchange = parser->data;
	if (!exchange->in_value) {
		head_text(exchange, "", 1);
		exchange->fields[exchange->field_count - 1].value_at = (uint32_t)exchange->head.size;
		exchange->in_value = true;
	}
	head_text(exchange, text, size);
	return 0;
}

static int on_head(http_parser *parser)
{
	(void)parser;
	return 1; /* bodies are read by us */
}

static int on_complete(http_parser *parser)
{
	struct http_exchange *exchange = parser->data;
	exchange->head_read = true;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings PARSER = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_message_complete = on_complete,
};

/* Lines end in CR LF, none is folded: what is read in two ways is how requests are smuggled. */
static bool lines_are_strict(struct http_exchange *exchange, struct bytes data)
{
	uint8_t last = exchange->last_byte;
	for (size_t i = 0; i < data.size; i++) {
		uint8_t octet = data.data[i];
		if ((octet == '\n') != (last == '\r'))
			return false;
		if (last == '\n' && (octet == ' ' || octet == '\t'))
			return false;
		last = octet;
	}
	exchange->last_byte = last;
	return true;
}

/* Values lose the white space behind them. */
static void fields_trim(struct http_exchange *exchange)
{
	head_text(exchange, "", 1);
	for (uint32_t i = 0; i < exchange->field_count && !exchange->head.failed; i++) {
		char *value = (char *)exchange->head.data + exchange->fields[i].value_at;
		size_t size = strlen(value);
		while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
			value[--size] = '\0';
	}
}

/* 400 or 431 for what was read so far, 0 where it is well. */
static int head_fault(struct http_exchange *exchange, struct bytes read, bool room)
{
	enum http_errno fault = HTTP_PARSER_ERRNO(&exchange->parser);
	if (exchange->too_many_fields)
		return 431;
	if ((fault != HPE_OK && fault != HPE_PAUSED) || !lines_are_strict(exchange, read))
		return 400;
	return exchange->head.failed || (!exchange->head_read && !room) ? 431 : 0;
}

size_t http_head_read(struct http_exchange *exchange, struct bytes data)
{
	uint32_t room = exchange->connection->server->limits->header_bytes_max - exchange->head_bytes;
	size_t size = data.size < room ? data.size : room;
	size_t used = http_parser_execute(&exchange->parser, &PARSER, (const char *)data.data, size);
	exchange->head_bytes += (uint32_t)used;
	if (exchange->head_read)
		fields_trim(exchange);
	int fault = head_fault(exchange, (struct bytes){data.data, used}, used < room);
	if (fault != 0)
		http_refuse(exchange, fault);
	else if (exchange->head_read)
		http_head_judge(exchange);
	return used;
}
