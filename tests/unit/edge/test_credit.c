/* Catches (laws 7 and 8): a worker that is never heard by an upstream it has found, that goes on asking for work while
 * it stops or of an upstream that leaves, that leaves before its work is done, that holds without bound, or that never
 * tries again where nobody answers. */
#include "common/edge/credit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { GRANTED = 3, OPENED_MS = 1000 };

static struct credit opened(void)
{
	struct credit credit = {.granted = GRANTED, .listed = true};

	credit_opened(&credit, OPENED_MS);
	return credit;
}

static struct credit connected(void)
{
	struct credit credit = opened();

	assert_true(credit_spoke(&credit, true, credit_grant(&credit, false), OPENED_MS));
	return credit;
}

static void test_speaks_at_once_until_somebody_takes_it(void **state)
{
	struct credit credit = opened();

	(void)state;
	assert_true(credit_speaks(&credit, false, OPENED_MS));
	assert_false(credit_spoke(&credit, false, GRANTED, OPENED_MS)); /* nobody there, as before: nothing to tell */
	assert_true(credit_speaks(&credit, false, OPENED_MS + 1));
	assert_true(credit_spoke(&credit, true, GRANTED, OPENED_MS + 1)); /* found */
	assert_false(credit_speaks(&credit, false, OPENED_MS + 2));
	assert_true(credit_spoke(&credit, false, GRANTED, OPENED_MS + 3)); /* lost */
	assert_true(credit_speaks(&credit, false, OPENED_MS + 4));
}

static void test_a_heartbeat_each_second(void **state)
{
	struct credit credit = connected();

	(void)state;
	assert_false(credit_speaks(&credit, false, OPENED_MS + EDGE_HEARTBEAT_MS - 1));
	assert_true(credit_speaks(&credit, false, OPENED_MS + EDGE_HEARTBEAT_MS));
	assert_false(credit_spoke(&credit, true, GRANTED, OPENED_MS + EDGE_HEARTBEAT_MS));
	assert_false(credit_speaks(&credit, false, OPENED_MS + EDGE_HEARTBEAT_MS));
}

static void test_a_changed_grant_is_said_at_once(void **state)
{
	struct credit credit = connected();

	(void)state;
	assert_int_equal(credit_grant(&credit, false), GRANTED);
	assert_int_equal(credit_grant(&credit, true), 0);
	assert_true(credit_speaks(&credit, true, OPENED_MS)); /* it stops */
	assert_false(credit_spoke(&credit, true, credit_grant(&credit, true), OPENED_MS));
	assert_false(credit_speaks(&credit, true, OPENED_MS));
	credit.listed = false;
	assert_int_equal(credit_grant(&credit, false), 0);
	credit.listed = true; /* it is back */
	assert_true(credit_speaks(&credit, false, OPENED_MS));
}

static void test_who_left_the_list_goes_when_nothing_of_it_is_held(void **state)
{
	struct credit credit = connected();

	(void)state;
	assert_false(credit_ends(&credit));
	credit.held = 1;
	credit.listed = false;
	assert_false(credit_ends(&credit));
	credit.held = 0;
	assert_true(credit_ends(&credit));
}

static void test_a_new_socket_where_nobody_answers(void **state)
{
	struct credit credit = opened();

	(void)state;
	assert_false(credit_reopens(&credit, OPENED_MS + CREDIT_REOPEN_MS - 1));
	assert_true(credit_reopens(&credit, OPENED_MS + CREDIT_REOPEN_MS));
	credit_opened(&credit, OPENED_MS + CREDIT_REOPEN_MS);
	assert_false(credit_reopens(&credit, OPENED_MS + CREDIT_REOPEN_MS));
	credit = connected();
	assert_false(credit_reopens(&credit, OPENED_MS + 2 * CREDIT_REOPEN_MS));
}

static void test_held_is_bounded_whatever_an_upstream_sends(void **state)
{
	struct credit credit = connected();

	(void)state;
	credit.held = GRANTED; /* what it was granted before a reconnection, and again after */
	assert_true(credit_admits(&credit));
	credit.held = CREDIT_OVER * GRANTED - 1;
	assert_true(credit_admits(&credit));
	credit.held++;
	assert_false(credit_admits(&credit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_speaks_at_once_until_somebody_takes_it),
		cmocka_unit_test(test_a_heartbeat_each_second),
		cmocka_unit_test(test_a_changed_grant_is_said_at_once),
		cmocka_unit_test(test_who_left_the_list_goes_when_nothing_of_it_is_held),
		cmocka_unit_test(test_a_new_socket_where_nobody_answers),
		cmocka_unit_test(test_held_is_bounded_whatever_an_upstream_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
