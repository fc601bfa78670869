/* Catches: an item lost, finished twice for its sender or kept for ever when workers are killed, paused, added or told
 * to stop; an instance that is not found or not let go; a worker over its credit; a frame of ours that cuts a peer
 * off. Upstream and workers are processes with real sockets; what they see stands in memory they share with the
 * test, which has no ZeroMQ of its own and so may fork at any time. */
#include "common/edge/receiver.h"
#include "common/edge/sender.h"
#include "common/runtime/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { ITEMS_MAX = 40000, CREDIT = 4, DEADLINE_MS = 60000, CHILDREN_MAX = 16, BODY_BYTES = 200, LEASE_MS = 2000 };

/* What a worker does with a batch. */
enum manner {
	PROMPT,   /* finishes it at once */
	SLOW,     /* a few milliseconds later */
	HOLDING,  /* not before the stage says `release` */
	CHOOSING, /* item 10n+3: asks for it again twice; item 10n+7: refuses it */
};

struct stage { /* shared */
	char directory[32];
	_Atomic uint32_t finished, poisoned, finished_twice, wrong_results, attempts_over_one, hints, rooms;
	_Atomic uint32_t over_credit, workers_seen, upstreams_seen, malformed, released;
	_Atomic uint32_t taken[CHILDREN_MAX]; /* items, by worker */
	_Atomic uint32_t held[CHILDREN_MAX];  /* batches now */
	_Atomic uint8_t done[ITEMS_MAX];
	char reason[64];
	pid_t children[CHILDREN_MAX];
	int child_count;
};

struct settings {
	struct service_settings service;
};
static const struct config_field FIELDS[] = {SERVICE_CONFIG_FIELDS(struct settings, service)};

static struct service *open_service(const char *name)
{
	static struct settings settings;
	static char *arguments[] = {(char *)"test", NULL};
	const struct service_options options = {.name = name,
		.purpose = "plays one end of an edge",
		.fields = FIELDS,
		.field_count = ARRAY_LENGTH(FIELDS),
		.settings = &settings,
		.common = &settings.service};
	int exit_code;

	return service_open(&options, 1, arguments, &exit_code);
}

static void check(bool holds, int code)
{
	if (!holds)
		_exit(code);
}

/* Upstream ---------------------------------------------------------------------------------------------------- */

struct upstream_plan {
	const char *instance;
	uint32_t first, count; /* items to push */
	uint32_t window, attempts_max;
	uint32_t oversize_at; /* the item that is too large; UINT32_MAX: none */
	bool hints;
};
struct upstream {
	const struct upstream_plan *plan;
	struct stage *stage;
	struct service *service;
	struct sender *sender;
	uint32_t pushed;
};

static void push_more(void *context)
{
	static uint8_t body[WIRE_ITEM_BYTES_MAX + 1];
	static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct upstream *upstream = context;

	while (upstream->pushed < upstream->plan->count) {
		uint32_t item = upstream->plan->first + upstream->pushed;
		size_t size = item == upstream->plan->oversize_at ? sizeof(body) : BODY_BYTES;

		memcpy(body, &item, sizeof(item));
		if (!sender_push(upstream->sender, item, 0, (struct bytes){(const uint8_t *)trace, WIRE_TRACE_SIZE},
			    (struct bytes){body, size}))
			return;
		upstream->pushed++;
	}
}

static void on_room(void *context)
{
	struct upstream *upstream = context;

	atomic_fetch_add(&upstream->stage->rooms, 1);
	push_more(upstream);
}

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	struct upstream *upstream = context;
	uint32_t item = (uint32_t)tag;

	if (result.size != sizeof(item) || memcmp(result.data, &item, sizeof(item)) != 0)
		atomic_fetch_add(&upstream->stage->wrong_results, 1);
	if (atomic_fetch_add(&upstream->stage->done[tag], 1) > 0)
		atomic_fetch_add(&upstream->stage->finished_twice, 1);
	atomic_fetch_add(&upstream->stage->finished, 1);
}

static void on_poison(uint64_t tag, const char *reason, void *context)
{
	struct upstream *upstream = context;

	if (atomic_fetch_add(&upstream->stage->done[tag], 1) > 0)
		atomic_fetch_add(&upstream->stage->finished_twice, 1);
	snprintf(upstream->stage->reason, sizeof(upstream->stage->reason), "%s", reason);
	atomic_fetch_add(&upstream->stage->poisoned, 1);
}

static void upstream_tick(void *context)
{
	struct upstream *upstream = context;
	const uint8_t hint[] = "hint";
	const struct bytes bodies[] = {{hint, sizeof(hint)}, {hint, sizeof(hint)}};

	atomic_store(&upstream->stage->workers_seen, sender_workers(upstream->sender));
	atomic_store(
		&upstream->stage->malformed, (uint32_t)metric_value(metrics_counter(service_metrics(upstream->service),
						     "sangkien_up_edge_malformed_frames_total", "edge=\"up\"", "")));
	if (upstream->plan->hints)
		sender_broadcast(upstream->sender, bodies, ARRAY_LENGTH(bodies));
}

static int run_upstream(struct stage *stage, const struct upstream_plan *plan)
{
	struct upstream upstream = {.plan = plan, .stage = stage, .service = open_service("up")};
	struct curve_gate *gate;
	struct curve_keys keys;
	char endpoint[96];
	int exit_code;

	check(upstream.service && curve_keys_load(stage->directory, "up", &keys), 11);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/up-%s", stage->directory, plan->instance);
	gate = curve_gate_open(service_zmq(upstream.service), stage->directory);
	check(gate, 12);
	curve_gate_allow(gate, "up", "down");
	upstream.sender = sender_open(&(struct sender_options){.service = upstream.service,
		.endpoint = endpoint,
		.domain = "up",
		.keys = &keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE,
		.limits = {.items_max = plan->window,
			.batch_items_max = 64,
			.lease_ms = LEASE_MS,
			.attempts_max = plan->attempts_max},
		.on_done = on_done,
		.on_poison = on_poison,
		.on_room = on_room,
		.context = &upstream});
	check(upstream.sender, 13);
	push_more(&upstream);
	service_every(upstream.service, 10, upstream_tick, &upstream);
	exit_code = service_run(upstream.service);
	sender_close(&upstream.sender);
	curve_gate_close(&gate);
	service_close(&upstream.service);
	return exit_code;
}

/* Worker ------------------------------------------------------------------------------------------------------ */

struct worker {
	struct stage *stage;
	struct service *service;
	struct receiver *receiver;
	struct delivery *queue[256];
	size_t count;
	enum manner manner;
	int number;
};

static void finish_item(const struct worker *worker, struct delivery *delivery, size_t i)
{
	const Sangkien__Wire__Item *item = delivery_item(delivery, i);
	uint32_t number;

	check(item->body.len == BODY_BYTES && item->trace_parent.len == WIRE_TRACE_SIZE, 21);
	memcpy(&number, item->body.data, sizeof(number));
	if (item->attempt > 1)
		atomic_fetch_add(&worker->stage->attempts_over_one, 1);
	delivery_result(delivery, i, (struct bytes){item->body.data, sizeof(number)});
	if (worker->manner == CHOOSING && number % 10 == 3 && item->attempt <= 2)
		delivery_reject(delivery, i, true, "not now");
	if (worker->manner == CHOOSING && number % 10 == 7)
		delivery_reject(delivery, i, false, "I cannot read this");
}

static void finish_all(void *context)
{
	struct worker *worker = context;

	if (worker->manner == HOLDING && !atomic_load(&worker->stage->released))
		return;
	for (size_t n = 0; n < worker->count; n++) {
		for (size_t i = 0; i < delivery_count(worker->queue[n]); i++)
			finish_item(worker, worker->queue[n], i);
		delivery_done(&worker->queue[n]);
	}
	worker->count = 0;
	atomic_store(&worker->stage->held[worker->number], 0);
}

static void on_batch(struct delivery *delivery, void *context)
{
	struct worker *worker = context;

	if (delivery_is_hint(delivery)) {
		atomic_fetch_add(&worker->stage->hints, (uint32_t)delivery_count(delivery));
		delivery_done(&delivery);
		return;
	}
	check(worker->count < ARRAY_LENGTH(worker->queue), 22);
	worker->queue[worker->count++] = delivery;
	atomic_fetch_add(&worker->stage->taken[worker->number], (uint32_t)delivery_count(delivery));
	atomic_store(&worker->stage->held[worker->number], (uint32_t)worker->count);
	if (receiver_held(worker->receiver) > CREDIT * (receiver_upstreams(worker->receiver) + 1))
		atomic_fetch_add(&worker->stage->over_credit, 1);
	if (worker->manner == PROMPT || worker->manner == CHOOSING)
		finish_all(worker);
}

static void worker_tick(void *context)
{
	struct worker *worker = context;

	atomic_store(&worker->stage->upstreams_seen, receiver_upstreams(worker->receiver));
	finish_all(worker);
}

static void begin_drain(void *context)
{
	struct worker *worker = context;

	receiver_stop(worker->receiver);
}

static bool is_drained(void *context)
{
	const struct worker *worker = context;

	return receiver_held(worker->receiver) == 0;
}

static int run_worker(struct stage *stage, enum manner manner, int number)
{
	struct worker worker = {.stage = stage, .manner = manner, .number = number, .service = open_service("down")};
	struct curve_keys keys;
	char upstream[96], upstream_key[CURVE_KEY_SIZE];
	int exit_code;

	check(worker.service && curve_keys_load(stage->directory, "down", &keys) &&
			curve_public_load(stage->directory, "up", upstream_key),
		23);
	snprintf(upstream, sizeof(upstream), "ipc://%s/up-*", stage->directory);
	worker.receiver = receiver_open(&(struct receiver_options){.service = worker.service,
		.upstream = upstream,
		.keys = &keys,
		.upstream_public_key = upstream_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE,
		.credit = CREDIT,
		.on_batch = on_batch,
		.context = &worker});
	check(worker.receiver, 24);
	service_every(worker.service, 3, worker_tick, &worker);
	service_on_drain(worker.service, begin_drain, is_drained, &worker);
	exit_code = service_run(worker.service);
	receiver_close(&worker.receiver);
	service_close(&worker.service);
	return exit_code;
}

/* The test's own hands ---------------------------------------------------------------------------------------- */

static pid_t start(struct stage *stage)
{
	pid_t pid = fork();
	char path[64];

	assert_true(pid >= 0);
	if (pid == 0) {
		snprintf(path, sizeof(path), "%s/log", stage->directory);
		check(freopen(path, "a", stderr), 31);
		return 0;
	}
	stage->children[stage->child_count++] = pid;
	return pid;
}

static pid_t start_upstream(struct stage *stage, const struct upstream_plan *plan)
{
	pid_t pid = start(stage);

	if (pid == 0)
		exit(run_upstream(stage, plan));
	return pid;
}

static pid_t start_worker(struct stage *stage, enum manner manner, int number)
{
	pid_t pid = start(stage);

	if (pid == 0)
		exit(run_worker(stage, manner, number));
	return pid;
}

static int stop(struct stage *stage, pid_t pid, int signal_number)
{
	int status = 0;

	for (int i = 0; i < stage->child_count; i++)
		if (stage->children[i] == pid)
			stage->children[i] = 0;
	kill(pid, signal_number);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define await(condition)                                                                                               \
	do {                                                                                                           \
		int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;                                                 \
		while (!(condition)) {                                                                                 \
			if (clock_monotonic_ms() > until_ms)                                                           \
				fail_msg("did not come: %s", #condition);                                              \
			usleep(1000);                                                                                  \
		}                                                                                                      \
	} while (0)

static int set_up(void **state)
{
	struct stage *stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(stage, MAP_FAILED);
	strcpy(stage->directory, "/tmp/sk.edge.XXXXXX");
	assert_non_null(mkdtemp(stage->directory));
	assert_true(curve_keys_create(stage->directory, "up"));
	assert_true(curve_keys_create(stage->directory, "down"));
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;
	char command[64];

	for (int i = 0; i < stage->child_count; i++) {
		if (stage->children[i] != 0) {
			kill(stage->children[i], SIGKILL);
			waitpid(stage->children[i], NULL, 0);
		}
	}
	snprintf(command, sizeof(command), "rm -r %s", stage->directory);
	assert_int_equal(system(command), 0);
	munmap(stage, sizeof(*stage));
	return 0;
}

static void assert_each_once(const struct stage *stage, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(atomic_load(&stage->done[i]), 1);
	assert_int_equal(stage->finished_twice, 0);
	assert_int_equal(stage->wrong_results, 0);
	assert_int_equal(stage->over_credit, 0);
}

/* Tests ------------------------------------------------------------------------------------------------------- */

static void test_nothing_is_lost_when_workers_are_killed_and_paused(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .count = ITEMS_MAX, .window = 5000, .attempts_max = 10, .oversize_at = UINT32_MAX};
	pid_t workers[3], upstream = start_upstream(stage, &plan);

	for (int i = 0; i < 3; i++)
		workers[i] = start_worker(stage, SLOW, i);
	for (int round = 0; round < 3; round++) {
		uint32_t at = 4000 * (uint32_t)(round + 1);

		await(stage->finished > at);
		stop(stage, workers[round], SIGKILL);
		workers[round] = start_worker(stage, SLOW, round);
		await(stage->finished > at + 1500);
		kill(workers[(round + 1) % 3],
			SIGSTOP); /* what it holds runs out, and its acknowledgements come late */
		await(stage->finished > at + 3000);
		if (round < 2)
			kill(workers[(round + 1) % 3], SIGCONT);
	}
	await(stage->finished == ITEMS_MAX);
	kill(workers[0], SIGCONT);
	assert_each_once(stage, ITEMS_MAX);
	assert_int_equal(stage->poisoned, 0);
	assert_true(stage->attempts_over_one > 0); /* the kills hit something */
	assert_true(stage->rooms > 0);
	assert_int_equal(stop(stage, upstream, SIGTERM), 0);
}

static void test_upstream_restarted_is_found_again(void **state)
{
	struct stage *stage = *state;
	struct upstream_plan plan = {
		.instance = "1", .count = 100, .window = 100, .attempts_max = 3, .oversize_at = UINT32_MAX};
	pid_t upstream = start_upstream(stage, &plan);

	start_worker(stage, PROMPT, 0);
	await(stage->finished == 100);
	stop(stage, upstream, SIGKILL); /* leaves its socket's file behind */
	plan.first = 100;
	start_upstream(stage, &plan);
	await(stage->finished == 200);
	assert_each_once(stage, 200);
}

static void test_instances_come_and_go(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan one = {
		.instance = "1", .count = 1000, .window = 100, .attempts_max = 3, .oversize_at = UINT32_MAX};
	const struct upstream_plan two = {.instance = "2",
		.first = 1000,
		.count = 1000,
		.window = 100,
		.attempts_max = 3,
		.oversize_at = UINT32_MAX};
	pid_t worker = start_worker(stage, PROMPT, 0), upstream, second;

	upstream = start_upstream(stage, &one);
	await(stage->finished == 1000 && stage->upstreams_seen == 1);
	second = start_upstream(stage, &two);
	await(stage->finished == 2000 && stage->upstreams_seen == 2);
	assert_int_equal(stop(stage, second, SIGTERM), 0);
	await(stage->upstreams_seen == 1);
	start_worker(stage, PROMPT, 1);
	await(stage->workers_seen == 2);
	assert_int_equal(stop(stage, worker, SIGTERM), 0);
	await(stage->workers_seen == 1);
	assert_int_equal(stop(stage, upstream, SIGTERM), 0);
	assert_each_once(stage, 2000);
}

static void test_credit_is_never_exceeded_and_drain_finishes_what_is_held(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .count = 2000, .window = 2000, .attempts_max = 100, .oversize_at = UINT32_MAX};
	pid_t worker = start_worker(stage, HOLDING, 0);
	uint32_t taken;

	start_upstream(stage, &plan);
	await(stage->held[0] == CREDIT);
	await(stage->workers_seen == 1);
	/* Leases run out and come back to nobody: it holds its credit still. A second worker is given some. */
	start_worker(stage, HOLDING, 1);
	await(stage->held[1] == CREDIT);
	assert_int_equal(stage->held[0], CREDIT);
	taken = stage->taken[0];
	kill(worker, SIGTERM);
	await(stage->workers_seen == 1); /* it said credit 0 and still holds */
	assert_int_equal(stage->held[0], CREDIT);
	assert_int_equal(stage->finished, 0);
	atomic_store(&stage->released, 1);
	assert_int_equal(stop(stage, worker, 0), 0); /* a second SIGTERM would end it at once */
	await(stage->finished == 2000);
	assert_int_equal(stage->taken[0], taken);
	assert_each_once(stage, 2000);
}

static void test_items_asked_for_again_and_refused(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .count = 1000, .window = 1000, .attempts_max = 2, .oversize_at = UINT32_MAX};

	start_upstream(stage, &plan);
	start_worker(stage, CHOOSING, 0);
	await(stage->finished == 900 && stage->poisoned == 100);
	assert_string_equal(stage->reason, "I cannot read this");
	assert_int_equal(stage->attempts_over_one, 200);
	assert_each_once(stage, 1000);
}

static void test_oversize_item_is_refused_at_the_sender(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .count = 100, .window = 50, .attempts_max = 2, .oversize_at = 17};

	start_upstream(stage, &plan);
	start_worker(stage, PROMPT, 0);
	await(stage->finished == 99 && stage->poisoned == 1);
	assert_string_equal(stage->reason, "item_too_large");
	assert_int_equal(stage->attempts_over_one, 0); /* nobody was cut off */
	assert_each_once(stage, 100);
}

static void test_hints_reach_every_worker(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .window = 10, .attempts_max = 2, .oversize_at = UINT32_MAX, .hints = true};

	start_upstream(stage, &plan);
	start_worker(stage, PROMPT, 0);
	start_worker(stage, HOLDING, 1);
	await(stage->workers_seen == 2 && stage->hints >= 20);
	assert_int_equal(stage->taken[0] + stage->taken[1], 0);
}

/* A peer with a good key that talks junk: dropped and counted, and the others go on. */
static int run_babbler(const struct stage *stage)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
	struct curve_keys keys;
	char endpoint[64], upstream_key[CURVE_KEY_SIZE];
	const int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;

	check(curve_keys_load(stage->directory, "down", &keys) &&
			curve_public_load(stage->directory, "up", upstream_key),
		41);
	zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, upstream_key, 40);
	zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key, 40);
	zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, 40);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/up-1", stage->directory);
	check(zmq_connect(socket, endpoint) == 0, 42);
	while (stage->malformed < 300 && clock_monotonic_ms() < until_ms) {
		zmq_send(socket, "junk", 4, 0);
		zmq_send(socket, "two", 3, ZMQ_SNDMORE);
		zmq_send(socket, "frames", 6, 0);
		zmq_send(socket, "\x08\x07", 2, 0); /* version 7 */
		usleep(1000);
	}
	return 0;
}

static void test_junk_from_a_peer_is_dropped_and_counted(void **state)
{
	struct stage *stage = *state;
	const struct upstream_plan plan = {
		.instance = "1", .count = 5000, .window = 500, .attempts_max = 2, .oversize_at = UINT32_MAX};
	pid_t babbler;

	start_upstream(stage, &plan);
	babbler = start(stage);
	if (babbler == 0)
		_exit(run_babbler(stage));
	await(stage->malformed >= 300);
	start_worker(stage, PROMPT, 0);
	await(stage->finished == 5000);
	assert_int_equal(stop(stage, babbler, SIGCONT), 0);
	assert_each_once(stage, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_nothing_is_lost_when_workers_are_killed_and_paused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_upstream_restarted_is_found_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_instances_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_credit_is_never_exceeded_and_drain_finishes_what_is_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_items_asked_for_again_and_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oversize_item_is_refused_at_the_sender, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hints_reach_every_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_junk_from_a_peer_is_dropped_and_counted, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
