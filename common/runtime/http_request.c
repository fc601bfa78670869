/* One request: its beginning and end, and the checks a server makes before any handler. */
#include "common/runtime/http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_exchange *http_exchange_new(struct http_connection *connection)
{
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	struct http_server *server = connection->server;
	exchange->connection = connection;
	exchange->ticket = ++server->generation << 24 | connection->slot;
	exchange->head.limit = (size_t)server->limits->header_bytes_max + HTTP_FIELDS_MAX * 2UL;
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

void http_head_judge(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	http_timer_disarm(connection, HTTP_TIMER_HEADER);
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
		http_body_end(exchange);
	else
		http_body_begin(exchange);
}
