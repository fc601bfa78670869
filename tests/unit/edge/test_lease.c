/* Catches: an item lost or handed to two workers at once, a worker given more than its credit, an acknowledgement
 * taken from the wrong worker or after the lease, attempts miscounted, poison that is never found. */
#include "common/edge/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct id128 id_of(uint64_t number)
{
	struct id128 id = {{0}};
	uint64_t mixed = number * 0x9e3779b97f4a7c15u;

	memcpy(id.octet, &mixed, sizeof(mixed));
	memcpy(id.octet + 8, &number, sizeof(number));
	return id;
}

static const struct lease_limits SMALL = {.items_max = 64,
	.batch_items_max = 8,
	.batch_bytes_max = 1000,
	.lease_ms = 100,
	.attempts_max = 3,
	.expiries_max = 4};

/* The model: what a book must be, by looking at everything each time ------------------------------------------ */

enum { MODEL_ITEMS = 4096, MODEL_LEASES = 8192, MODEL_WORKERS = 6, EVENTS = 3000 };
enum place { NOWHERE, WAITING, LEASED, DONE, POISONED };

struct model_item {
	enum place place;
	uint32_t bytes, route, attempt, returned, expired;
	int64_t not_before_ms;
	uint32_t lease;
};
struct model_lease {
	bool held; /* counts against the worker's credit, alive or expired */
	bool alive;
	uint64_t worker;
	int64_t deadline_ms;
};
struct model_worker {
	bool known;
	uint64_t boot;
	uint32_t route, credit;
	int64_t heard_ms;
};
struct model {
	struct lease_book *book;
	struct model_item items[MODEL_ITEMS];
	uint32_t item_count;
	struct model_lease leases[MODEL_LEASES];
	uint32_t lease_count;
	struct model_worker workers[MODEL_WORKERS];
	int64_t now_ms;
	uint64_t random, boots;
};

static uint32_t dice(struct model *model, uint32_t sides)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (uint32_t)(model->random >> 33) % sides;
}

static uint32_t model_count(const struct model *model, enum place place)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->item_count; i++)
		count += model->items[i].place == place;
	return count;
}

/* Catches: an oldest that leaves out what a worker holds, or what waits to come again. */
static void assert_oldest(const struct model *model)
{
	uint32_t oldest = 0;
	uint64_t tag;

	while (oldest < model->item_count &&
		(model->items[oldest].place == NOWHERE || model->items[oldest].place == DONE))
		oldest++;
	assert_int_equal(lease_oldest(model->book, &tag), oldest < model->item_count);
	if (oldest < model->item_count)
		assert_int_equal(tag, oldest);
}

static uint32_t model_held(const struct model *model, uint64_t worker)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->lease_count; i++)
		count += model->leases[i].held && model->leases[i].worker == worker;
	return count;
}

static uint32_t silent_ends(const struct model_item *item)
{
	return item->attempt - item->returned - item->expired;
}

static bool is_poison(const struct model_item *item)
{
	return silent_ends(item) >= SMALL.attempts_max || item->expired >= SMALL.expiries_max;
}

/* `late`: its worker lives. */
static void model_end_lease(struct model *model, uint32_t lease, bool late)
{
	model->leases[lease].alive = false;
	for (uint32_t i = 0; i < model->item_count; i++) {
		struct model_item *item = &model->items[i];

		if (item->place != LEASED || item->lease != lease)
			continue;
		item->expired += late;
		item->place = is_poison(item) ? POISONED : WAITING;
		item->not_before_ms = 0;
	}
}

static void model_forget(struct model *model, uint64_t worker)
{
	for (uint32_t i = 0; i < model->lease_count; i++) {
		if (!model->leases[i].held || model->leases[i].worker != worker)
			continue;
		if (model->leases[i].alive)
			model_end_lease(model, i, false);
		model->leases[i].held = false;
	}
	model->workers[worker].known = false;
}

static bool model_has_work(const struct model *model)
{
	for (uint32_t w = 0; w < MODEL_WORKERS; w++) {
		if (!model->workers[w].known || model_held(model, w) >= model->workers[w].credit)
			continue;
		for (uint32_t i = 0; i < model->item_count; i++)
			if (model->items[i].place == WAITING && model->items[i].not_before_ms <= model->now_ms &&
				model->items[i].route == model->workers[w].route)
				return true;
	}
	return false;
}

/* Events ------------------------------------------------------------------------------------------------------ */

static void event_push(struct model *model)
{
	struct model_item *item = &model->items[model->item_count];
	uint32_t held = model_count(model, WAITING) + model_count(model, LEASED) + model_count(model, POISONED);

	if (model->item_count == MODEL_ITEMS)
		return;
	*item = (struct model_item){.bytes = dice(model, 300), .route = dice(model, 2)};
	if (lease_push(model->book, model->item_count, item->bytes, item->route)) {
		assert_true(held < SMALL.items_max);
		item->place = WAITING;
		model->item_count++;
	} else {
		assert_int_equal(held, SMALL.items_max);
	}
}

static void event_ready(struct model *model)
{
	uint64_t number = dice(model, MODEL_WORKERS);
	struct model_worker *worker = &model->workers[number];
	bool restarted = !worker->known || dice(model, 8) == 0;
	struct id128 boot;

	if (restarted) {
		model_forget(model, number);
		worker->boot = ++model->boots;
	}
	if (restarted)
		worker->route = dice(model, 2);
	worker->known = true;
	worker->credit = dice(model, 4);
	worker->heard_ms = model->now_ms;
	boot = id_of(worker->boot);
	assert_int_equal(lease_worker_ready(model->book, number, &boot, worker->route, worker->credit, model->now_ms),
		restarted);
}

static void event_gone(struct model *model)
{
	uint64_t number = dice(model, MODEL_WORKERS);

	lease_worker_gone(model->book, number);
	model_forget(model, number);
}

static void take_batch(struct model *model, const struct lease_batch *batch, uint32_t lease)
{
	uint64_t bytes = 0;

	assert_in_range(batch->count, 1, SMALL.batch_items_max);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct lease_item *given = &batch->items[i];
		struct model_item *item = &model->items[given->tag];

		assert_int_equal(item->place, WAITING); /* so it is with nobody else */
		assert_true(item->not_before_ms <= model->now_ms);
		assert_int_equal(item->route, model->workers[batch->worker].route);
		assert_int_equal(given->attempt, ++item->attempt);
		assert_int_equal(given->returned, item->returned);
		assert_int_equal(given->expired, item->expired);
		if (silent_ends(item) == SMALL.attempts_max)
			assert_int_equal(batch->count, 1);
		item->place = LEASED;
		item->lease = lease;
		bytes += item->bytes;
	}
	if (batch->count > 1)
		assert_true(bytes <= SMALL.batch_bytes_max);
}

static void event_next(struct model *model)
{
	struct id128 id = id_of(model->lease_count);
	struct lease_batch batch;
	bool has_work = model_has_work(model);

	if (model->lease_count == MODEL_LEASES)
		return;
	assert_int_equal(lease_next(model->book, &id, model->now_ms, &batch), has_work);
	if (!has_work)
		return;
	assert_true(model->workers[batch.worker].known);
	assert_true(model_held(model, batch.worker) < model->workers[batch.worker].credit);
	take_batch(model, &batch, model->lease_count);
	model->leases[model->lease_count++] =
		(struct model_lease){true, true, batch.worker, model->now_ms + SMALL.lease_ms};
	if (dice(model, 20) == 0) { /* it could not be sent */
		struct model_lease *lease = &model->leases[model->lease_count - 1];

		lease_take_back(model->book, &id);
		for (uint32_t i = 0; i < batch.count; i++)
			model->items[batch.items[i].tag].attempt--;
		model_end_lease(model, model->lease_count - 1, false);
		lease->held = false;
		model->workers[batch.worker].credit = 0;
	}
}

static void let_go(struct model *model, const struct lease_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct model_item *item = &model->items[batch->items[i].tag];

		assert_int_equal(item->place, LEASED);
		item->place = DONE;
		if (dice(model, 5) > 0)
			continue;
		item->not_before_ms = model->now_ms + dice(model, 60);
		assert_true(lease_return(model->book, &batch->items[i], item->not_before_ms));
		item->place = WAITING;
		item->returned++;
	}
}

static void event_acknowledge(struct model *model)
{
	uint32_t number = model->lease_count > 0 ? dice(model, model->lease_count) : 0;
	struct model_lease *lease = &model->leases[number];
	uint64_t worker = dice(model, 10) == 0 ? dice(model, MODEL_WORKERS) : lease->worker;
	struct id128 id = id_of(number);
	struct lease_batch batch;
	bool expected = lease->held && lease->alive && lease->worker == worker;
	uint32_t items = 0;

	if (model->lease_count == 0)
		return;
	if (model->lease_count > 20 && dice(model, 3) > 0) /* mostly recent ones */
		return;
	for (uint32_t i = 0; expected && i < model->item_count; i++)
		items += model->items[i].place == LEASED && model->items[i].lease == number;
	assert_int_equal(lease_acknowledge(model->book, worker, &id, &batch), expected);
	if (lease->worker == worker)
		lease->held = false;
	if (!expected)
		return;
	assert_int_equal(batch.count, items);
	lease->alive = false;
	let_go(model, &batch);
}

static void event_time(struct model *model)
{
	struct lease_item poison;
	int64_t due_ms = INT64_MAX;

	model->now_ms += dice(model, 40);
	for (uint32_t i = 0; i < model->lease_count; i++)
		if (model->leases[i].alive && model->leases[i].deadline_ms <= model->now_ms)
			model_end_lease(model, i, true);
	while (lease_expire(model->book, model->now_ms, &poison)) {
		assert_int_equal(model->items[poison.tag].place, POISONED);
		model->items[poison.tag].place = DONE;
	}
	assert_int_equal(model_count(model, POISONED), 0);
	for (uint32_t i = 0; i < model->lease_count; i++)
		if (model->leases[i].alive && model->leases[i].deadline_ms < due_ms)
			due_ms = model->leases[i].deadline_ms;
	assert_true(lease_next_deadline_ms(model->book) <= due_ms);
}

static void run_events(struct model *model)
{
	static void (*const events[])(struct model *) = {event_push, event_push, event_push, event_next, event_next,
		event_acknowledge, event_acknowledge, event_time, event_ready, event_gone};

	for (uint32_t i = 0; i < EVENTS; i++) {
		uint32_t which = dice(model, ARRAY_LENGTH(events));

		if (events[which] == event_gone && dice(model, 4) > 0)
			which = 0;
		events[which](model);
		assert_int_equal(lease_waiting(model->book), model_count(model, WAITING));
		assert_int_equal(lease_leased(model->book), model_count(model, LEASED));
		assert_oldest(model);
	}
}

/* Nothing is lost: with one good worker everything still in the book comes to an end. */
static void finish(struct model *model)
{
	struct id128 boot = id_of(1u << 30);
	struct lease_batch batch;
	struct lease_item poison;

	for (uint64_t worker = 0; worker < MODEL_WORKERS; worker++) {
		lease_worker_gone(model->book, worker);
		model_forget(model, worker);
	}
	model->now_ms += 1000;
	for (uint32_t route = 0; route < 2; route++) {
		lease_worker_ready(model->book, 100 + route, &boot, route, 1, model->now_ms);
		for (uint64_t n = 1; n < 10000; n++) {
			struct id128 id = id_of((uint64_t)(route + 1) << 40 | n);

			if (!lease_next(model->book, &id, model->now_ms, &batch))
				break;
			assert_true(lease_acknowledge(model->book, 100 + route, &id, &batch));
			for (uint32_t i = 0; i < batch.count; i++) {
				assert_int_equal(model->items[batch.items[i].tag].place, WAITING);
				model->items[batch.items[i].tag].place = DONE;
			}
		}
	}
	while (lease_expire(model->book, model->now_ms, &poison))
		model->items[poison.tag].place = DONE;
	assert_int_equal(model_count(model, DONE), model->item_count);
	assert_int_equal(lease_room(model->book), SMALL.items_max);
}

static void test_random_events_against_the_model(void **state)
{
	static struct model model;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		memset(&model, 0, sizeof(model));
		model.random = seed * 0x2545f4914f6cdd1du;
		model.book = lease_book_new(&SMALL);
		assert_non_null(model.book);
		run_events(&model);
		finish(&model);
		lease_book_free(&model.book);
	}
}

/* By example -------------------------------------------------------------------------------------------------- */

static struct lease_book *book_with(uint32_t items, uint32_t credit)
{
	struct lease_book *book = lease_book_new(&SMALL);
	struct id128 boot = id_of(7);

	assert_non_null(book);
	for (uint32_t i = 0; i < items; i++)
		assert_true(lease_push(book, i, 10, 0));
	assert_true(lease_worker_ready(book, 1, &boot, 0, credit, 0));
	return book;
}

/* Catches: an innocent neighbour of a poison item taken for poison. */
static void test_poison_is_found_without_its_neighbours(void **state)
{
	struct lease_limits limits = SMALL;
	struct lease_book *book;
	struct lease_batch batch;
	struct lease_item poison;
	uint32_t done = 0, crashes = 0;
	bool found = false;

	(void)state;
	limits.batch_items_max = 64; /* its eighth would still be a crowd */
	limits.attempts_max = 2;
	book = lease_book_new(&limits);
	assert_non_null(book);
	for (uint32_t i = 0; i < 40; i++)
		assert_true(lease_push(book, i, 10, 0));
	for (uint64_t n = 1; n < 100 && lease_waiting(book) > 0; n++) {
		struct id128 id = id_of(n), boot = id_of(1000 + n);
		bool holds_poison = false;

		lease_worker_ready(book, 1, &boot, 0, 1, 0);
		assert_true(lease_next(book, &id, 0, &batch));
		for (uint32_t i = 0; i < batch.count; i++)
			holds_poison |= batch.items[i].tag == 3;
		if (holds_poison) {
			lease_worker_gone(book, 1);
			crashes++;
		} else {
			assert_true(lease_acknowledge(book, 1, &id, &batch));
			done += batch.count;
		}
		while (lease_expire(book, 0, &poison)) {
			assert_int_equal(poison.tag, 3);
			assert_int_equal(poison.attempt, limits.attempts_max);
			found = true;
		}
	}
	assert_true(found);
	assert_int_equal(done, 39);
	assert_int_equal(crashes, limits.attempts_max);
	lease_book_free(&book);
}

/* Catches: a database away for minutes, said by "retry", that ends as poison; and a retry without end. */
static void test_asking_again_makes_no_poison_but_is_bounded(void **state)
{
	struct lease_book *book = book_with(1, 1);
	struct lease_batch batch;
	uint32_t returns = 0;

	(void)state;
	for (uint64_t n = 1; n <= 2ul * LEASE_RETURNS_MAX; n++) {
		struct id128 id = id_of(n);

		assert_true(lease_next(book, &id, 0, &batch));
		assert_true(lease_acknowledge(book, 1, &id, &batch));
		if (!lease_return(book, &batch.items[0], 0))
			break;
		returns++;
	}
	assert_int_equal(returns, LEASE_RETURNS_MAX);
	lease_book_free(&book);
}

/* Catches: submissions in quarantine because the database of all workers was away for some leases. */
static void test_workers_that_live_and_are_late_make_no_poison(void **state)
{
	struct lease_limits limits = SMALL;
	struct lease_book *book;
	struct id128 boots[] = {id_of(1), id_of(2)};
	struct lease_batch batch;
	struct lease_item poison;
	uint64_t hand_outs = 0;

	(void)state;
	limits.attempts_max = 2;
	limits.expiries_max = 0; /* the standard */
	book = lease_book_new(&limits);
	assert_true(lease_push(book, 7, 10, 0));
	for (int64_t now_ms = 0; now_ms < 2000; now_ms += SMALL.lease_ms) {
		struct id128 id = id_of(100 + hand_outs);

		for (uint64_t worker = 0; worker < 2; worker++)
			lease_worker_ready(book, worker, &boots[worker], 0, 4, now_ms);
		hand_outs += lease_next(book, &id, now_ms, &batch);
		assert_false(lease_expire(book, now_ms + SMALL.lease_ms, &poison));
	}
	assert_int_equal(hand_outs, 8); /* then all credit is used up by what they hold */
	assert_int_equal(lease_waiting(book), 1);
	lease_worker_gone(book, 0);
	lease_worker_ready(book, 0, &boots[0], 0, 4, 2000);
	assert_true(lease_next(book, &(struct id128){{9}}, 2000, &batch));
	assert_true(lease_acknowledge(book, 0, &(struct id128){{9}}, &batch));
	assert_int_equal(batch.items[0].expired, 8);
	lease_book_free(&book);
}

/* Catches: a lease that runs out giving its worker room for more than it may hold. */
static void test_expired_lease_still_uses_credit(void **state)
{
	struct lease_book *book = book_with(2, 1);
	struct id128 first = id_of(1), second = id_of(2);
	struct lease_batch batch;
	struct lease_item poison;

	(void)state;
	assert_true(lease_next(book, &first, 0, &batch));
	assert_false(lease_expire(book, SMALL.lease_ms, &poison));
	assert_int_equal(lease_waiting(book), 2);
	assert_false(lease_next(book, &second, SMALL.lease_ms, &batch));
	assert_false(lease_acknowledge(book, 1, &first, &batch)); /* late: fenced, but it holds nothing now */
	assert_true(lease_next(book, &second, SMALL.lease_ms, &batch));
	lease_book_free(&book);
}

/* Catches: memory in bytes without bound, or an item larger than the bound that could never be pushed. */
static void test_bytes_are_bounded(void **state)
{
	struct lease_limits limits = SMALL;
	struct lease_book *book;

	(void)state;
	limits.bytes_max = 100;
	book = lease_book_new(&limits);
	assert_true(lease_push(book, 1, 500, 0));
	assert_false(lease_push(book, 2, 1, 0));
	lease_book_free(&book);
}

/* Catches: routes that are never given back, silent workers not found, a draining worker given work. */
static void test_routes_and_silence(void **state)
{
	struct lease_book *book = lease_book_new(&SMALL);
	struct id128 boot = id_of(9);
	uint64_t silent;

	(void)state;
	for (uint32_t route = 0; route < 4 * LEASE_ROUTES_MAX; route++) {
		assert_true(lease_worker_ready(book, route, &boot, route, 1, route));
		lease_worker_gone(book, route);
	}
	assert_true(lease_worker_ready(book, 1, &boot, 5, 1, 100));
	assert_true(lease_worker_ready(book, 2, &boot, 5, 0, 200));
	assert_int_equal(lease_workers(book, 5), 1);
	assert_int_equal(lease_workers(book, LEASE_ROUTE_ANY), 1);
	assert_false(lease_worker_silent(book, 100, &silent));
	assert_true(lease_worker_silent(book, 101, &silent));
	assert_int_equal(silent, 1);
	assert_true(lease_worker_twin(book, &boot, 1, &silent));
	assert_int_equal(silent, 2);
	lease_book_free(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_events_against_the_model),
		cmocka_unit_test(test_poison_is_found_without_its_neighbours),
		cmocka_unit_test(test_asking_again_makes_no_poison_but_is_bounded),
		cmocka_unit_test(test_workers_that_live_and_are_late_make_no_poison),
		cmocka_unit_test(test_expired_lease_still_uses_credit),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_routes_and_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
