#include "common/edge/lease_book.h"

#include <stdlib.h>

void book_worker_update(struct worker *worker)
{
	bool has_credit = worker->held < worker->credit;

	if (has_credit && !worker->free)
		TAILQ_INSERT_TAIL(&worker->route->idle, worker, by_route);
	if (!has_credit && worker->free)
		TAILQ_REMOVE(&worker->route->idle, worker, by_route);
	worker->free = has_credit;
}

static struct worker_bucket *worker_bucket_of(const struct lease_book *book, uint64_t number)
{
	return (struct worker_bucket *)&book->worker_buckets[(number ^ number >> 32) % LEASE_WORKERS_MAX];
}

struct worker *book_worker_find(const struct lease_book *book, uint64_t number)
{
	struct worker *worker;

	LIST_FOREACH(worker, worker_bucket_of(book, number), bucket)
	if (worker->number == number)
		return worker;
	return NULL;
}

static struct worker *worker_new(struct lease_book *book, uint64_t number, struct route *route)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->number = number;
	worker->route = route;
	route->workers++;
	TAILQ_INIT(&worker->leases);
	LIST_INSERT_HEAD(worker_bucket_of(book, number), worker, bucket);
	TAILQ_INSERT_TAIL(&book->by_heard, worker, by_heard);
	book->worker_count++;
	return worker;
}

void lease_worker_gone(struct lease_book *book, uint64_t number)
{
	struct worker *worker = book_worker_find(book, number);
	struct lease *lease;

	if (!worker)
		return;
	worker->credit = 0;
	book_worker_update(worker);
	while ((lease = TAILQ_FIRST(&worker->leases))) {
		book_lease_end(book, lease);
		book_lease_drop(book, lease);
	}
	worker->route->workers--;
	LIST_REMOVE(worker, bucket);
	TAILQ_REMOVE(&book->by_heard, worker, by_heard);
	book->worker_count--;
	free(worker);
}

bool lease_worker_ready(struct lease_book *book, uint64_t number, const struct id128 *boot_id, uint32_t route_number,
	uint32_t credit, int64_t now_ms)
{
	struct worker *worker = book_worker_find(book, number);
	struct route *route;
	bool is_new;

	if (worker && (!id128_equal(&worker->boot_id, boot_id) || worker->route->number != route_number)) {
		lease_worker_gone(book, number);
		worker = NULL;
	}
	is_new = !worker;
	if (is_new) {
		route = book->worker_count < LEASE_WORKERS_MAX ? book_route_take(book, route_number) : NULL;
		worker = route ? worker_new(book, number, route) : NULL;
		if (!worker)
			return false;
	}
	worker->boot_id = *boot_id;
	worker->credit = credit < LEASE_CREDIT_MAX ? credit : LEASE_CREDIT_MAX;
	worker->heard_ms = now_ms;
	TAILQ_REMOVE(&book->by_heard, worker, by_heard);
	TAILQ_INSERT_TAIL(&book->by_heard, worker, by_heard);
	book_worker_update(worker);
	return is_new;
}

bool lease_worker_silent(const struct lease_book *book, int64_t heard_before_ms, uint64_t *number)
{
	const struct worker *worker = TAILQ_FIRST(&book->by_heard);

	if (!worker || worker->heard_ms >= heard_before_ms)
		return false;
	*number = worker->number;
	return true;
}

bool lease_worker_twin(const struct lease_book *book, const struct id128 *boot_id, uint64_t number, uint64_t *twin)
{
	const struct worker *worker;

	TAILQ_FOREACH(worker, &book->by_heard, by_heard)
	{
		if (worker->number != number && id128_equal(&worker->boot_id, boot_id)) {
			*twin = worker->number;
			return true;
		}
	}
	return false;
}

uint32_t lease_workers(const struct lease_book *book, uint32_t route)
{
	const struct worker *worker;
	uint32_t count = 0;

	TAILQ_FOREACH(worker, &book->by_heard, by_heard)
	if (worker->credit > 0 && (route == LEASE_ROUTE_ANY || worker->route->number == route))
		count++;
	return count;
}

uint32_t lease_worker_list(const struct lease_book *book, uint64_t *numbers, uint32_t most)
{
	const struct worker *worker;
	uint32_t count = 0;

	TAILQ_FOREACH(worker, &book->by_heard, by_heard)
	if (count < most)
		numbers[count++] = worker->number;
	return count;
}
