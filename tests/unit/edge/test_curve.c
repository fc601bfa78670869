/* Catches: an unknown key or a peer without CURVE admitted to an edge, a key admitted to a neighbour's edge, a
 * rotated or removed key that still opens, a secret file that others can read taken for a secret. */
#include "common/edge/curve.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { DEADLINE_MS = 5000 };

struct world {
	char directory[32], endpoint[64];
	void *context;
	struct curve_gate *gate;
	void *router, *peer, *monitor; /* closed in tear_down() where a test fails */
	struct curve_keys server;
	int watches;
};

static void set_text(void *socket, int option, const char *text)
{
	assert_int_equal(zmq_setsockopt(socket, option, text, strlen(text)), 0);
}

static void set_number(void *socket, int option, int value)
{
	assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof(value)), 0);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	static const char *const names[] = {"intake", "validation", "quota"};

	assert_non_null(world);
	strcpy(world->directory, "/tmp/sk.curve.XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		assert_true(curve_keys_create(world->directory, names[i]));
	assert_true(curve_keys_load(world->directory, "intake", &world->server));
	snprintf(world->endpoint, sizeof(world->endpoint), "ipc://%s/edge", world->directory);
	world->context = zmq_ctx_new();
	world->gate = curve_gate_open(world->context, world->directory);
	assert_non_null(world->gate);
	curve_gate_allow(world->gate, "intake", "validation");
	curve_gate_allow(world->gate, "validation", "quota");
	world->router = zmq_socket(world->context, ZMQ_ROUTER);
	set_number(world->router, ZMQ_LINGER, 0);
	set_number(world->router, ZMQ_CURVE_SERVER, 1);
	set_text(world->router, ZMQ_CURVE_SECRETKEY, world->server.secret_key);
	set_text(world->router, ZMQ_ZAP_DOMAIN, "intake");
	assert_int_equal(zmq_bind(world->router, world->endpoint), 0);
	*state = world;
	return 0;
}

static void close_peer(struct world *world)
{
	/* An event for a monitor that is gone would block libzmq's I/O thread for ever, and all its sockets with it. */
	if (world->monitor)
		zmq_socket_monitor(world->peer, NULL, 0);
	if (world->peer)
		zmq_close(world->peer);
	if (world->monitor)
		zmq_close(world->monitor);
	world->peer = world->monitor = NULL;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	char command[128];

	close_peer(world);
	zmq_close(world->router);
	curve_gate_close(&world->gate);
	zmq_ctx_term(world->context);
	snprintf(command, sizeof(command), "rm -r %s", world->directory);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

/* A peer that says "hello"; keys NULL: without CURVE. */
static void peer_open(struct world *world, const struct curve_keys *keys)
{
	void *peer = world->peer = zmq_socket(world->context, ZMQ_DEALER);

	set_number(peer, ZMQ_LINGER, 0);
	if (keys) {
		set_text(peer, ZMQ_CURVE_SERVERKEY, world->server.public_key);
		set_text(peer, ZMQ_CURVE_PUBLICKEY, keys->public_key);
		set_text(peer, ZMQ_CURVE_SECRETKEY, keys->secret_key);
	}
	assert_int_equal(zmq_connect(peer, world->endpoint), 0);
	assert_int_equal(zmq_send(peer, "hello", 5, 0), 5);
}

/* Waits for a peer's hello and gives the name the gate knows it by. */
static void hear(struct world *world, char *name, size_t size)
{
	zmq_pollitem_t item = {.socket = world->router, .events = ZMQ_POLLIN};
	zmq_msg_t part;
	int more = 1;

	assert_int_equal(zmq_poll(&item, 1, DEADLINE_MS), 1);
	while (more) {
		assert_int_equal(zmq_msg_init(&part), 0);
		assert_true(zmq_msg_recv(&part, world->router, 0) >= 0);
		more = zmq_msg_more(&part);
		if (!more)
			snprintf(name, size, "%s", zmq_msg_gets(&part, "User-Id"));
		zmq_msg_close(&part);
	}
}

/* How the other end of a refused handshake learns it. */
static void await_refusal(void *peer_monitor)
{
	zmq_pollitem_t item = {.socket = peer_monitor, .events = ZMQ_POLLIN};
	zmq_msg_t part;
	uint16_t event = 0;

	while (event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
		event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && event != ZMQ_EVENT_DISCONNECTED) {
		assert_int_equal(zmq_poll(&item, 1, DEADLINE_MS), 1);
		zmq_msg_init(&part);
		zmq_msg_recv(&part, peer_monitor, 0);
		memcpy(&event, zmq_msg_data(&part), sizeof(event));
		zmq_msg_close(&part);
		zmq_msg_init(&part);
		zmq_msg_recv(&part, peer_monitor, 0);
		zmq_msg_close(&part);
	}
}

static void assert_refused(struct world *world, const struct curve_keys *keys)
{
	void *peer = world->peer = zmq_socket(world->context, ZMQ_DEALER);
	char watch[32];
	void *monitor = world->monitor = zmq_socket(world->context, ZMQ_PAIR);
	zmq_pollitem_t item = {.socket = world->router, .events = ZMQ_POLLIN};

	snprintf(watch, sizeof(watch), "inproc://monitor.%d", world->watches++);
	set_number(peer, ZMQ_LINGER, 0);
	set_number(peer, ZMQ_RECONNECT_IVL, -1); /* one try: the gate's count is looked at */
	set_number(monitor, ZMQ_LINGER, 0);
	assert_int_equal(zmq_socket_monitor(peer, watch, ZMQ_EVENT_ALL), 0);
	assert_int_equal(zmq_connect(monitor, watch), 0);
	if (keys) {
		set_text(peer, ZMQ_CURVE_SERVERKEY, world->server.public_key);
		set_text(peer, ZMQ_CURVE_PUBLICKEY, keys->public_key);
		set_text(peer, ZMQ_CURVE_SECRETKEY, keys->secret_key);
	}
	assert_int_equal(zmq_connect(peer, world->endpoint), 0);
	zmq_send(peer, "hello", 5, ZMQ_DONTWAIT);
	await_refusal(monitor);
	assert_int_equal(zmq_poll(&item, 1, 0), 0);
	close_peer(world);
}

static void test_known_key_is_admitted_under_its_name(void **state)
{
	struct world *world = *state;
	struct curve_keys keys;
	char name[CURVE_NAME_MAX];

	assert_true(curve_keys_load(world->directory, "validation", &keys));
	peer_open(world, &keys);
	hear(world, name, sizeof(name));
	assert_string_equal(name, "validation");
	assert_int_equal(curve_gate_refused(world->gate), 0);
	close_peer(world);
}

static void test_strangers_are_refused(void **state)
{
	struct world *world = *state;
	struct curve_keys keys;

	assert_int_equal(zmq_curve_keypair(keys.public_key, keys.secret_key), 0);
	assert_refused(world, &keys);
	assert_int_equal(curve_gate_refused(world->gate), 1);
	assert_true(curve_keys_load(world->directory, "quota", &keys)); /* a neighbour's edge is not this one */
	assert_refused(world, &keys);
	assert_int_equal(curve_gate_refused(world->gate), 2);
	assert_refused(world, NULL);
}

static void test_keys_are_read_again(void **state)
{
	struct world *world = *state;
	struct curve_keys old, new;
	char name[CURVE_NAME_MAX], path[128];

	assert_true(curve_keys_load(world->directory, "validation", &old));
	peer_open(world, &old);
	hear(world, name, sizeof(name));
	close_peer(world);
	assert_true(curve_keys_create(world->directory, "validation"));
	assert_true(curve_keys_load(world->directory, "validation", &new));
	assert_refused(world, &old);
	peer_open(world, &new);
	hear(world, name, sizeof(name));
	close_peer(world);
	snprintf(path, sizeof(path), "%s/validation.public", world->directory);
	assert_int_equal(unlink(path), 0);
	assert_refused(world, &new);
}

static void test_files(void **state)
{
	struct world *world = *state;
	struct curve_keys keys;
	char path[256];
	struct stat status;

	snprintf(path, sizeof(path), "%s/quota.secret", world->directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0400);
	assert_int_equal(chmod(path, 0440), 0);
	assert_false(curve_keys_load(world->directory, "quota", &keys));
	assert_int_equal(errno, EPERM);
	assert_false(curve_keys_load(world->directory, "nobody", &keys));
	assert_int_equal(errno, ENOENT);
	snprintf(path, sizeof(path), "cp %s/quota.public %s/mixed.public && cp -p %s/intake.secret %s/mixed.secret",
		world->directory, world->directory, world->directory, world->directory);
	assert_int_equal(system(path), 0);
	assert_false(curve_keys_load(world->directory, "mixed", &keys));
	assert_int_equal(errno, EINVAL);
}

static void test_one_gate_a_context(void **state)
{
	struct world *world = *state;

	assert_null(curve_gate_open(world->context, world->directory));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known_key_is_admitted_under_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_are_read_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_gate_a_context, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
