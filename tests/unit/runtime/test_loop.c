/* Would catch a loop that calls what was taken back (a handler of freed memory), forgets what was added while it
 * turned, misses a message, runs a timer a hundred times after a pause, or says that it is idle while a handler runs.
 */
#include "common/runtime/loop.h"

#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

struct part {
	struct loop *loop;
	struct part *other; /* taken back, or added, by the handler */
	int fd, calls;
	void *socket;
	char *order; /* NUL-terminated: one letter a call */
	char letter;
};

static void note(struct part *part)
{
	part->calls++;
	if (part->order != NULL)
		part->order[strlen(part->order)] = part->letter;
}

static void on_call(void *context)
{
	note(context);
}

static void on_event(void *context)
{
	struct part *part = context;
	eventfd_t ignored;
	assert_int_equal(eventfd_read(part->fd, &ignored), 0);
	note(part);
}

static void on_event_forget_other(void *context)
{
	struct part *part = context;
	on_event(context);
	loop_forget(part->loop, part->other);
}

static void on_event_add_other(void *context)
{
	struct part *part = context;
	on_event(context);
	loop_on_fd(part->loop, part->other->fd, on_event, part->other);
	loop_after_turn(part->loop, on_call, part->other);
}

static struct part part_with_event(struct loop *loop)
{
	return (struct part){.loop = loop, .fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};
}

static void taken_back_is_not_called_in_the_same_turn(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct part second = part_with_event(loop), first = part_with_event(loop);
	first.other = &second;
	loop_on_fd(loop, first.fd, on_event_forget_other, &first);
	loop_on_fd(loop, second.fd, on_event, &second);
	loop_every(loop, 1, on_call, &second);
	loop_after_turn(loop, on_call, &second);
	loop_turn(loop, 1000);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	eventfd_write(first.fd, 1);
	loop_turn(loop, 1000); /* the others are still there after the gaps were closed */
	assert_int_equal(first.calls, 2);
	assert_int_equal(second.calls, 0);
	close(first.fd);
	close(second.fd);
	loop_free(&loop);
	assert_null(loop);
}

static void added_in_a_turn_is_there_in_the_next(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct part second = part_with_event(loop), first = part_with_event(loop);
	first.other = &second;
	loop_on_fd(loop, first.fd, on_event_add_other, &first);
	loop_turn(loop, 1000);
	assert_int_equal(second.calls, 0);
	loop_turn(loop, 1000);
	assert_int_equal(second.calls, 2); /* readable, then the end of the turn */
	close(first.fd);
	close(second.fd);
	loop_free(&loop);
}

static void a_turn_has_an_order(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	char order[8] = "";
	struct part a = part_with_event(loop), b = {.letter = 'b', .order = order}, c = b, d = b;
	a.letter = 'a';
	a.order = order;
	c.letter = 'c';
	d.letter = 'd';
	loop_after_turn(loop, on_call, &c);
	loop_after_turn(loop, on_call, &d);
	loop_every(loop, 1, on_call, &b);
	loop_on_fd(loop, a.fd, on_event, &a);
	for (int64_t start = clock_monotonic_ms(); clock_monotonic_ms() <= start + 1;)
		; /* until the timer is due */
	loop_turn(loop, 1000);
	assert_string_equal(order, "abcd");
	close(a.fd);
	loop_free(&loop);
}

static void on_message(void *context)
{
	struct part *part = context;
	char octet;
	assert_int_equal(zmq_recv(part->socket, &octet, 1, ZMQ_DONTWAIT), 1); /* one, and leaves the others */
	note(part);
}

static void every_message_is_seen_and_sockets_may_go(void **state)
{
	(void)state;
	enum { MESSAGES = 3 };
	void *zmq = zmq_ctx_new();
	struct loop *loop = loop_new();
	struct part out = {.socket = zmq_socket(zmq, ZMQ_PAIR)}, in = {.socket = zmq_socket(zmq, ZMQ_PAIR)};
	assert_int_equal(zmq_bind(in.socket, "inproc://loop"), 0);
	assert_int_equal(zmq_connect(out.socket, "inproc://loop"), 0);
	for (int i = 0; i < MESSAGES; i++)
		assert_int_equal(zmq_send(out.socket, "x", 1, ZMQ_DONTWAIT), 1);
	loop_on_socket(loop, in.socket, on_message, &in);
	int64_t deadline = clock_monotonic_ms() + 10000;
	while (in.calls < MESSAGES && clock_monotonic_ms() < deadline)
		loop_turn(loop, 100);
	assert_int_equal(in.calls, MESSAGES);
	loop_remove_socket(loop, in.socket);
	zmq_close(in.socket);
	loop_turn(loop, 0); /* polls no closed socket */
	zmq_close(out.socket);
	loop_free(&loop);
	zmq_ctx_term(zmq);
}

static void a_late_timer_runs_once(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct part timer = {0};
	loop_every(loop, 5, on_call, &timer);
	int64_t start = clock_monotonic_ms();
	loop_turn(loop, 1000);
	assert_true(clock_monotonic_ms() - start < 1000); /* the timer ended the wait */
	assert_int_equal(timer.calls, 1);
	while (clock_monotonic_ms() < start + 50)
		; /* a handler that took long */
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(timer.calls, 2);
	loop_free(&loop);
}

static void on_look_busy(void *context)
{
	struct part *part = context;
	assert_true(*loop_busy_since(part->loop) > 0);
	part->calls++;
}

static void busy_is_while_handlers_run(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct part part = {.loop = loop};
	loop_after_turn(loop, on_look_busy, &part);
	assert_int_equal(*loop_busy_since(loop), 0);
	loop_turn(loop, 0);
	assert_int_equal(part.calls, 1);
	assert_int_equal(*loop_busy_since(loop), 0);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_back_is_not_called_in_the_same_turn),
		cmocka_unit_test(added_in_a_turn_is_there_in_the_next),
		cmocka_unit_test(a_turn_has_an_order),
		cmocka_unit_test(every_message_is_seen_and_sockets_may_go),
		cmocka_unit_test(a_late_timer_runs_once),
		cmocka_unit_test(busy_is_while_handlers_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
