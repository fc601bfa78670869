/* Catches: a row of the contract's first table answered wrongly or in another order, a request that two servers would
 * read in two ways, an answer given twice or cut short, a client that holds memory or the thread for ever. Raw
 * sockets against a real server on a port of its own. */
#include "common/runtime/clock.h"
#include "common/runtime/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 10000, STREAMS = 1000, BIG = 8 << 20 };

struct world {
	struct http_server *server;
	struct mailbox *mailbox;
	http_ticket streams[STREAMS + 1];
	size_t stream_count;
	http_ticket later;
	struct http_shared *event;
	int64_t received[2];
	bool spool, end_early, hold;
	size_t held;
	atomic_uint begun, closed, pieces;
};

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* Handlers --------------------------------------------------------------------------------------------------------- */
static void on_hello(struct http_exchange *exchange, void *context)
{
	(void)context;
	char text[256];
	const char *query = http_query(exchange, "q");
	snprintf(text, sizeof(text), "%s|%s|%s|%s", http_method(exchange), http_path_value(exchange, "name"),
		query ? query : "-", http_prefers_english(exchange) ? "en" : "vi");
	http_answer(exchange, 200, "text/plain", text_bytes(text));
}

static void on_echo(struct http_exchange *exchange, void *context)
{
	struct world *world = context;
	world->received[0] = world->received[1];
	world->received[1] = http_received_at(exchange);
	http_answer(exchange, 200, "application/json", http_body(exchange));
}

static void on_later(struct http_exchange *exchange, void *context)
{
	struct world *world = context;
	world->later = http_ticket_of(exchange);
	atomic_fetch_add(&world->begun, 1);
}

static void on_events(struct http_exchange *exchange, void *context)
{
	struct world *world = context;
	http_stream_begin(exchange, 200, "text/event-stream");
	if (world->stream_count < STREAMS)
		world->streams[world->stream_count++] = http_ticket_of(exchange);
	atomic_fetch_add(&world->begun, 1);
}

static void on_gone(struct http_exchange *exchange, void *context)
{
	struct world *world = context;
	assert_null(http_find(http_server_of(exchange), http_ticket_of(exchange)));
	atomic_fetch_add(&world->closed, 1);
}

static void on_big(struct http_exchange *exchange, void *context)
{
	(void)context;
	uint8_t *data = calloc(1, BIG);
	http_answer(exchange, 200, "application/octet-stream", (struct bytes){data, BIG});
	free(data);
}

static void on_batch(struct http_exchange *exchange, void *context)
{
	struct world *world = context;
	if (http_header(exchange, "X-Refuse")) {
		http_problem(exchange, 401, "/problems/unauthorized", "no", NULL, (struct bytes){0});
		return;
	}
	http_stream_begin(exchange, 200, "application/x-ndjson");
	if (world->spool)
		assert_true(http_stream_spool(exchange));
	atomic_fetch_add(&world->begun, 1);
}

static void on_batch_piece(struct http_exchange *exchange, struct bytes piece, bool last, void *context)
{
	struct world *world = context;
	atomic_fetch_add(&world->pieces, 1);
	world->received[1] = http_received_at(exchange);
	bool alive = http_stream_send(exchange, piece);
	if (alive && (last || world->end_early))
		http_stream_end(exchange);
	if (world->hold && !last) {
		http_pause(exchange);
		world->later = http_ticket_of(exchange);
	}
}

static const struct http_route ROUTES[] = {
	{.method = "GET", .path = "/hello/{name}", .handler = on_hello},
	{.method = "POST",
		.path = "/echo:it",
		.handler = on_echo,
		.body_bytes_max = 64,
		.content_type = "application/json"},
	{.method = "GET", .path = "/later", .handler = on_later, .on_closed = on_gone},
	{.method = "GET", .path = "/events", .handler = on_events, .on_closed = on_gone},
	{.method = "GET", .path = "/big", .handler = on_big},
	{.method = "POST", .path = "/batch", .handler = on_batch, .on_piece = on_batch_piece, .on_closed = on_gone},
};

/* What other threads ask of the server's: "answer", "share", "send", "resume", "end". */
static void on_letter(void *letter, void *context)
{
	struct world *world = context;
	struct http_exchange *later = http_find(world->server, world->later);
	if (strcmp(letter, "answer") == 0 && later)
		http_answer(later, 200, "text/plain", text_bytes("later"));
	if (strcmp(letter, "resume") == 0 && later)
		http_resume(later);
	for (size_t i = 0; i < world->stream_count; i++) {
		struct http_exchange *exchange = http_find(world->server, world->streams[i]);
		if (exchange && strcmp(letter, "share") == 0)
			http_stream_share(exchange, world->event);
		if (exchange && strcmp(letter, "send") == 0)
			http_stream_send(exchange, text_bytes("data: 1\n\n"));
	}
}

static const struct http_limits SHORT = {
	.connections_max = STREAMS + 100,
	.header_bytes_max = 2048,
	.header_timeout_ms = 300,
	.idle_timeout_ms = 300,
	.body_timeout_ms = 300,
	.write_timeout_ms = 300,
	.stream_bytes_max = 64 * 1024,
};

static int open_world_with(void **state, struct http_limits limits, const char *listen)
{
	struct world *world = calloc(1, sizeof(*world));
	world->mailbox = mailbox_new(16);
	struct http_server_options options = {
		.listen = listen,
		.routes = ROUTES,
		.route_count = ARRAY_LENGTH(ROUTES),
		.context = world,
		.limits = limits,
		.service = "test",
		.mailbox = world->mailbox,
		.on_letter = on_letter,
	};
	world->server = http_server_open(&options);
	*state = world;
	return world->server ? 0 : -1;
}

static int open_world(void **state)
{
	struct http_limits limits = SHORT;
	limits.header_timeout_ms = limits.idle_timeout_ms = limits.body_timeout_ms = limits.write_timeout_ms = 30000;
	return open_world_with(state, limits, "127.0.0.1:0");
}

static int open_hasty(void **state)
{
	return open_world_with(state, SHORT, "127.0.0.1:0");
}

static int close_world(void **state)
{
	struct world *world = *state;
	http_server_close(&world->server, 50);
	mailbox_free(&world->mailbox);
	http_shared_release(&world->event);
	free(world);
	return 0;
}

/* The client ---------------------------------------------------------------------------------------------------------
 */
static struct sockaddr_in socket_name(const struct world *world)
{
	const char *port = strrchr(http_server_address(world->server), ':') + 1;
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
}

static int dial(const struct world *world)
{
	struct sockaddr_in name = socket_name(world);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool readable(int fd, int64_t deadline_ms)
{
	struct pollfd item = {.fd = fd, .events = POLLIN};
	int64_t left = deadline_ms - clock_monotonic_ms();
	return left > 0 && poll(&item, 1, (int)left) == 1;
}

/* Reads until `wanted` stands in what came (then true), or the server closes or time is up. */
static bool hear(int fd, const char *wanted, char *text, size_t size)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	size_t used = strlen(text);
	while (!wanted || !strstr(text, wanted)) {
		if (used + 1 >= size || !readable(fd, deadline))
			return false;
		ssize_t got = recv(fd, text + used, size - 1 - used, 0);
		if (got <= 0)
			return false;
		used += (size_t)got;
		text[used] = '\0';
	}
	return true;
}

/* One request on a connection of its own, that the server closes. */
static void ask(const struct world *world, const char *request, char *answer, size_t size)
{
	int fd = dial(world);
	say(fd, request);
	answer[0] = '\0';
	hear(fd, NULL, answer, size);
	close(fd);
}

static void assert_starts(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("wanted \"%s\", got \"%s\"", start, text);
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("wanted \"%s\" in \"%s\"", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("did not want \"%s\" in \"%s\"", part, text);
}

static bool await(atomic_uint *counter, unsigned least)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	while (atomic_load(counter) < least && clock_monotonic_ms() < deadline)
		poll(NULL, 0, 1);
	return atomic_load(counter) >= least;
}

static void post(struct world *world, const char *letter)
{
	assert_true(mailbox_push(world->mailbox, (void *)(uintptr_t)letter));
}

static void assert_serves(const struct world *world)
{
	char answer[1024];
	ask(world, "GET /hello/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 200 OK\r\n");
}

/* Requests that are answered ----------------------------------------------------------------------------------------
 */
static void test_answers_with_path_and_query(void **state)
{
	char answer[1024];
	ask(*state,
		"GET /hello/%C4%91%2Fx?a=1&q=a+b%26c HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n"
		"Accept-Language: en-US,en;q=0.9,vi;q=0.8\r\nConnection: close\r\n\r\n",
		answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer, "X-Request-Id: mine-1\r\n");
	assert_holds(answer, "X-Content-Type-Options: nosniff\r\n");
	assert_holds(answer, "Connection: close\r\n");
	assert_holds(answer, "\r\n\r\nGET|\xc4\x91/x|a b&c|en");
}

static void test_language_by_quality(void **state)
{
	char answer[1024];
	ask(*state,
		"GET http://a/hello/x HTTP/1.1\r\nHost: a\r\nAccept-Language: vi-VN, vi;q=0.9, en;q=0.6\r\n"
		"Connection: close\r\n\r\n",
		answer, sizeof(answer));
	assert_holds(answer, "GET|x|-|vi");
}

static void test_keeps_alive_and_pipelines_in_order(void **state)
{
	int fd = dial(*state);
	char answer[4096] = "";
	say(fd, "GET /hello/1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo:it HTTP/1.1\r\nHost: a\r\nContent-Type: "
		"application/json\r\nContent-Length: 2\r\n\r\n{}HEAD /hello/2 HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /hello/3 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, "GET|3|", answer, sizeof(answer)));
	const char *first = strstr(answer, "GET|1|"), *second = strstr(answer, "\r\n\r\n{}");
	assert_true(first && second && first < second && second < strstr(answer, "GET|3|"));
	assert_lacks(answer, "HEAD|2|");
	assert_lacks(answer, "Connection: close");
	close(fd);
}

static void test_pipelined_request_waits_for_a_late_answer(void **state)
{
	struct world *world = *state;
	int fd = dial(world);
	char answer[4096] = "";
	say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hello/2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(await(&world->begun, 1));
	post(world, "answer");
	assert_true(hear(fd, "GET|2|", answer, sizeof(answer)));
	assert_true(strstr(answer, "later") < strstr(answer, "GET|2|"));
	close(fd);
}

static void test_a_request_in_single_bytes(void **state)
{
	static const char REQUEST[] = "POST /echo%3Ait HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; "
				      "charset=utf-8\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
				      "3;x=y\r\n[1,\r\n2\r\n2]\r\n0\r\nX-Trailer: 1\r\n\r\n";
	int fd = dial(*state), yes = 1;
	setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &yes, sizeof(yes));
	for (size_t i = 0; i < sizeof(REQUEST) - 1; i++)
		assert_int_equal(send(fd, REQUEST + i, 1, MSG_NOSIGNAL), 1);
	char answer[1024] = "";
	hear(fd, NULL, answer, sizeof(answer));
	assert_holds(answer, "\r\n\r\n[1,2]");
	close(fd);
}

static void test_http_1_0_closes(void **state)
{
	char answer[1024];
	ask(*state, "GET /hello/x HTTP/1.0\r\n\r\n", answer, sizeof(answer));
	assert_holds(answer, "GET|x|");
}

static void test_half_closed_client_gets_its_answer(void **state)
{
	int fd = dial(*state);
	char answer[1024] = "";
	say(fd, "GET /hello/x HTTP/1.1\r\nHost: a\r\n\r\n");
	shutdown(fd, SHUT_WR);
	hear(fd, NULL, answer, sizeof(answer));
	assert_holds(answer, "GET|x|");
	close(fd);
}

static void test_time_of_receipt_increases(void **state)
{
	struct world *world = *state;
	char answer[1024];
	static const char REQUEST[] = "POST /echo:it HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
				      "Content-Length: 2\r\nConnection: close\r\n\r\n{}";
	int64_t before = clock_now_us();
	ask(world, REQUEST, answer, sizeof(answer));
	ask(world, REQUEST, answer, sizeof(answer));
	assert_true(before <= world->received[0] && world->received[0] < world->received[1]);
	assert_true(world->received[1] <= clock_now_us());
}

static void test_continue_is_said_before_the_body(void **state)
{
	int fd = dial(*state);
	char answer[1024] = "";
	say(fd, "POST /echo:it HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
		"Expect: 100-continue\r\nConnection: close\r\n\r\n");
	assert_true(hear(fd, "HTTP/1.1 100 Continue\r\n\r\n", answer, sizeof(answer)));
	say(fd, "{}");
	hear(fd, NULL, answer, sizeof(answer));
	assert_holds(answer, "HTTP/1.1 200 OK");
	close(fd);
}

/* Requests that are refused ------------------------------------------------------------------------------------------
 */
struct refused {
	const char *request, *start;
};
#define POST_ECHO "POST /echo:it HTTP/1.1\r\nHost: a\r\n"
static const struct refused REFUSED[] = {
	/* 411, 413, 415, 408 in this order: each row has the faults of the rows behind it. */
	{POST_ECHO "Content-Type: text/plain\r\n\r\n", "HTTP/1.1 411"},
	{POST_ECHO "Content-Type: text/plain\r\nContent-Length: 65\r\n\r\n", "HTTP/1.1 413"},
	{POST_ECHO "Content-Type: text/plain\r\nContent-Length: 64\r\n\r\n", "HTTP/1.1 415"},
	{POST_ECHO "Content-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 415"},
	{POST_ECHO "Content-Length: 2\r\n\r\n{}", "HTTP/1.1 415"},
	{POST_ECHO "Content-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n",
		"HTTP/1.1 413"},
	{POST_ECHO "Expect: miracles\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 417"},
	{"POST /batch HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 411"},
	{"GET /hello/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413"},
	/* Paths. */
	{"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"GET /hello/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"GET /hello/x/y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"GET /hello/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"GET /hello/%4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"GET /hello/x?q=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"DELETE /hello/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 405"},
	/* What is not HTTP. */
	{"\x16\x03\x01\x02", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", "HTTP/1.1 400"},
	{"GET /hello/x HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505"},
	{"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"},
	/* What two servers would read in two ways. */
	{POST_ECHO "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Content-Length: +2\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Content-Length: 2, 2\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Content-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 400"},
	{POST_ECHO "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501"},
	{POST_ECHO "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 501"},
	{POST_ECHO "Transfer-Encoding: xchunked\r\n\r\n", "HTTP/1.1 501"},
	{"POST /echo:it HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400"},
};
#define CHUNKED POST_ECHO "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
static const struct refused REFUSED_CHUNKS[] = {
	{CHUNKED "x\r\n", "HTTP/1.1 400"},
	{CHUNKED "\r\n", "HTTP/1.1 400"},
	{CHUNKED "2\r\n{}xx0\r\n\r\n", "HTTP/1.1 400"},
	{CHUNKED "2\n{}\r\n0\r\n\r\n", "HTTP/1.1 400"},
	{CHUNKED "-2\r\n", "HTTP/1.1 400"},
	{CHUNKED "0x2\r\n", "HTTP/1.1 400"},
	{CHUNKED "2 \r\n", "HTTP/1.1 400"},
	{CHUNKED "2;a=\nb\r\n", "HTTP/1.1 400"},
	{CHUNKED "ffffffffffffffffffff\r\n", "HTTP/1.1 400"},
};

static void assert_refused(struct world *world, const struct refused *row)
{
	char answer[2048];
	ask(world, row->request, answer, sizeof(answer));
	if (strncmp(answer, row->start, strlen(row->start)) != 0)
		fail_msg("to \"%s\": wanted %s, got \"%s\"", row->request, row->start, answer);
	assert_holds(answer, "Content-Type: application/problem+json\r\n");
	assert_holds(answer, "X-Request-Id: ");
	assert_holds(answer, "X-Content-Type-Options: nosniff\r\n");
	assert_holds(answer, "{\"type\":\"/problems/");
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(REFUSED); i++)
		assert_refused(*state, &REFUSED[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(REFUSED_CHUNKS); i++)
		assert_refused(*state, &REFUSED_CHUNKS[i]);
	assert_serves(*state);
}

static void test_method_not_allowed_names_the_allowed(void **state)
{
	char answer[1024];
	ask(*state, "DELETE /hello/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer, sizeof(answer));
	assert_holds(answer, "\r\nAllow: GET, HEAD\r\n");
	ask(*state, "GET /batch HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer, sizeof(answer));
	assert_holds(answer, "\r\nAllow: POST\r\n");
}

/* The client goes on sending for long after it was refused, and still reads its answer: no reset. */
static void test_endless_body_is_refused_at_the_limit(void **state)
{
	int fd = dial(*state);
	say(fd, CHUNKED);
	for (int i = 0; i < 20000; i++)
		if (send(fd, "4\r\n1234\r\n", 9, MSG_NOSIGNAL) != 9)
			fail_msg("the server reset the connection: %s", strerror(errno));
	char answer[2048] = "";
	hear(fd, NULL, answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 413");
	close(fd);
}

static void test_header_too_large(void **state)
{
	char request[8192], answer[2048];
	snprintf(request, sizeof(request), "GET /hello/x HTTP/1.1\r\nHost: a\r\nX: %04000d\r\n\r\n", 1);
	ask(*state, request, answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 431");
	size_t used = (size_t)snprintf(request, sizeof(request), "GET /hello/x HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 120; i++)
		used += (size_t)snprintf(request + used, sizeof(request) - used, "X%d: 1\r\n", i);
	snprintf(request + used, sizeof(request) - used, "\r\n");
	ask(*state, request, answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 431");
}

static void test_slow_body_is_408(void **state)
{
	char answer[1024];
	int64_t before = clock_monotonic_ms();
	ask(*state, POST_ECHO "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{", answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 408");
	assert_true(clock_monotonic_ms() - before >= SHORT.body_timeout_ms);
}

/* Each byte comes in time; the whole does not. */
static void test_dripped_body_is_408(void **state)
{
	int fd = dial(*state);
	char answer[1024] = "";
	say(fd, POST_ECHO "Content-Type: application/json\r\nContent-Length: 60\r\n\r\n");
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	while (!readable(fd, clock_monotonic_ms() + 50) && clock_monotonic_ms() < deadline)
		send(fd, " ", 1, MSG_NOSIGNAL);
	hear(fd, "408", answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 408");
	close(fd);
}

static void test_slow_header_and_idle_are_closed(void **state)
{
	char answer[1024];
	ask(*state, "GET /hello/x HTTP/1.1\r\nHost:", answer, sizeof(answer));
	assert_string_equal(answer, "");
	ask(*state, "GET /hello/x HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof(answer));
	assert_holds(answer, "GET|x|");
}

static void test_reader_that_reads_nothing_is_cut_off(void **state)
{
	int fd = dial(*state);
	say(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	struct pollfd item = {.fd = fd, .events = POLLRDHUP};
	assert_int_equal(poll(&item, 1, DEADLINE_MS), 1);
	assert_true((item.revents & (POLLHUP | POLLRDHUP)) != 0);
	close(fd);
	assert_serves(*state);
}

/* Streams ------------------------------------------------------------------------------------------------------------
 */
static void test_client_gone_from_a_stream_is_told_once(void **state)
{
	struct world *world = *state;
	int fd = dial(world);
	char answer[1024] = "";
	say(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, "\r\n\r\n", answer, sizeof(answer)));
	post(world, "send");
	assert_true(hear(fd, "9\r\ndata: 1\n\n\r\n", answer, sizeof(answer)));
	close(fd);
	assert_true(await(&world->closed, 1));
	post(world, "send");
	assert_serves(world);
	assert_int_equal(atomic_load(&world->closed), 1);
}

static void test_head_of_a_stream_ends(void **state)
{
	struct world *world = *state;
	char answer[1024];
	ask(world, "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof(answer));
	assert_starts(answer, "HTTP/1.1 200");
	assert_true(strlen(strstr(answer, "\r\n\r\n")) == 4);
	assert_true(await(&world->closed, 1));
}

static void test_slow_stream_is_cut_off(void **state)
{
	struct world *world = *state;
	int fd = dial(world);
	char *piece = calloc(1, 1 << 20);
	memset(piece, 'x', 1 << 20);
	world->event = http_shared_new((struct bytes){(uint8_t *)piece, 1 << 20});
	free(piece);
	say(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(await(&world->begun, 1));
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	while (atomic_load(&world->closed) == 0 && clock_monotonic_ms() < deadline) {
		(void)!mailbox_push(world->mailbox, (void *)(uintptr_t) "share");
		poll(NULL, 0, 1);
	}
	assert_int_equal(atomic_load(&world->closed), 1);
	close(fd);
}

static size_t resident_bytes(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text) - 1);
	close(fd);
	char *resident = got > 0 ? strchr(text, ' ') : NULL;
	return resident ? strtoul(resident, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static void test_a_thousand_streams_share_an_event(void **state)
{
	struct world *world = *state;
	static int fds[STREAMS];
	char answer[2048];
	/* The server raises the limit for its own ends; the clients' are in this process too. */
	struct rlimit limit;
	const rlim_t wanted = (rlim_t)3 * STREAMS;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < wanted && limit.rlim_max >= wanted)
		limit.rlim_cur = wanted;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	size_t before = resident_bytes();
	for (int i = 0; i < STREAMS; i++) {
		fds[i] = dial(world);
		say(fds[i], "GET /events HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: text/event-stream\r\n\r\n");
	}
	assert_true(await(&world->begun, STREAMS));
	size_t each = (resident_bytes() - before) / STREAMS;
	world->event = http_shared_new(text_bytes("event: board\ndata: {}\n\n"));
	post(world, "share");
	for (int i = 0; i < STREAMS; i++) {
		answer[0] = '\0';
		assert_true(hear(fds[i], "17\r\nevent: board\ndata: {}\n\n\r\n", answer, sizeof(answer)));
	}
	assert_true(each < 16384);
	for (int i = 0; i < STREAMS; i++)
		close(fds[i]);
	assert_true(await(&world->closed, STREAMS));
}

static void test_batch_answers_while_it_reads(void **state)
{
	struct world *world = *state;
	int fd = dial(world);
	char answer[2048] = "";
	say(fd, "POST /batch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
	assert_true(hear(fd, "one\n", answer, sizeof(answer)));
	int64_t first = world->received[1];
	say(fd, "4\r\ntwo\n\r\n");
	assert_true(hear(fd, "two\n", answer, sizeof(answer)));
	assert_true(first < world->received[1]);
	say(fd, "0\r\n\r\nGET /hello/after HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, "GET|after|", answer, sizeof(answer)));
	assert_holds(answer, "\r\n0\r\n\r\nHTTP/1.1 200");
	close(fd);
}

static void test_batch_refused_at_its_header(void **state)
{
	struct world *world = *state;
	char answer[1024];
	ask(world, "POST /batch HTTP/1.1\r\nHost: a\r\nX-Refuse: 1\r\nContent-Length: 1000000\r\n\r\nabc", answer,
		sizeof(answer));
	assert_starts(answer, "HTTP/1.1 401");
	assert_int_equal(atomic_load(&world->pieces), 0);
}

static void test_paused_batch_is_not_read(void **state)
{
	struct world *world = *state;
	world->hold = true;
	int fd = dial(world);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	say(fd, "POST /batch HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
	static char data[65536];
	size_t sent = 0;
	struct pollfd item = {.fd = fd, .events = POLLOUT};
	while (poll(&item, 1, 300) == 1) { /* until the kernel's buffers are full: nobody reads */
		ssize_t size = send(fd, data, sizeof(data), MSG_NOSIGNAL);
		sent += size > 0 ? (size_t)size : 0;
		assert_true(sent < 50000000);
	}
	unsigned pieces = atomic_load(&world->pieces);
	assert_int_equal(pieces, 1);
	post(world, "resume");
	assert_true(await(&world->pieces, pieces + 1));
	close(fd);
	assert_true(await(&world->closed, 1));
}

/* Sends all before it reads any, as most clients do: the answer waits in a file. */
static void test_batch_spools_for_who_sends_first(void **state)
{
	struct world *world = *state;
	world->spool = true;
	enum { TOTAL = 24 << 20 };
	int fd = dial(world);
	char head[128];
	snprintf(head, sizeof(head), "POST /batch HTTP/1.0\r\nContent-Length: %d\r\n\r\n", TOTAL);
	say(fd, head);
	static uint8_t data[1 << 16];
	for (size_t at = 0; at < TOTAL; at += sizeof(data)) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)((at + i) * 2654435761U >> 13);
		for (size_t sent = 0; sent < sizeof(data);) {
			ssize_t size = send(fd, data + sent, sizeof(data) - sent, MSG_NOSIGNAL);
			assert_true(size > 0);
			sent += (size_t)size;
		}
	}
	uint8_t window[4] = {0};
	while (memcmp(window, "\r\n\r\n", 4) != 0) {
		memmove(window, window + 1, 3);
		assert_int_equal(recv(fd, window + 3, 1, 0), 1);
	}
	size_t total = 0;
	for (ssize_t got; (got = recv(fd, data, sizeof(data), 0)) > 0; total += (size_t)got)
		for (size_t i = 0; i < (size_t)got; i++)
			if (data[i] != (uint8_t)((total + i) * 2654435761U >> 13))
				fail_msg("byte %zu differs", total + i);
	assert_int_equal(total, TOTAL);
	close(fd);
}

static void test_broken_chunk_cuts_a_begun_answer(void **state)
{
	struct world *world = *state;
	char answer[1024];
	ask(world, "POST /batch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\nzz\r\n", answer,
		sizeof(answer));
	assert_lacks(answer, "\r\n0\r\n\r\n");
	assert_true(await(&world->closed, 1));
}

/* The server ---------------------------------------------------------------------------------------------------------
 */
static void test_connections_beyond_the_limit_wait(void **state)
{
	(void)state;
	void *inner = NULL;
	struct http_limits limits = SHORT;
	limits.connections_max = 2;
	limits.header_timeout_ms = 30000;
	assert_int_equal(open_world_with(&inner, limits, "127.0.0.1:0"), 0);
	char answer[1024] = "";
	int first = dial(inner), second = dial(inner), third = dial(inner);
	say(third, "GET /hello/3 HTTP/1.1\r\nHost: a\r\n\r\n");
	say(second, "GET /hello/2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(second, "GET|2|", answer, sizeof(answer)));
	assert_false(readable(third, clock_monotonic_ms() + 100));
	close(first);
	answer[0] = '\0';
	assert_true(hear(third, "GET|3|", answer, sizeof(answer)));
	close(second);
	close(third);
	close_world(&inner);
}

/* Out of descriptors: who came first goes on being served, and the next is taken when there is one again. */
static void test_out_of_descriptors(void **state)
{
	struct world *world = *state;
	struct rlimit before, tight;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	int served = dial(world), waiting = dial(world);
	char answer[1024] = "";
	say(served, "GET /hello/1 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(served, "GET|1|", answer, sizeof(answer)));
	close(waiting);
	waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int next = dup(waiting);
	close(next);
	tight = before;
	tight.rlim_cur = (rlim_t)next; /* no descriptor from here on */
	struct sockaddr_in name = socket_name(world);
	setrlimit(RLIMIT_NOFILE, &tight);
	int connected = connect(waiting, (struct sockaddr *)&name, sizeof(name));
	say(waiting, "GET /hello/2 HTTP/1.1\r\nHost: a\r\n\r\n");
	answer[0] = '\0';
	say(served, "GET /hello/3 HTTP/1.1\r\nHost: a\r\n\r\n");
	bool heard = hear(served, "GET|3|", answer, sizeof(answer));
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(connected, 0);
	assert_true(heard);
	answer[0] = '\0';
	assert_true(hear(waiting, "GET|2|", answer, sizeof(answer)));
	close(served);
	close(waiting);
}

static void test_unix_socket(void **state)
{
	(void)state;
	char directory[] = "/tmp/sk.XXXXXX", listen[64], path[64];
	assert_non_null(mkdtemp(directory));
	snprintf(listen, sizeof(listen), "unix:%s/s", directory);
	snprintf(path, sizeof(path), "%s/s", directory);
	/* What a killed process leaves. */
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&name, sizeof(name)), 0);
	close(stale);
	void *inner = NULL, *other = NULL;
	assert_int_equal(open_world_with(&inner, SHORT, listen), 0);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	assert_int_equal(open_world_with(&other, SHORT, listen), -1); /* one that lives is not pushed aside */
	mailbox_free(&((struct world *)other)->mailbox);
	free(other);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	char answer[1024] = "";
	say(fd, "GET /hello/x HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, "GET|x|", answer, sizeof(answer)));
	close(fd);
	close_world(&inner);
	assert_int_equal(stat(path, &status), -1);
	rmdir(directory);
}

static void test_addresses_that_cannot_be(void **state)
{
	struct world *world = *state;
	static const char *const BAD[] = {"8080", "127.0.0.1:port",
		"unix:/tmp/"
		"0123456789012345678901234567890123456789012345678901"
		"2345678901234567890123456789012345678901234567890123"
		"4567890123456789"};
	void *inner = NULL;
	for (size_t i = 0; i <= ARRAY_LENGTH(BAD); i++) {
		const char *listen = i < ARRAY_LENGTH(BAD) ? BAD[i] : http_server_address(world->server);
		assert_int_equal(open_world_with(&inner, SHORT, listen), -1);
		mailbox_free(&((struct world *)inner)->mailbox);
		free(inner);
	}
}

/* What is under way is finished; a stream of events ends; nobody new comes in. */
static void test_drain(void **state)
{
	struct world *world = *state;
	char answer[1024] = "", events[1024] = "";
	int later = dial(world), stream = dial(world);
	say(stream, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	say(later, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(await(&world->begun, 2));
	http_server_drain(world->server, 20000);
	assert_true(hear(stream, "\r\n0\r\n\r\n", events, sizeof(events)));
	assert_false(http_server_drained(world->server));
	post(world, "answer");
	hear(later, NULL, answer, sizeof(answer));
	assert_holds(answer, "Connection: close");
	assert_holds(answer, "later");
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	while (!http_server_drained(world->server) && clock_monotonic_ms() < deadline)
		poll(NULL, 0, 1);
	assert_true(http_server_drained(world->server));
	close(later);
	close(stream);
}

#define IN(fixture, test) cmocka_unit_test_setup_teardown(test, fixture, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(open_world, test_answers_with_path_and_query),
		IN(open_world, test_language_by_quality),
		IN(open_world, test_keeps_alive_and_pipelines_in_order),
		IN(open_world, test_pipelined_request_waits_for_a_late_answer),
		IN(open_world, test_a_request_in_single_bytes),
		IN(open_world, test_http_1_0_closes),
		IN(open_world, test_half_closed_client_gets_its_answer),
		IN(open_world, test_time_of_receipt_increases),
		IN(open_world, test_continue_is_said_before_the_body),
		IN(open_world, test_refusals),
		IN(open_world, test_method_not_allowed_names_the_allowed),
		IN(open_world, test_endless_body_is_refused_at_the_limit),
		IN(open_world, test_header_too_large),
		IN(open_hasty, test_slow_body_is_408),
		IN(open_hasty, test_dripped_body_is_408),
		IN(open_hasty, test_slow_header_and_idle_are_closed),
		IN(open_hasty, test_reader_that_reads_nothing_is_cut_off),
		IN(open_world, test_client_gone_from_a_stream_is_told_once),
		IN(open_world, test_head_of_a_stream_ends),
		IN(open_world, test_slow_stream_is_cut_off),
		IN(open_world, test_a_thousand_streams_share_an_event),
		IN(open_world, test_batch_answers_while_it_reads),
		IN(open_world, test_batch_refused_at_its_header),
		IN(open_world, test_paused_batch_is_not_read),
		IN(open_hasty, test_batch_spools_for_who_sends_first),
		IN(open_world, test_broken_chunk_cuts_a_begun_answer),
		cmocka_unit_test(test_connections_beyond_the_limit_wait),
		IN(open_world, test_out_of_descriptors),
		cmocka_unit_test(test_unix_socket),
		IN(open_world, test_addresses_that_cannot_be),
		IN(open_world, test_drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
