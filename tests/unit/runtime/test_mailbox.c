/* Would catch a queue that grows, loses or repeats a letter, leaves its descriptor unreadable with letters inside
 * (a thread that sleeps for ever) or readable without (a thread that spins), or never lets a waiter go at the end. */
#include "common/runtime/mailbox.h"

#include "common/runtime/clock.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool readable(const struct mailbox *mailbox)
{
	struct pollfd item = {.fd = mailbox_fd(mailbox), .events = POLLIN};
	return poll(&item, 1, 0) == 1;
}

static void *letter(uintptr_t number)
{
	return (void *)number; /* never followed */
}

static void full_refuses_and_order_stays(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_new(3);
	void *taken[4];
	assert_non_null(mailbox);
	assert_false(readable(mailbox));
	for (uintptr_t round = 0; round < 10; round++) {
		assert_true(mailbox_push(mailbox, letter(round * 10 + 1)));
		assert_true(mailbox_push(mailbox, letter(round * 10 + 2)));
		assert_true(mailbox_push(mailbox, letter(round * 10 + 3)));
		assert_false(mailbox_push(mailbox, letter(99)));
		assert_int_equal(mailbox_count(mailbox), 3);
		assert_true(readable(mailbox));
		assert_int_equal(mailbox_take(mailbox, taken, 2), 2);
		assert_ptr_equal(taken[0], letter(round * 10 + 1));
		assert_ptr_equal(taken[1], letter(round * 10 + 2));
		assert_true(readable(mailbox));
		assert_int_equal(mailbox_take(mailbox, taken, 4), 1);
		assert_ptr_equal(taken[0], letter(round * 10 + 3));
		assert_false(readable(mailbox));
		assert_int_equal(mailbox_take(mailbox, taken, 4), 0);
	}
	mailbox_free(&mailbox);
	assert_null(mailbox);
	mailbox_free(&mailbox);
}

static void closed_refuses_but_gives_what_is_left(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_new(2);
	void *taken[2];
	assert_true(mailbox_push(mailbox, letter(1)));
	mailbox_close(mailbox);
	assert_false(mailbox_push(mailbox, letter(2)));
	assert_int_equal(mailbox_wait(mailbox, taken, 2, -1), 1);
	assert_int_equal(mailbox_wait(mailbox, taken, 2, -1), 0); /* returns: nothing will ever come */
	assert_false(readable(mailbox));
	mailbox_free(&mailbox);
}

static void wait_ends_with_its_time(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_new(1);
	void *taken[1];
	int64_t start = clock_monotonic_ms();
	assert_int_equal(mailbox_wait(mailbox, taken, 1, 0), 0);
	assert_int_equal(mailbox_wait(mailbox, taken, 1, 30), 0);
	assert_true(clock_monotonic_ms() - start >= 30);
	mailbox_free(&mailbox);
}

static void *wait_for_ever(void *context)
{
	void *taken[1];
	assert_int_equal(mailbox_wait(context, taken, 1, -1), 0);
	return NULL;
}

static void close_wakes_waiters(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_new(1);
	pthread_t threads[2];
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_ever, mailbox), 0);
	mailbox_close(mailbox);
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	mailbox_free(&mailbox);
}

enum { LETTERS = 20000, PUSHERS = 2 };

static void *push_all(void *context)
{
	for (uintptr_t number = 1; number <= LETTERS; number++)
		while (!mailbox_push(context, letter(number)))
			sched_yield();
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_new(7);
	pthread_t threads[PUSHERS];
	void *taken[5];
	uint64_t sum = 0;
	size_t count = 0;
	for (size_t i = 0; i < PUSHERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, push_all, mailbox), 0);
	while (count < (size_t)PUSHERS * LETTERS) {
		struct pollfd item = {.fd = mailbox_fd(mailbox), .events = POLLIN};
		assert_int_equal(poll(&item, 1, 10000), 1); /* a lost wake-up ends here */
		size_t now = mailbox_take(mailbox, taken, ARRAY_LENGTH(taken));
		for (size_t i = 0; i < now; i++)
			sum += (uintptr_t)taken[i];
		count += now;
	}
	for (size_t i = 0; i < PUSHERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum, (uint64_t)PUSHERS * LETTERS * (LETTERS + 1) / 2);
	assert_int_equal(mailbox_count(mailbox), 0);
	assert_false(readable(mailbox));
	mailbox_free(&mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_refuses_and_order_stays),
		cmocka_unit_test(closed_refuses_but_gives_what_is_left),
		cmocka_unit_test(wait_ends_with_its_time),
		cmocka_unit_test(close_wakes_waiters),
		cmocka_unit_test(nothing_is_lost_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
