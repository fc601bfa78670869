/* common/runtime/http.h without sockets: a fiber a server, requests that come from the simulated clients. */
#include "common/runtime/clock.h"
#include "tests/simulation/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIP_LEAST_US = 100, TRIP_MOST_US = 3000 };

const struct http_limits HTTP_LIMITS_STANDARD;

/* One answer on its way, or the news that the connection broke. */
struct answer {
	struct http_wish *wish;
	int status;
	size_t size;
	uint8_t body[];
};

static void deliver(void *context)
{
	struct answer *answer = context;

	answer->wish->answer(answer->wish, answer->status, (struct bytes){answer->body, answer->size});
	free(answer);
}

static void send_answer(struct http_wish *wish, int status, struct bytes body, int64_t after)
{
	struct answer *answer = malloc(sizeof(*answer) + body.size);

	assert(answer != NULL);
	*answer = (struct answer){wish, status, body.size};
	if (body.size > 0)
		memcpy(answer->body, body.data, body.size);
	world_at(world_now() + after, deliver, answer);
}

static int64_t trip(void)
{
	return world_between(TRIP_LEAST_US, TRIP_MOST_US);
}

/* Routes ---------------------------------------------------------------------------------------------------------- */

static bool match(const struct http_route *route, struct http_exchange *exchange)
{
	const char *pattern = route->path, *path = exchange->wish->path;

	exchange->value_count = 0;
	if (strcmp(route->method, exchange->wish->method) != 0)
		return false;
	while (*pattern != '\0') {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t name = strcspn(pattern + 1, "}"), size = strcspn(path, "/:?");
		assert(exchange->value_count < VALUES_MAX);
		snprintf(exchange->names[exchange->value_count], sizeof(exchange->names[0]), "%.*s", (int)name,
			pattern + 1);
		snprintf(exchange->values[exchange->value_count++], sizeof(exchange->values[0]), "%.*s", (int)size,
			path);
		pattern += name + 2;
		path += size;
	}
	return *path == '\0' || *path == '?';
}

static void handle(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;

	exchange->taken = true;
	exchange->received_at = clock_receipt_us();
	exchange->wish->received_at = exchange->received_at;
	exchange->wish->received_by = server->machine->number;
	exchange->wish->received_boot = server->machine->boots;
	for (size_t i = 0; i < server->options.route_count; i++) {
		const struct http_route *route = &server->options.routes[i];

		if (!match(route, exchange))
			continue;
		route->handler(exchange, server->options.context);
		return;
	}
	world_fail("no route for %s", exchange->wish->path);
}

/* The server ------------------------------------------------------------------------------------------------------ */

static void end_exchange(struct http_exchange *exchange)
{
	for (size_t i = 0; i < EXCHANGES_MAX; i++)
		if (exchange->server->exchanges[i] == exchange)
			exchange->server->exchanges[i] = NULL;
	free(exchange);
}

void exchange_answer(struct http_exchange *exchange, int status, struct bytes body)
{
	send_answer(exchange->wish, status, body, trip());
	end_exchange(exchange);
}

static void handle_new(struct http_server *server)
{
	for (size_t i = 0; i < EXCHANGES_MAX; i++)
		if (server->exchanges[i] && !server->exchanges[i]->taken)
			handle(server->exchanges[i]);
}

static void *run(void *context)
{
	struct http_server *server = context;
	int64_t tick = (int64_t)server->options.tick_ms * MS, due = world_now() + tick;
	void *letter;

	while (!server->closing) {
		handle_new(server);
		while (server->options.mailbox && mailbox_take(server->options.mailbox, &letter, 1) == 1)
			server->options.on_letter(letter, server->options.context);
		if (world_now() >= due && server->options.on_tick)
			server->options.on_tick(server, server->options.context);
		if (world_now() >= due)
			due = world_now() + tick;
		fiber_wait(server->waiters, due);
	}
	return NULL;
}

/* Its clients see the connection break. */
static void end_server(void *context)
{
	struct http_server *server = context;

	server->machine->http = NULL;
	for (size_t i = 0; i < EXCHANGES_MAX; i++) {
		if (!server->exchanges[i])
			continue;
		send_answer(server->exchanges[i]->wish, 0, (struct bytes){0}, trip());
		server->exchanges[i] = NULL;
	}
}

struct http_server *http_server_open(const struct http_server_options *options)
{
	struct http_server *server = calloc(1, sizeof(*server));

	assert(server != NULL);
	server->machine = machine_here();
	server->options = *options;
	server->waiters = mailbox_waiters(options->mailbox);
	if (options->handle)
		*options->handle = server;
	server->machine->http = server;
	machine_on_end(server->machine, end_server, server);
	fiber_start(server->machine, run, server);
	return server;
}

const char *http_server_address(const struct http_server *server)
{
	return server->options.listen;
}

void http_server_close(struct http_server **server, uint32_t grace_ms)
{
	(void)grace_ms;
	if (*server) {
		machine_off_end((*server)->machine, *server);
		(*server)->closing = true;
		end_server(*server);
	}
	*server = NULL;
}

void http_server_drain(struct http_server *server, uint32_t grace_ms)
{
	(void)grace_ms;
	server->machine->http = NULL; /* nothing new */
}

bool http_server_drained(const struct http_server *server)
{
	for (size_t i = 0; i < EXCHANGES_MAX; i++)
		if (server->exchanges[i])
			return false;
	return true;
}

struct arrival_at {
	struct machine *machine;
	struct http_wish *wish;
};

static void arrive(void *context)
{
	struct arrival_at *at = context;
	struct http_server *server = at->machine->http;
	struct http_exchange *exchange;
	size_t free_place = 0;

	while (server && free_place < EXCHANGES_MAX && server->exchanges[free_place])
		free_place++;
	if (!server || free_place == EXCHANGES_MAX) {
		send_answer(at->wish, 0, (struct bytes){0}, trip());
		free(at);
		return;
	}
	exchange = calloc(1, sizeof(*exchange));
	assert(exchange != NULL);
	exchange->server = server;
	exchange->wish = at->wish;
	exchange->ticket = ++server->last;
	server->exchanges[free_place] = exchange;
	waiters_wake_all(server->waiters);
	free(at);
}

void http_ask(struct machine *machine, struct http_wish *wish)
{
	struct arrival_at *at = malloc(sizeof(*at));

	assert(at != NULL);
	*at = (struct arrival_at){machine, wish};
	world_at(world_now() + trip(), arrive, at);
}

struct http_exchange *http_find(struct http_server *server, http_ticket ticket)
{
	for (size_t i = 0; i < EXCHANGES_MAX; i++)
		if (server->exchanges[i] && server->exchanges[i]->ticket == ticket)
			return server->exchanges[i];
	return NULL;
}
