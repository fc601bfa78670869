/* One request: its header by http_parser, the checks a server makes before any handler, its body. */
#include "common/runtime/clock.h"
#include "common/runtime/http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

struct http_exchange *http_exchange_new(struct http_connection *connection)
{
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	struct http_server *server = connection->server;
	exchange->connection = connection;
	exchange->ticket = ++server->generation << 24 | connection->slot;
	exchange->head.limit = (size_t)server->limits->header_bytes_max + HTTP_FIELDS_MAX * sizeof("\0");
	http_parser_init(&exchange->parser, HTTP_REQUEST);
	exchange->parser.data = exchange;
	snprintf(exchange->request_id, sizeof(exchange->request_id), "%s%08llx", server->id_prefix,
		(unsigned long long)++server->id_counter);
	return exchange;
}

void http_exchange_free(struct http_exchange **exchange)
{
	struct http_exchange *it = *exchange;
	*exchange = NULL;
	if (!it)
		return;
	buffer_deinit(&it->head);
	buffer_deinit(&it->body);
	buffer_deinit(&it->extra);
	http_target_deinit(&it->target);
	free(it->fields);
	free(it);
}

struct refusal {
	int status;
	const char *word;
	struct {
		const char *vi, *en;
	} title;
};
static const struct refusal REFUSALS[] = {
	{400, "bad_request", {"Yêu cầu không đúng cú pháp HTTP", "The request is not proper HTTP"}},
	{404, "not_found", {"Không có đường dẫn này", "There is nothing at this path"}},
	{405, "method_not_allowed", {"Đường dẫn này không nhận phương thức đó", "This path does not take that method"}},
	{408, "too_slow", {"Nội dung gửi đến quá chậm", "The body came too slowly"}},
	{411, "length_required", {"Cần Content-Length hoặc chunked", "Content-Length or chunked is needed"}},
	{413, "too_large", {"Nội dung quá lớn", "The body is too large"}},
	{415, "unsupported_media_type", {"Không nhận loại nội dung này", "This type of content is not taken"}},
	{417, "expectation_failed", {"Không đáp ứng được Expect", "The expectation cannot be met"}},
	{431, "header_too_large", {"Phần đầu của yêu cầu quá lớn", "The request's header is too large"}},
	{500, "internal", {"Máy chủ gặp lỗi", "The server failed"}},
	{501, "not_implemented", {"Không hỗ trợ cách truyền này", "This transfer coding is not known"}},
	{505, "version_not_supported", {"Chỉ nhận HTTP/1.0 và HTTP/1.1", "Only HTTP/1.0 and HTTP/1.1 are spoken"}},
};

static void answer_refusal(struct http_exchange *exchange, int status)
{
	const struct refusal *refusal = REFUSALS;
	while (refusal->status != status)
		refusal++;
	char type[64];
	snprintf(type, sizeof(type), "/problems/%s", refusal->word);
	metric_add(exchange->connection->server->refused, 1);
	http_problem(exchange, status, type, http_prefers_english(exchange) ? refusal->title.en : refusal->title.vi,
		NULL, (struct bytes){0});
}

void http_refuse(struct http_exchange *exchange, int status)
{
	http_close_after(exchange);
	answer_refusal(exchange, status);
}

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

static size_t header_count(const struct http_exchange *exchange, const char *name)
{
	size_t count = 0;
	for (uint32_t i = 0; i < exchange->field_count; i++)
		count += strcasecmp((const char *)exchange->head.data + exchange->fields[i].name_at, name) == 0;
	return count;
}

static void take_request_id(struct http_exchange *exchange)
{
	const char *given = http_header(exchange, "X-Request-Id");
	size_t size = given ? strlen(given) : 0;
	if (size == 0 || size >= HTTP_REQUEST_ID_SIZE)
		return;
	if (strspn(given, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == size)
		memcpy(exchange->request_id, given, size + 1);
}

/* How the body is framed, before anybody asks whether it is wanted. 0: well; else the status of the refusal. */
static int head_judge(struct http_exchange *exchange)
{
	const http_parser *parser = &exchange->parser;
	if (parser->http_major != 1)
		return 505;
	exchange->old_version = parser->http_minor == 0;
	if (header_count(exchange, "Host") > 1 || (!exchange->old_version && !http_header(exchange, "Host")))
		return 400;
	const char *coding = http_header(exchange, "Transfer-Encoding");
	if (coding && (exchange->old_version || header_count(exchange, "Content-Length") > 0))
		return 400;
	if (coding && (header_count(exchange, "Transfer-Encoding") > 1 || strcasecmp(coding, "chunked") != 0))
		return 501;
	if (coding) {
		exchange->framing = HTTP_BODY_CHUNKED;
	} else if (header_count(exchange, "Content-Length") > 0) {
		exchange->framing = HTTP_BODY_LENGTH;
		exchange->body_left = parser->content_length;
	}
	const char *expect = http_header(exchange, "Expect");
	if (expect && strcasecmp(expect, "100-continue") != 0)
		return 417;
	if (!http_target_parse(&exchange->target, (const char *)exchange->head.data))
		return 400;
	return 0;
}

static bool content_type_matches(const struct http_exchange *exchange)
{
	const char *wanted = exchange->route->content_type, *given = http_header(exchange, "Content-Type");
	if (!wanted)
		return true;
	size_t size = strlen(wanted);
	return given && strncasecmp(given, wanted, size) == 0 && strchr("; \t", given[size]) != NULL;
}

/* 411, 413, 415, in this order (contract); 0: the body may come. */
static int body_judge(const struct http_exchange *exchange)
{
	const struct http_route *route = exchange->route;
	bool wants = route->body_bytes_max > 0 || route->on_piece;
	if (wants && exchange->framing == HTTP_BODY_NONE)
		return 411;
	if (!route->on_piece && exchange->body_left > route->body_bytes_max)
		return 413;
	if (!wants && exchange->framing == HTTP_BODY_CHUNKED)
		return 413;
	return wants && !content_type_matches(exchange) ? 415 : 0;
}

static bool route_find(struct http_exchange *exchange)
{
	const struct http_server_options *options = &exchange->connection->server->options;
	char allow[64];
	exchange->route = http_route_find(
		options->routes, options->route_count, http_method(exchange), &exchange->target, allow, sizeof(allow));
	if (exchange->route)
		return true;
	if (allow[0] != '\0')
		http_add_header(exchange, "Allow", allow);
	answer_refusal(exchange, allow[0] != '\0' ? 405 : 404);
	return false;
}

static void body_end(struct http_exchange *exchange)
{
	void *context = exchange->connection->server->options.context;
	http_timer_disarm(exchange->connection, HTTP_TIMER_BODY);
	if (exchange->connection->timers[HTTP_TIMER_WRITE].connection) /* its client begins to read only now */
		http_timer_arm(exchange->connection, HTTP_TIMER_WRITE);
	exchange->stage = HTTP_STAGE_READ;
	exchange->received_at = clock_receipt_us();
	if (exchange->route->on_piece) {
		exchange->route->on_piece(exchange, (struct bytes){0}, true, context);
		return;
	}
	exchange->handled = true;
	exchange->route->handler(exchange, context);
}

static void body_begin(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	exchange->stage = HTTP_STAGE_BODY;
	http_timer_arm(connection, HTTP_TIMER_BODY);
	if (exchange->route->on_piece) {
		exchange->received_at = clock_receipt_us();
		exchange->handled = true;
		exchange->route->handler(exchange, connection->server->options.context);
		if (exchange->over)
			return;
	}
	if (exchange->framing == HTTP_BODY_LENGTH && exchange->body_left == 0) {
		body_end(exchange);
		return;
	}
	static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (http_header(exchange, "Expect") && !exchange->streaming && !exchange->old_version) {
		http_output_add(&connection->output, CONTINUE, sizeof(CONTINUE) - 1);
		http_connection_schedule(connection);
	}
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

static void head_end(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	http_timer_disarm(connection, HTTP_TIMER_HEADER);
	fields_trim(exchange);
	if (exchange->head.failed) {
		http_refuse(exchange, 431);
		return;
	}
	take_request_id(exchange);
	exchange->head_only = exchange->parser.method == HTTP_HEAD;
	int status = head_judge(exchange);
	if (status != 0) {
		http_refuse(exchange, status);
		return;
	}
	connection->closing |= !http_should_keep_alive(&exchange->parser);
	if (exchange->framing == HTTP_BODY_NONE || (exchange->framing == HTTP_BODY_LENGTH && exchange->body_left == 0))
		exchange->stage = HTTP_STAGE_READ;
	if (!route_find(exchange))
		return;
	status = body_judge(exchange);
	if (status != 0)
		http_refuse(exchange, status);
	else if (exchange->stage == HTTP_STAGE_READ && !exchange->route->on_piece)
		body_end(exchange);
	else
		body_begin(exchange);
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
	int fault = head_fault(exchange, (struct bytes){data.data, used}, used < room);
	if (fault != 0)
		http_refuse(exchange, fault);
	else if (exchange->head_read)
		head_end(exchange);
	return used;
}

static void body_piece(struct http_exchange *exchange, struct bytes piece)
{
	const struct http_route *route = exchange->route;
	if (route->on_piece) {
		http_timer_arm(exchange->connection, HTTP_TIMER_BODY);
		exchange->received_at = clock_receipt_us();
		route->on_piece(exchange, piece, false, exchange->connection->server->options.context);
		return;
	}
	if (exchange->body.size + piece.size > route->body_bytes_max) {
		http_refuse(exchange, 413);
		return;
	}
	buffer_add(&exchange->body, piece.data, piece.size);
	if (exchange->body.failed)
		http_refuse(exchange, 500);
}

static size_t body_read_chunk(struct http_exchange *exchange, struct bytes data)
{
	size_t used = 0;
	struct bytes piece;
	switch (http_chunks_next(&exchange->chunks, data, &used, &piece)) {
	case HTTP_CHUNK_MORE:
		break;
	case HTTP_CHUNK_DATA:
		body_piece(exchange, piece);
		break;
	case HTTP_CHUNK_END:
		body_end(exchange);
		break;
	case HTTP_CHUNK_BAD:
		if (exchange->streaming)
			exchange->connection->doomed = true;
		else
			http_refuse(exchange, 400);
		break;
	}
	return used;
}

static size_t body_read_length(struct http_exchange *exchange, struct bytes data)
{
	size_t size = data.size < exchange->body_left ? data.size : (size_t)exchange->body_left;
	exchange->body_left -= size;
	body_piece(exchange, (struct bytes){data.data, size});
	if (exchange->body_left == 0 && !exchange->over)
		body_end(exchange);
	return size;
}

size_t http_body_read(struct http_exchange *exchange, struct bytes data)
{
	if (exchange->framing == HTTP_BODY_CHUNKED)
		return body_read_chunk(exchange, data);
	return body_read_length(exchange, data);
}
