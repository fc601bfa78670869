/* The HTTP server's thread: one epoll, and in each turn first what came, then every connection that has work. */
#include "common/runtime/clock.h"
#include "common/runtime/http_private.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_TURN = 512, LETTERS_TURN = 256, SLOTS_MOST = 1 << 24, WAIT_MOST_MS = 60000 };

const struct http_limits HTTP_LIMITS_STANDARD = {
	.connections_max = 10000,
	.header_bytes_max = 16 * 1024,
	.header_timeout_ms = 15000,
	.idle_timeout_ms = 75000,
	.body_timeout_ms = 30000,
	.write_timeout_ms = 30000,
	.stream_bytes_max = 1024 * 1024,
};

static bool watch(struct http_server *server, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};
	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The listener is watched only while a connection can be taken. */
static void judge_listener(struct http_server *server)
{
	bool wanted = server->listener >= 0 && server->free_count > 0 && server->accept_again_ms == INT64_MAX;
	if (wanted == server->accepting || server->listener < 0)
		return;
	if (wanted)
		server->accepting = watch(server, server->listener, &server->listener);
	else
		server->accepting = epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener, NULL) != 0;
}

static void take_event(struct http_server *server, const struct epoll_event *event)
{
	if (event->data.ptr == &server->wake) {
		eventfd_t count;
		eventfd_read(server->wake, &count);
		return;
	}
	if (event->data.ptr == &server->listener) {
		http_accept(server);
		return;
	}
	if (event->data.ptr == &server->options.mailbox)
		return; /* its letters are taken in every turn */
	struct http_connection *connection = event->data.ptr;
	connection->readable |= (event->events & (EPOLLIN | EPOLLRDHUP)) != 0;
	connection->writable |= (event->events & EPOLLOUT) != 0;
	connection->peer_closed |= (event->events & EPOLLRDHUP) != 0;
	connection->lost |= (event->events & (EPOLLHUP | EPOLLERR)) != 0;
	http_connection_schedule(connection);
}

static void take_letters(struct http_server *server)
{
	void *letters[LETTERS_TURN];
	if (!server->options.mailbox)
		return;
	size_t count = mailbox_take(server->options.mailbox, letters, LETTERS_TURN);
	for (size_t i = 0; i < count; i++)
		server->options.on_letter(letters[i], server->options.context);
}

static void run_tick(struct http_server *server)
{
	if (!server->options.on_tick || server->now_ms < server->next_tick_ms)
		return;
	server->next_tick_ms = server->now_ms + server->options.tick_ms;
	server->options.on_tick(server, server->options.context);
}

static void run_scheduled(struct http_server *server)
{
	struct http_connection *list = server->scheduled;
	server->scheduled = NULL;
	while (list) {
		struct http_connection *connection = list;
		list = connection->next_scheduled;
		connection->scheduled = false;
		http_connection_progress(connection);
	}
}

static bool has_exchanges(const struct http_server *server)
{
	for (uint32_t slot = 0; slot < server->limits->connections_max; slot++)
		if (server->connections[slot] && server->connections[slot]->exchange)
			return true;
	return false;
}

/* True: nothing is left to finish, or the grace is over. */
static bool drain(struct http_server *server)
{
	if (!server->was_stopping) {
		server->was_stopping = true;
		http_listen_close(server);
		for (uint32_t slot = 0; slot < server->limits->connections_max; slot++)
			if (server->connections[slot])
				http_connection_drain(server->connections[slot]);
		run_scheduled(server);
	}
	return !has_exchanges(server) || server->now_ms >= atomic_load(&server->drain_deadline_ms);
}

static int wait_ms(const struct http_server *server)
{
	int64_t next = http_timers_next_ms(server);
	if (server->options.on_tick && server->next_tick_ms < next)
		next = server->next_tick_ms;
	if (server->accept_again_ms < next)
		next = server->accept_again_ms;
	if (server->was_stopping && !atomic_load(&server->drained) && atomic_load(&server->drain_deadline_ms) < next)
		next = atomic_load(&server->drain_deadline_ms);
	int64_t wait = next - clock_monotonic_ms();
	if (server->scheduled || wait < 0)
		return 0;
	return wait < WAIT_MOST_MS ? (int)wait : WAIT_MOST_MS;
}

static void turn(struct http_server *server)
{
	struct epoll_event events[EVENTS_TURN];
	int count = epoll_wait(server->epoll, events, EVENTS_TURN, wait_ms(server));
	server->now_ms = clock_monotonic_ms();
	for (int i = 0; i < count; i++)
		take_event(server, &events[i]);
	take_letters(server);
	run_tick(server);
	http_timers_expire(server);
	if (server->now_ms >= server->accept_again_ms && server->listener >= 0)
		http_accept(server);
	run_scheduled(server);
	judge_listener(server);
}

static void *run(void *context)
{
	struct http_server *server = context;
	while (!atomic_load(&server->drained) || !atomic_load(&server->quit_when_drained)) {
		turn(server);
		if (atomic_load(&server->stopping) && drain(server))
			atomic_store(&server->drained, true);
	}
	/* Ends may put others on the list; those are ended too, so the list is dropped. */
	for (uint32_t slot = 0; slot < server->limits->connections_max; slot++)
		if (server->connections[slot]) {
			server->connections[slot]->scheduled = false;
			http_connection_end(server->connections[slot]);
		}
	return NULL;
}

static void server_free(struct http_server *server)
{
	http_listen_close(server);
	if (server->epoll >= 0)
		close(server->epoll);
	if (server->wake >= 0)
		close(server->wake);
	free(server->connections);
	free(server->free_slots);
	free(server->scratch);
	free(server);
}

static void open_metrics(struct http_server *server)
{
	static const char *const CLASSES[HTTP_REQUESTS_CLASSES] = {
		"class=\"0xx\"", "class=\"1xx\"", "class=\"2xx\"", "class=\"3xx\"", "class=\"4xx\"", "class=\"5xx\""};
	struct metrics *metrics = server->options.metrics;
	char name[96];
	if (!metrics) {
		metrics = server->own_metrics = metrics_new();
		assert(metrics);
	}
	const char *service = server->options.service ? server->options.service : "http";
	snprintf(name, sizeof(name), "sangkien_%s_http_requests_total", service);
	for (int class = 0; class < HTTP_REQUESTS_CLASSES; class ++)
		server->requests[class] =
			metrics_counter(metrics, name, CLASSES[class], "Requests answered, by class of status");
	snprintf(name, sizeof(name), "sangkien_%s_http_refused_total", service);
	server->refused = metrics_counter(metrics, name, NULL, "Requests refused before any handler");
	snprintf(name, sizeof(name), "sangkien_%s_http_cut_off_total", service);
	server->cut = metrics_counter(metrics, name, NULL, "Clients cut off because they read too slowly");
	snprintf(name, sizeof(name), "sangkien_%s_http_connections", service);
	server->open = metrics_gauge(metrics, name, NULL, "Connections open");
}

static bool allocate(struct http_server *server)
{
	uint32_t count = server->limits->connections_max;
	assert(count > 0 && count < SLOTS_MOST);
	server->connections = calloc(count, sizeof(struct http_connection *));
	server->free_slots = calloc(count, sizeof(uint32_t));
	server->scratch = malloc(HTTP_READ_BYTES);
	if (!server->connections || !server->free_slots || !server->scratch)
		return false;
	while (server->free_count < count) {
		server->free_slots[server->free_count] = count - 1 - server->free_count;
		server->free_count++;
	}
	return true;
}

static void set_timers(struct http_server *server)
{
	server->timers[HTTP_TIMER_HEADER].length_ms = server->limits->header_timeout_ms;
	server->timers[HTTP_TIMER_IDLE].length_ms = server->limits->idle_timeout_ms;
	server->timers[HTTP_TIMER_BODY].length_ms = server->limits->body_timeout_ms;
	server->timers[HTTP_TIMER_WRITE].length_ms = server->limits->write_timeout_ms;
	server->timers[HTTP_TIMER_LINGER].length_ms = HTTP_LINGER_MS;
	server->now_ms = clock_monotonic_ms();
	server->next_tick_ms = server->now_ms + server->options.tick_ms;
	server->accept_again_ms = INT64_MAX;
}

/* Signals are the main thread's. */
static bool start_thread(struct http_server *server)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&server->thread, NULL, run, server) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		pthread_setname_np(server->thread, "http");
	return started;
}

static bool server_start(struct http_server *server)
{
	uint64_t prefix;
	random_fill(&prefix, sizeof(prefix));
	snprintf(server->id_prefix, sizeof(server->id_prefix), "%016llx", (unsigned long long)prefix);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct mailbox *mailbox = server->options.mailbox;
	if (!allocate(server) || server->epoll < 0 || server->wake < 0 || !watch(server, server->wake, &server->wake))
		return false;
	if (mailbox && !watch(server, mailbox_fd(mailbox), &server->options.mailbox))
		return false;
	if (!http_listen(server, server->options.listen))
		return false;
	open_metrics(server);
	judge_listener(server);
	return start_thread(server);
}

struct http_server *http_server_open(const struct http_server_options *options)
{
	assert(!options->mailbox == !options->on_letter && (!options->on_tick || options->tick_ms > 0));
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return NULL;
	server->options = *options;
	server->limits = &server->options.limits;
	server->epoll = server->wake = server->listener = -1;
	set_timers(server);
	if (options->handle)
		*options->handle = server;
	if (server_start(server))
		return server;
	if (options->handle)
		*options->handle = NULL;
	metrics_free(&server->own_metrics);
	server_free(server);
	return NULL;
}

const char *http_server_address(const struct http_server *server)
{
	return server->address;
}

void http_server_drain(struct http_server *server, uint32_t grace_ms)
{
	if (atomic_load(&server->stopping))
		return;
	atomic_store(&server->drain_deadline_ms, clock_monotonic_ms() + grace_ms);
	atomic_store(&server->stopping, true);
	eventfd_write(server->wake, 1);
}

bool http_server_drained(const struct http_server *server)
{
	return atomic_load(&server->drained);
}

void http_server_close(struct http_server **server, uint32_t grace_ms)
{
	struct http_server *it = *server;
	*server = NULL;
	if (!it)
		return;
	http_server_drain(it, grace_ms);
	atomic_store(&it->quit_when_drained, true);
	eventfd_write(it->wake, 1);
	pthread_join(it->thread, NULL);
	metrics_free(&it->own_metrics);
	server_free(it);
}
