/* The body of a request: gathered for its handler, or given on piece by piece. */
#include "common/runtime/clock.h"
#include "common/runtime/http_private.h"

void http_body_end(struct http_exchange *exchange)
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

void http_body_begin(struct http_exchange *exchange)
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
		http_body_end(exchange);
		return;
	}
	static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (http_header(exchange, "Expect") && !exchange->streaming && !exchange->old_version) {
		http_output_add(&connection->output, CONTINUE, sizeof(CONTINUE) - 1);
		http_connection_schedule(connection);
	}
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
		http_body_end(exchange);
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
		http_body_end(exchange);
	return size;
}

size_t http_body_read(struct http_exchange *exchange, struct bytes data)
{
	if (exchange->framing == HTTP_BODY_CHUNKED)
		return body_read_chunk(exchange, data);
	return body_read_length(exchange, data);
}
