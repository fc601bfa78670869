/* Would catch: more under way than the window, a place that is never free again, an entry used after it has left, a
 * submission forgotten or sent again and again while the pipeline stands still (law 7). */
#include "services/intake/id_map.h"
#include "services/intake/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { LEASE_MS = 1000, MOST = 200 };

static struct id128 id_of(uint32_t number)
{
	struct id128 id = {0};
	/* Low bits alike, so that they crowd in a table. */
	id.octet[0] = (uint8_t)(number >> 8);
	id.octet[15] = (uint8_t)(number % 7);
	id.octet[8] = (uint8_t)number;
	return id;
}

static struct window_entry *enter(struct window *window, uint32_t number, int64_t now_ms)
{
	struct id128 id = id_of(number);
	return window_enter(window, &id, now_ms);
}

static struct window_entry *find(struct window *window, uint32_t number)
{
	struct id128 id = id_of(number);
	return window_find(window, &id);
}

static void map_keeps_what_was_put_in(void **state)
{
	struct id_map *map = id_map_new(500);
	bool there[1000] = {false};
	size_t count = 0;
	(void)state;
	srandom(7);
	for (int round = 0; round < 200000; round++) {
		uint32_t number = (uint32_t)random() % 1000;
		struct id128 id = id_of(number);
		void *value = &there[number];
		if (random() % 2 == 0) {
			bool added = id_map_add(map, &id, value);
			assert_int_equal(added, !there[number] && count < 500);
			there[number] |= added;
			count += added;
		} else {
			assert_ptr_equal(id_map_remove(map, &id), there[number] ? value : NULL);
			count -= there[number];
			there[number] = false;
		}
		assert_ptr_equal(id_map_find(map, &id), there[number] ? value : NULL);
		assert_int_equal(id_map_count(map), count);
	}
	for (uint32_t number = 0; number < 1000; number++) {
		struct id128 id = id_of(number);
		assert_int_equal(id_map_find(map, &id) != NULL, there[number]);
	}
	id_map_free(&map);
}

static void a_place_is_free_with_the_decision(void **state)
{
	struct window *window = window_new(2);
	(void)state;
	struct window_entry *first = enter(window, 1, 0), *second = enter(window, 2, 0);
	assert_non_null(first);
	assert_non_null(second);
	assert_null(enter(window, 1, 0));
	assert_null(enter(window, 3, 0));
	/* Decided before the edge let go: the place is free, the entry stays for the edge's tag. */
	window_decide(window, first);
	window_decide(window, first);
	assert_int_equal(window_count(window), 1);
	assert_int_equal(window_room(window), 1);
	assert_ptr_equal(find(window, 1), first);
	window_release(window, first, 10);
	assert_null(find(window, 1));
	window_release(window, second, 10);
	assert_ptr_equal(find(window, 2), second);
	window_decide(window, second);
	assert_null(find(window, 2));
	assert_int_equal(window_count(window), 0);
	window_free(&window);
}

/* An edge that lets nothing go while everything is decided elsewhere must not make it grow. */
static void what_the_edge_holds_is_bounded_too(void **state)
{
	struct window *window = window_new(4);
	uint32_t entered = 0;
	(void)state;
	for (uint32_t number = 0; number < 100; number++) {
		struct window_entry *entry = enter(window, number, 0);
		entered += entry != NULL;
		if (entry != NULL)
			window_decide(window, entry);
	}
	assert_int_equal(entered, 8);
	window_free(&window);
}

static size_t stale(struct window *window, int64_t now_ms, size_t *to_send)
{
	struct id128 ids[MOST];
	bool lost[MOST];
	size_t count = window_stale(window, now_ms, LEASE_MS, ids, lost, MOST);
	*to_send = 0;
	for (size_t i = 0; i < count; i++)
		*to_send += lost[i];
	return count;
}

static void what_the_edge_holds_is_not_asked_after(void **state)
{
	struct window *window = window_new(10);
	size_t to_send;
	(void)state;
	struct window_entry *entry = enter(window, 1, 0);
	assert_int_equal(stale(window, 100000, &to_send), 0);
	window_release(window, entry, 100000);
	assert_int_equal(stale(window, 100000 + LEASE_MS - 1, &to_send), 0);
	assert_int_equal(stale(window, 100000 + LEASE_MS, &to_send), 1);
	assert_int_equal(to_send, 1);
	/* Not again before another lease. */
	assert_int_equal(stale(window, 100000 + LEASE_MS + 1, &to_send), 0);
	window_free(&window);
}

static void a_still_pipeline_gets_probes_alone(void **state)
{
	struct window *window = window_new(MOST);
	size_t to_send;
	(void)state;
	for (uint32_t number = 0; number < MOST; number++)
		window_release(window, enter(window, number, 0), 0);
	for (int64_t now_ms = LEASE_MS; now_ms <= INT64_C(5) * LEASE_MS; now_ms += LEASE_MS) {
		assert_int_equal(stale(window, now_ms, &to_send), MOST);
		assert_int_equal(to_send, 64);
	}
	window_free(&window);
}

/* Something sent well after it has been decided: it was lost, all of it is to be sent again. */
static void progress_shows_what_was_lost(void **state)
{
	struct window *window = window_new(MOST);
	size_t to_send;
	(void)state;
	for (uint32_t number = 0; number < 150; number++)
		window_release(window, enter(window, number, 0), 0);
	struct window_entry *later = enter(window, 199, 10000);
	window_release(window, later, 10000);
	window_decide(window, later);
	assert_int_equal(stale(window, 10001, &to_send), 150);
	assert_int_equal(to_send, 150);
	struct window_entry *entry = find(window, 3);
	window_send_again(window, entry, 10002);
	assert_int_equal(entry->sends, 2);
	assert_int_equal(stale(window, 10001 + LEASE_MS, &to_send), 149);
	window_free(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_keeps_what_was_put_in),
		cmocka_unit_test(a_place_is_free_with_the_decision),
		cmocka_unit_test(what_the_edge_holds_is_bounded_too),
		cmocka_unit_test(what_the_edge_holds_is_not_asked_after),
		cmocka_unit_test(a_still_pipeline_gets_probes_alone),
		cmocka_unit_test(progress_shows_what_was_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
