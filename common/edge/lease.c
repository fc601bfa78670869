#include "common/edge/lease.h"

#include "common/edge/lease_book.h"
#include "common/runtime/mutant.h"

#include <string.h>

enum { BATCH_SHRINK = 8 };

/* Leases ------------------------------------------------------------------------------------------------------ */

static struct lease_bucket *lease_bucket_of(const struct lease_book *book, const struct id128 *message_id)
{
	uint32_t hash;

	memcpy(&hash, message_id->octet, sizeof(hash)); /* message ids are random */
	return &book->lease_buckets[hash & book->lease_mask];
}

struct lease *book_lease_find(const struct lease_book *book, const struct id128 *message_id)
{
	struct lease *lease;

	LIST_FOREACH(lease, lease_bucket_of(book, message_id), bucket)
	if (id128_equal(&lease->message_id, message_id))
		return lease;
	return NULL;
}

static bool has_lease(const struct lease_book *book)
{
	return !LIST_EMPTY(&book->unused_leases) || book->leases_touched < book->leases_max;
}

static struct lease *take_lease(struct lease_book *book)
{
	struct lease *lease = LIST_FIRST(&book->unused_leases);

	if (!lease)
		return &book->lease_pool[book->leases_touched++];
	LIST_REMOVE(lease, bucket);
	return lease;
}

static struct lease *lease_start(
	struct lease_book *book, struct worker *worker, const struct id128 *message_id, int64_t now_ms)
{
	struct lease *lease = take_lease(book), *newest = TAILQ_LAST(&book->by_deadline, lease_list);

	*lease = (struct lease){
		.message_id = *message_id, .worker = worker, .deadline_ms = now_ms + book->limits.lease_ms};
	/* Should time be given out of order, the list stays sorted. */
	if (newest && newest->deadline_ms > lease->deadline_ms)
		lease->deadline_ms = newest->deadline_ms;
	STAILQ_INIT(&lease->entries);
	LIST_INSERT_HEAD(lease_bucket_of(book, message_id), lease, bucket);
	TAILQ_INSERT_TAIL(&book->by_deadline, lease, by_deadline);
	TAILQ_INSERT_TAIL(&worker->leases, lease, by_worker);
	worker->held++;
	return lease;
}

void book_lease_end(struct lease_book *book, struct lease *lease)
{
	struct entry *entry;

	if (lease->count == 0)
		return;
	TAILQ_REMOVE(&book->by_deadline, lease, by_deadline);
	book->leased -= lease->count;
	lease->count = 0;
	while ((entry = STAILQ_FIRST(&lease->entries))) {
		STAILQ_REMOVE_HEAD(&lease->entries, link);
		book_wait_again(book, entry);
	}
}

void book_lease_drop(struct lease_book *book, struct lease *lease)
{
	assert(lease->count == 0);
	TAILQ_REMOVE(&lease->worker->leases, lease, by_worker);
	lease->worker->held--;
	LIST_REMOVE(lease, bucket);
	LIST_INSERT_HEAD(&book->unused_leases, lease, bucket);
}

/* Handing out and taking back --------------------------------------------------------------------------------- */

static struct route *route_to_serve(struct lease_book *book)
{
	for (uint32_t i = 0; i < book->route_count; i++) {
		struct route *route = &book->routes[book->route_turn++ % book->route_count];

		if (!TAILQ_EMPTY(&route->idle) && !(STAILQ_EMPTY(&route->again) && STAILQ_EMPTY(&route->fresh)))
			return route;
	}
	return NULL;
}

/* How many items may travel with one that ended in silence that often. */
static uint32_t batch_limit(const struct lease_book *book, uint32_t ends)
{
	uint32_t limit = book->limits.batch_items_max;

	if (ends > 0 && ends + 1 >= book->limits.attempts_max)
		return 1;
	while (ends-- > 0 && limit > 1)
		limit /= BATCH_SHRINK;
	return limit > 0 ? limit : 1;
}

/* Moves what travels together from the queue into the lease, and shows it in `handed`. */
static void fill(struct lease_book *book, struct entry_queue *queue, struct lease *lease)
{
	uint32_t ends = book_silent_ends(&STAILQ_FIRST(queue)->item), limit = batch_limit(book, ends);
	uint64_t bytes = 0;
	struct entry *entry;

	while (lease->count < limit && (entry = STAILQ_FIRST(queue)) && book_silent_ends(&entry->item) == ends) {
		bytes += entry->item.bytes;
		if (lease->count > 0 && bytes > book->limits.batch_bytes_max)
			break;
		STAILQ_REMOVE_HEAD(queue, link);
		entry->item.attempt++;
		book->handed[lease->count++] = entry->item;
		STAILQ_INSERT_TAIL(&lease->entries, entry, link);
	}
	book->waiting -= lease->count;
	book->leased += lease->count;
}

bool lease_next(struct lease_book *book, const struct id128 *message_id, int64_t now_ms, struct lease_batch *batch)
{
	struct route *route;
	struct worker *worker;
	struct lease *lease;

	book_wake_delayed(book, now_ms);
	route = has_lease(book) ? route_to_serve(book) : NULL;
	if (!route)
		return false;
	worker = TAILQ_FIRST(&route->idle);
	lease = lease_start(book, worker, message_id, now_ms);
	fill(book, STAILQ_EMPTY(&route->again) ? &route->fresh : &route->again, lease);
	/* To the end of the line, or out of it. */
	TAILQ_REMOVE(&route->idle, worker, by_route);
	worker->free = false;
	book_worker_update(worker);
	*batch = (struct lease_batch){*message_id, worker->number, book->handed, lease->count};
	return true;
}

void lease_take_back(struct lease_book *book, const struct id128 *message_id)
{
	struct lease *lease = book_lease_find(book, message_id);
	struct worker *worker;
	struct entry *entry;

	if (!lease)
		return;
	worker = lease->worker;
	STAILQ_FOREACH(entry, &lease->entries, link)
	entry->item.attempt--;
	book_lease_end(book, lease);
	book_lease_drop(book, lease);
	worker->credit = 0;
	book_worker_update(worker);
}

bool lease_acknowledge(
	struct lease_book *book, uint64_t number, const struct id128 *message_id, struct lease_batch *batch)
{
	struct lease *lease = book_lease_find(book, message_id);
	struct worker *worker;
	struct entry *entry;
	uint32_t count = 0;

	if (!lease || lease->worker->number != number)
		return false;
	worker = lease->worker;
	if (lease->count > 0)
		TAILQ_REMOVE(&book->by_deadline, lease, by_deadline);
	while ((entry = STAILQ_FIRST(&lease->entries))) {
		STAILQ_REMOVE_HEAD(&lease->entries, link);
		book->ended[count++] = entry->item;
		book_entry_drop(book, entry);
	}
	book->leased -= count;
	lease->count = 0;
	book_lease_drop(book, lease);
	book_worker_update(worker);
	*batch = (struct lease_batch){*message_id, number, book->ended, count};
	return count > 0;
}

bool lease_return(struct lease_book *book, const struct lease_item *item, int64_t not_before_ms)
{
	struct route *route;
	struct entry *entry;

	if (item->returned >= LEASE_RETURNS_MAX)
		return false;
	assert(lease_room(book) > 0);
	route = book_route_take(book, item->route);
	assert(route);
	entry = book_entry_take(book, route, item->bytes);
	*entry = (struct entry){
		.item = *item,
		.not_before_ms = not_before_ms,
		.used = true,
	};
	entry->item.returned++;
	book_delay(book, entry);
	book->waiting++;
	return true;
}

bool lease_expire(struct lease_book *book, int64_t now_ms, struct lease_item *poison)
{
	struct lease *lease;
	struct entry *entry;

	while (!MUTANT_LEASE_NEVER_EXPIRES && (lease = TAILQ_FIRST(&book->by_deadline)) &&
		lease->deadline_ms <= now_ms) {
		STAILQ_FOREACH(entry, &lease->entries, link)
		entry->item.expired++;
		book_lease_end(book, lease);
	}
	entry = STAILQ_FIRST(&book->poison);
	if (!entry)
		return false;
	STAILQ_REMOVE_HEAD(&book->poison, link);
	book->poisoned--;
	*poison = entry->item;
	book_entry_drop(book, entry);
	return true;
}

int64_t lease_next_deadline_ms(const struct lease_book *book)
{
	const struct lease *lease = TAILQ_FIRST(&book->by_deadline);
	int64_t deadline_ms = lease ? lease->deadline_ms : INT64_MAX;

	if (book->delayed_count > 0 && book->delayed[0]->not_before_ms < deadline_ms)
		deadline_ms = book->delayed[0]->not_before_ms;
	return deadline_ms;
}
