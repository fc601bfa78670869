/* Timers of the HTTP server. Each kind has one length, so arming is appending and expiry looks at the front alone. */
#include "common/runtime/http_private.h"

static void timer_unlink(struct http_timer_list *list, struct http_timer *timer)
{
	*(timer->previous ? &timer->previous->next : &list->first) = timer->next;
	*(timer->next ? &timer->next->previous : &list->last) = timer->previous;
	*timer = (struct http_timer){0};
}

void http_timer_disarm(struct http_connection *connection, enum http_timer_kind kind)
{
	struct http_timer *timer = &connection->timers[kind];
	if (timer->connection)
		timer_unlink(&connection->server->timers[kind], timer);
}

void http_timer_arm(struct http_connection *connection, enum http_timer_kind kind)
{
	struct http_timer_list *list = &connection->server->timers[kind];
	struct http_timer *timer = &connection->timers[kind];
	http_timer_disarm(connection, kind);
	*timer = (struct http_timer){.previous = list->last,
		.connection = connection,
		.deadline_ms = connection->server->now_ms + list->length_ms};
	*(list->last ? &list->last->next : &list->first) = timer;
	list->last = timer;
}

int64_t http_timers_next_ms(const struct http_server *server)
{
	int64_t next = INT64_MAX;
	for (int kind = 0; kind < HTTP_TIMER_KINDS; kind++)
		if (server->timers[kind].first && server->timers[kind].first->deadline_ms < next)
			next = server->timers[kind].first->deadline_ms;
	return next;
}

void http_timers_expire(struct http_server *server)
{
	for (int kind = 0; kind < HTTP_TIMER_KINDS; kind++) {
		struct http_timer_list *list = &server->timers[kind];
		while (list->first && list->first->deadline_ms <= server->now_ms) {
			struct http_connection *connection = list->first->connection;
			timer_unlink(list, list->first);
			connection->expired |= (uint8_t)(1U << kind);
			http_connection_schedule(connection);
		}
	}
}
