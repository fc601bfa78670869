/* What handlers see of a request, and how they answer. */
#include "common/runtime/clock.h"
#include "common/runtime/http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_method(const struct http_exchange *exchange)
{
	return http_method_str((enum http_method)exchange->parser.method);
}

const char *http_path_value(const struct http_exchange *exchange, const char *name)
{
	size_t size = strlen(name);
	for (uint32_t i = 0; i < exchange->target.value_count; i++) {
		const struct http_pair *value = &exchange->target.values[i];
		if (strncmp(value->name + 1, name, size) == 0 && value->name[size + 1] == '}')
			return value->value;
	}
	return NULL;
}

const char *http_query(const struct http_exchange *exchange, const char *name)
{
	for (uint32_t i = 0; i < exchange->target.query_count; i++)
		if (strcmp(exchange->target.query[i].name, name) == 0)
			return exchange->target.query[i].value;
	return NULL;
}

const char *http_header_nth(const struct http_exchange *exchange, const char *name, uint32_t nth)
{
	for (uint32_t i = 0; i < exchange->field_count; i++) {
		const char *texts = (const char *)exchange->head.data;
		if (strcasecmp(texts + exchange->fields[i].name_at, name) == 0 && nth-- == 0)
			return texts + exchange->fields[i].value_at;
	}
	return NULL;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
	return http_header_nth(exchange, name, 0);
}

struct bytes http_body(const struct http_exchange *exchange)
{
	return buffer_bytes(&exchange->body);
}

int64_t http_received_at(const struct http_exchange *exchange)
{
	return exchange->received_at;
}

const char *http_request_id(const struct http_exchange *exchange)
{
	return exchange->request_id;
}

/* The "q" of one language range, in thousandths: 1000 where there is none. */
static int range_quality(const char *range, size_t size)
{
	const char *q = memmem(range, size, "q=", 2);
	if (!q)
		return 1000;
	double quality = strtod(q + 2, NULL);
	return quality >= 0 && quality <= 1 ? (int)(quality * 1000) : 0;
}

bool http_prefers_english(const struct http_exchange *exchange)
{
	const char *accept = http_header(exchange, "Accept-Language");
	int english = 0, vietnamese = 0;
	while (accept && *accept != '\0') {
		accept += strspn(accept, " \t,");
		size_t size = strcspn(accept, ",");
		int quality = range_quality(accept, size);
		if (strncasecmp(accept, "en", 2) == 0 && quality > english)
			english = quality;
		else if ((strncasecmp(accept, "vi", 2) == 0 || *accept == '*') && quality > vietnamese)
			vietnamese = quality;
		accept += size;
	}
	return english > vietnamese;
}

void http_set_state(struct http_exchange *exchange, void *state)
{
	exchange->state = state;
}

void *http_state(const struct http_exchange *exchange)
{
	return exchange->state;
}

http_ticket http_ticket_of(const struct http_exchange *exchange)
{
	return exchange->ticket;
}

struct http_server *http_server_of(const struct http_exchange *exchange)
{
	return exchange->connection->server;
}

struct http_exchange *http_find(struct http_server *server, http_ticket ticket)
{
	uint32_t slot = (uint32_t)(ticket & 0xffffff);
	struct http_connection *connection = slot < server->limits->connections_max ? server->connections[slot] : NULL;
	struct http_exchange *exchange = connection ? connection->exchange : NULL;
	bool alive = exchange && exchange->ticket == ticket && !exchange->over && !connection->doomed;
	return alive ? exchange : NULL;
}

void http_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	assert(!exchange->streaming && !exchange->over);
	buffer_text(&exchange->extra, name);
	buffer_text(&exchange->extra, ": ");
	/* A value from elsewhere must not begin a line of its own. */
	for (; *value != '\0'; value++)
		if ((unsigned char)*value >= ' ')
			buffer_add(&exchange->extra, value, 1);
	buffer_text(&exchange->extra, "\r\n");
}

void http_close_after(struct http_exchange *exchange)
{
	exchange->connection->closing = true;
	exchange->connection->linger_next = true;
}

static void answer_head(struct http_exchange *exchange, int status, const char *content_type, const char *framing)
{
	struct http_connection *connection = exchange->connection;
	if (exchange->stage != HTTP_STAGE_READ && !exchange->streaming)
		http_close_after(exchange);
	const char *end = connection->closing     ? "Connection: close\r\n"
			  : exchange->old_version ? "Connection: keep-alive\r\n"
						  : "";
	char head[512];
	int size = snprintf(head, sizeof(head),
		"HTTP/1.1 %d %s\r\n%s%s%s%s%sX-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n", status,
		http_status_str((enum http_status)status), content_type ? "Content-Type: " : "",
		content_type ? content_type : "", content_type ? "\r\n" : "", framing, end, exchange->request_id);
	assert(size > 0 && (size_t)size < sizeof(head));
	http_output_add(&connection->output, head, (size_t)size);
	http_output_add(&connection->output, exchange->extra.data, exchange->extra.size);
	http_output_add(&connection->output, "\r\n", 2);
	metric_add(connection->server->requests[status / 100], 1);
	http_connection_schedule(connection);
}

void http_answer(struct http_exchange *exchange, int status, const char *content_type, struct bytes body)
{
	assert(!exchange->over && !exchange->streaming && status >= 200 && status < 600);
	bool empty = status == 204 || status == 304;
	char framing[48] = "";
	if (!empty)
		snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", body.size);
	answer_head(exchange, status, content_type, framing);
	if (!empty && !exchange->head_only)
		http_output_add(&exchange->connection->output, body.data, body.size);
	exchange->over = true;
}

void http_problem(struct http_exchange *exchange, int status, const char *type, const char *title, const char *detail,
	struct bytes errors)
{
	struct buffer body = {0};
	const char *word = strrchr(type, '/');
	buffer_text(&body, "{\"type\":");
	buffer_json_text(&body, type);
	buffer_text(&body, ",\"code\":");
	buffer_json_text(&body, word ? word + 1 : type);
	buffer_text(&body, ",\"title\":");
	buffer_json_text(&body, title);
	buffer_format(&body, ",\"status\":%d", status);
	buffer_text(&body, ",\"detail\":");
	buffer_json_text(&body, detail ? detail : title);
	if (errors.size > 0) {
		buffer_text(&body, ",\"errors\":[");
		buffer_add(&body, errors.data, errors.size);
		buffer_text(&body, "]");
	}
	buffer_text(&body, "}\n");
	http_answer(exchange, status, "application/problem+json",
		body.failed ? (struct bytes){(const uint8_t *)"{}", 2} : buffer_bytes(&body));
	buffer_deinit(&body);
}

void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type)
{
	assert(!exchange->over && !exchange->streaming);
	struct http_connection *connection = exchange->connection;
	exchange->chunked = !exchange->old_version;
	/* To HEAD the head is the whole answer; to the handler its client goes right after it. */
	connection->closing |= exchange->old_version || exchange->head_only;
	exchange->streaming = true;
	answer_head(exchange, status, content_type, exchange->chunked ? "Transfer-Encoding: chunked\r\n" : "");
}

/* May more be sent? A reader that lets too much lie is cut off; what lies only since this turn is tried first. */
static bool stream_has_room(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	struct http_output *output = &connection->output;
	size_t most = connection->server->limits->stream_bytes_max, sent;
	if (connection->doomed || output->failed || exchange->head_only)
		return false;
	if (output->spooling || output->bytes <= most)
		return true;
	if (connection->writable && http_output_flush(output, connection->fd, &sent) == HTTP_FLUSH_BLOCKED)
		connection->writable = false;
	if (output->bytes <= most && !output->failed)
		return true;
	metric_add(connection->server->cut, 1);
	connection->doomed = true;
	http_connection_schedule(connection);
	return false;
}

static bool stream_sent(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	connection->doomed |= connection->output.failed;
	http_connection_schedule(connection);
	return !connection->doomed;
}

bool http_stream_send(struct http_exchange *exchange, struct bytes piece)
{
	assert(exchange->streaming && !exchange->over);
	if (!stream_has_room(exchange))
		return false;
	if (piece.size == 0)
		return true; /* an empty chunk would end the answer */
	struct http_output *output = &exchange->connection->output;
	if (exchange->chunked) {
		char frame[24];
		int size = snprintf(frame, sizeof(frame), "%zx\r\n", piece.size);
		http_output_add(output, frame, (size_t)size);
	}
	http_output_add(output, piece.data, piece.size);
	if (exchange->chunked)
		http_output_add(output, "\r\n", 2);
	return stream_sent(exchange);
}

bool http_stream_share(struct http_exchange *exchange, struct http_shared *shared)
{
	assert(exchange->streaming && !exchange->over);
	if (!stream_has_room(exchange))
		return false;
	http_output_share(&exchange->connection->output, shared, exchange->chunked);
	return stream_sent(exchange);
}

bool http_stream_spool(struct http_exchange *exchange)
{
	return http_output_spool(&exchange->connection->output);
}

void http_stream_end(struct http_exchange *exchange)
{
	assert(exchange->streaming && !exchange->over);
	if (exchange->chunked && !exchange->head_only)
		http_output_add(&exchange->connection->output, "0\r\n\r\n", 5);
	if (exchange->stage != HTTP_STAGE_READ)
		http_close_after(exchange);
	exchange->over = true;
	http_connection_schedule(exchange->connection);
}

void http_pause(struct http_exchange *exchange)
{
	exchange->paused = true;
	http_timer_disarm(exchange->connection, HTTP_TIMER_BODY);
}

void http_resume(struct http_exchange *exchange)
{
	if (exchange->paused && exchange->stage == HTTP_STAGE_BODY)
		http_timer_arm(exchange->connection, HTTP_TIMER_BODY);
	exchange->paused = false;
	http_connection_schedule(exchange->connection);
}

struct http_shared *http_shared_new(struct bytes data)
{
	char frame[24];
	int size = snprintf(frame, sizeof(frame), "%zx\r\n", data.size);
	assert(data.size > 0 && size > 0);
	struct http_shared *shared = malloc(sizeof(*shared) + (size_t)size + data.size + 2);
	if (!shared)
		return NULL;
	atomic_init(&shared->references, 1);
	shared->frame = (size_t)size;
	shared->size = data.size;
	memcpy(shared->octets, frame, shared->frame);
	memcpy(shared->octets + shared->frame, data.data, data.size);
	uint8_t *end = shared->octets + shared->frame + data.size;
	end[0] = '\r';
	end[1] = '\n';
	return shared;
}

void http_shared_release(struct http_shared **shared)
{
	struct http_shared *it = *shared;
	*shared = NULL;
	if (it && atomic_fetch_sub_explicit(&it->references, 1, memory_order_acq_rel) == 1)
		free(it);
}
