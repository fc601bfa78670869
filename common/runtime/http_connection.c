/* The life of one connection: read, hand to its exchange, write, and again; or its end. */
#include "common/runtime/http_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_connection *http_connection_new(struct http_server *server, int fd)
{
	assert(server->free_count > 0);
	struct http_connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->server = server;
	connection->fd = fd;
	connection->output.spool = -1;
	connection->writable = true;
	int yes = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* a unix socket says no, which is well */
	/* Edge-triggered, registered once: no system call for a change of what we wait for. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(connection);
		return NULL;
	}
	connection->slot = server->free_slots[--server->free_count];
	server->connections[connection->slot] = connection;
	metric_set(server->open, server->limits->connections_max - server->free_count);
	http_timer_arm(connection, HTTP_TIMER_HEADER);
	return connection;
}

void http_connection_schedule(struct http_connection *connection)
{
	if (connection->progressing) {
		connection->again = true;
		return;
	}
	if (connection->scheduled)
		return;
	connection->scheduled = true;
	connection->next_scheduled = connection->server->scheduled;
	connection->server->scheduled = connection;
}

/* The exchange's client has gone: its handler hears of it once. */
static void exchange_abandon(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->exchange;
	if (!exchange || exchange->over)
		return;
	exchange->over = true;
	if (exchange->handled && exchange->route->on_closed)
		exchange->route->on_closed(exchange, connection->server->options.context);
}

void http_connection_end(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	assert(!connection->scheduled);
	connection->doomed = connection->progressing = true; /* nobody puts it on the list any more */
	exchange_abandon(connection);
	for (int kind = 0; kind < HTTP_TIMER_KINDS; kind++)
		http_timer_disarm(connection, kind);
	if (http_output_unsent(&connection->output) > 0) {
		/* Who was cut off gets a reset, or the kernel would keep what it does not read. */
		struct linger at_once = {.l_onoff = 1, .l_linger = 0};
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	http_exchange_free(&connection->exchange);
	http_output_deinit(&connection->output);
	buffer_deinit(&connection->ahead);
	close(connection->fd);
	server->connections[connection->slot] = NULL;
	server->free_slots[server->free_count++] = connection->slot;
	metric_set(server->open, server->limits->connections_max - server->free_count);
	free(connection);
}

static bool wants_input(const struct http_connection *connection)
{
	const struct http_exchange *exchange = connection->exchange;
	if (connection->lingering || !exchange)
		return true;
	if (exchange->over || exchange->stage == HTTP_STAGE_READ)
		return false;
	return exchange->stage == HTTP_STAGE_HEADER || !exchange->paused;
}

/* Gives bytes to the exchange at hand, a new one where there is none; how many it took. */
static size_t feed(struct http_connection *connection, struct bytes data)
{
	size_t used = 0;
	while (used < data.size && wants_input(connection) && !connection->doomed) {
		if (connection->lingering)
			return data.size;
		if (!connection->exchange) {
			connection->exchange = http_exchange_new(connection);
			if (connection->timers[HTTP_TIMER_IDLE].connection) {
				http_timer_disarm(connection, HTTP_TIMER_IDLE);
				http_timer_arm(connection, HTTP_TIMER_HEADER);
			}
		}
		if (!connection->exchange) {
			connection->doomed = true;
			break;
		}
		struct bytes rest = {data.data + used, data.size - used};
		bool header = connection->exchange->stage == HTTP_STAGE_HEADER;
		used += header ? http_head_read(connection->exchange, rest)
			       : http_body_read(connection->exchange, rest);
	}
	return used;
}

static void feed_ahead(struct http_connection *connection)
{
	size_t used = feed(connection, buffer_bytes(&connection->ahead));
	buffer_consume(&connection->ahead, used);
	if (connection->ahead.size == 0)
		buffer_deinit(&connection->ahead);
}

static void feed_socket(struct http_connection *connection)
{
	uint8_t *scratch = connection->server->scratch;
	ssize_t size = recv(connection->fd, scratch, HTTP_READ_BYTES, 0);
	if (size < 0 && errno == EINTR)
		return;
	if (size < 0) {
		connection->readable = false;
		connection->lost |= errno != EAGAIN && errno != EWOULDBLOCK;
		return;
	}
	if (size == 0) {
		connection->readable = false;
		connection->peer_closed = true;
		connection->lost = true; /* asked for more and there is none: a whole request is not coming */
		return;
	}
	size_t used = feed(connection, (struct bytes){scratch, (size_t)size});
	buffer_add(&connection->ahead, scratch + used, (size_t)size - used);
	connection->doomed |= connection->ahead.failed;
}

/* False: there is nothing to read, or nobody wants it. */
static bool read_some(struct http_connection *connection)
{
	if (!wants_input(connection) || connection->doomed || connection->lost)
		return false;
	if (connection->ahead.size > 0)
		feed_ahead(connection);
	else if (connection->readable)
		feed_socket(connection);
	else
		return false;
	return true;
}

/* False: something is left to send. */
static bool write_some(struct http_connection *connection)
{
	const struct http_exchange *exchange = connection->exchange;
	size_t sent;
	/* Many clients, and proxies, read nothing or pass nothing on until they have sent all. */
	if (connection->output.spooling && exchange && exchange->stage == HTTP_STAGE_BODY && !exchange->over)
		return false;
	if (!connection->writable)
		return http_output_unsent(&connection->output) == 0;
	switch (http_output_flush(&connection->output, connection->fd, &sent)) {
	case HTTP_FLUSH_ALL:
		http_timer_disarm(connection, HTTP_TIMER_WRITE);
		return true;
	case HTTP_FLUSH_BLOCKED:
		connection->writable = false;
		if (sent > 0 || !connection->timers[HTTP_TIMER_WRITE].connection)
			http_timer_arm(connection, HTTP_TIMER_WRITE);
		return false;
	case HTTP_FLUSH_BUDGET:
		http_timer_arm(connection, HTTP_TIMER_WRITE);
		http_connection_schedule(connection);
		return false;
	case HTTP_FLUSH_LOST:
		connection->lost = true;
		break;
	}
	return false;
}

/* The answer is sent: the connection closes, or waits for its next request. */
static void exchange_finish(struct http_connection *connection)
{
	http_exchange_free(&connection->exchange);
	http_output_deinit(&connection->output);
	for (int kind = 0; kind < HTTP_TIMER_KINDS; kind++)
		http_timer_disarm(connection, kind);
	connection->expired = 0;
	if (!connection->closing) {
		http_timer_arm(connection, HTTP_TIMER_IDLE);
		return;
	}
	if (!connection->linger_next || connection->peer_closed) {
		connection->doomed = true;
		return;
	}
	/* Closing with bytes unread would reset the connection and take the answer from under the client's eyes. */
	connection->lingering = true;
	buffer_deinit(&connection->ahead);
	shutdown(connection->fd, SHUT_WR);
	http_timer_arm(connection, HTTP_TIMER_LINGER);
}

static bool has_expired(const struct http_connection *connection, enum http_timer_kind kind)
{
	return (connection->expired & 1U << kind) != 0;
}

static void judge_timers(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->exchange;
	bool body = has_expired(connection, HTTP_TIMER_BODY) && exchange && !exchange->over;
	connection->doomed |= has_expired(connection, HTTP_TIMER_HEADER) || has_expired(connection, HTTP_TIMER_IDLE) ||
			      has_expired(connection, HTTP_TIMER_LINGER);
	if (has_expired(connection, HTTP_TIMER_WRITE)) {
		connection->doomed = true;
		metric_add(connection->server->cut, 1);
	}
	if (body && exchange->streaming)
		connection->doomed = true;
	else if (body)
		http_refuse(exchange, 408);
	connection->expired = 0;
}

/* A stream without a body to come ends when its client's side does; so does the one of HEAD. */
static void judge_stream(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->exchange;
	if (!exchange || !exchange->streaming || exchange->over)
		return;
	bool gone = connection->peer_closed && exchange->framing == HTTP_BODY_NONE;
	if (gone)
		connection->lost = true;
	else if (exchange->head_only)
		exchange_abandon(connection);
}

/* One round of reading and writing. False: nothing moved. */
static bool progress_once(struct http_connection *connection)
{
	bool moved = read_some(connection);
	judge_stream(connection);
	connection->again = false;
	bool all_sent = write_some(connection);
	struct http_exchange *exchange = connection->exchange;
	if (!all_sent || !exchange || !exchange->over)
		return moved;
	exchange_finish(connection);
	return true;
}

void http_connection_progress(struct http_connection *connection)
{
	connection->progressing = true;
	if (connection->expired != 0)
		judge_timers(connection);
	size_t left = HTTP_TURN_REQUESTS_MAX;
	while (!connection->doomed && !connection->lost && left > 0 && progress_once(connection))
		left--;
	connection->progressing = false;
	if (connection->doomed || connection->lost)
		http_connection_end(connection);
	else if (left == 0 || connection->again)
		http_connection_schedule(connection); /* its share of this turn is used up */
}

void http_connection_drain(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->exchange;
	connection->closing = true;
	if (!exchange || exchange->stage == HTTP_STAGE_HEADER) {
		connection->doomed = true;
	} else if (exchange->streaming && !exchange->over && exchange->framing == HTTP_BODY_NONE) {
		/* A stream of events has no end of its own; its client comes again, to another instance. */
		http_output_add(&connection->output, "0\r\n\r\n", exchange->chunked ? 5 : 0);
		exchange_abandon(connection);
	}
	http_connection_schedule(connection);
}
