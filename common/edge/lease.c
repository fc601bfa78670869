#include "common/edge/lease.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Leases that ran out but whose worker still lives wait here for its late acknowledgement. */
enum { EXPIRED_LEASES_MAX = 4096, BATCH_SHRINK = 8 };

struct entry {
	struct lease_item item;
	uint64_t sequence; /* of its push */
	int64_t not_before_ms;
	bool used;
	STAILQ_ENTRY(entry) link;
};
STAILQ_HEAD(entry_queue, entry);

struct worker;
struct lease {
	struct id128 message_id;
	struct worker *worker;
	struct entry_queue entries; /* empty once expired */
	uint32_t count;
	int64_t deadline_ms;
	LIST_ENTRY(lease) bucket;
	TAILQ_ENTRY(lease) by_worker;
	TAILQ_ENTRY(lease) by_deadline; /* live ones only */
};
TAILQ_HEAD(lease_list, lease);
LIST_HEAD(lease_bucket, lease);

struct route;
struct worker {
	uint64_t number;
	struct id128 boot_id;
	struct route *route;
	uint32_t credit, held; /* held: live and expired leases */
	bool free;             /* in its route's `idle` */
	int64_t heard_ms;
	struct lease_list leases;
	LIST_ENTRY(worker) bucket;
	TAILQ_ENTRY(worker) by_heard;
	TAILQ_ENTRY(worker) by_route;
};
TAILQ_HEAD(worker_list, worker);
LIST_HEAD(worker_bucket, worker);

struct route {
	uint32_t number;
	uint32_t items;   /* in the book, with this route */
	uint32_t workers; /* known, with this route */
	struct entry_queue again, fresh;
	struct worker_list idle; /* with credit left, the one served longest ago first */
};

struct lease_book {
	struct lease_limits limits;
	struct entry *pool;
	struct entry_queue unused;
	struct lease *lease_pool;
	LIST_HEAD(, lease) unused_leases;
	struct lease_bucket *lease_buckets;
	uint32_t lease_mask;
	struct lease_list by_deadline; /* one lease time for all, so the order of hand-out is that of the deadlines */
	struct worker_bucket worker_buckets[LEASE_WORKERS_MAX];
	struct worker_list by_heard;
	uint32_t worker_count;
	struct route routes[LEASE_ROUTES_MAX];
	uint32_t route_count, route_turn;
	struct entry **delayed; /* binary heap by not_before_ms */
	uint32_t delayed_count;
	struct entry_queue poison;
	struct lease_item *handed, *ended; /* what lease_batch.items borrows */
	uint64_t sequence, bytes;
	uint32_t waiting, leased, poisoned, drained;
};

/* Making and freeing ------------------------------------------------------------------------------------------------
 */

static uint32_t power_of_two_from(uint32_t least)
{
	uint32_t size = 16;

	while (size < least)
		size *= 2;
	return size;
}

static bool take_memory(struct lease_book *book)
{
	uint32_t items = book->limits.items_max, leases = items + EXPIRED_LEASES_MAX;
	uint32_t buckets = power_of_two_from(leases);

	book->pool = calloc(items, sizeof(*book->pool));
	book->lease_pool = calloc(leases, sizeof(*book->lease_pool));
	book->lease_buckets = calloc(buckets, sizeof(*book->lease_buckets));
	book->lease_mask = buckets - 1;
	book->delayed = calloc(items, sizeof(struct entry *));
	book->handed = calloc(book->limits.batch_items_max, sizeof(*book->handed));
	book->ended = calloc(book->limits.batch_items_max, sizeof(*book->ended));
	if (!book->pool || !book->lease_pool || !book->lease_buckets || !book->delayed || !book->handed || !book->ended)
		return false;
	for (uint32_t i = 0; i < items; i++)
		STAILQ_INSERT_TAIL(&book->unused, &book->pool[i], link);
	for (uint32_t i = 0; i < leases; i++)
		LIST_INSERT_HEAD(&book->unused_leases, &book->lease_pool[i], bucket);
	return true;
}

struct lease_book *lease_book_new(const struct lease_limits *limits)
{
	struct lease_book *book = calloc(1, sizeof(*book));

	assert(limits->items_max > 0 && limits->items_max <= UINT32_MAX / 4);
	assert(limits->batch_items_max > 0 && limits->attempts_max > 0 && limits->lease_ms > 0);
	if (!book)
		return NULL;
	book->limits = *limits;
	STAILQ_INIT(&book->unused);
	STAILQ_INIT(&book->poison);
	TAILQ_INIT(&book->by_deadline);
	TAILQ_INIT(&book->by_heard);
	if (!take_memory(book))
		lease_book_free(&book);
	return book;
}

void lease_book_free(struct lease_book **pointer)
{
	struct lease_book *book = *pointer;
	struct worker *worker;

	*pointer = NULL;
	if (!book)
		return;
	while ((worker = TAILQ_FIRST(&book->by_heard))) {
		TAILQ_REMOVE(&book->by_heard, worker, by_heard);
		free(worker);
	}
	free(book->pool);
	free(book->lease_pool);
	free(book->lease_buckets);
	free(book->delayed);
	free(book->handed);
	free(book->ended);
	free(book);
}

/* Routes ------------------------------------------------------------------------------------------------------------
 */

static struct route *route_find(const struct lease_book *book, uint32_t number)
{
	for (uint32_t i = 0; i < book->route_count; i++)
		if (book->routes[i].number == number && (book->routes[i].items > 0 || book->routes[i].workers > 0))
			return (struct route *)&book->routes[i];
	return NULL;
}

/* A route that nothing has any more gives its place to the next one. NULL: LEASE_ROUTES_MAX are in use. */
static struct route *route_take(struct lease_book *book, uint32_t number)
{
	struct route *route = route_find(book, number);
	uint32_t i = 0;

	if (route)
		return route;
	while (i < book->route_count && (book->routes[i].items > 0 || book->routes[i].workers > 0))
		i++;
	if (i == LEASE_ROUTES_MAX)
		return NULL;
	if (i == book->route_count)
		book->route_count++;
	route = &book->routes[i];
	*route = (struct route){.number = number};
	STAILQ_INIT(&route->again);
	STAILQ_INIT(&route->fresh);
	TAILQ_INIT(&route->idle);
	return route;
}

/* Delayed items, a binary heap --------------------------------------------------------------------------------------
 */

static void heap_add(struct lease_book *book, struct entry *entry)
{
	uint32_t at = book->delayed_count++;

	while (at > 0 && book->delayed[(at - 1) / 2]->not_before_ms > entry->not_before_ms) {
		book->delayed[at] = book->delayed[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	book->delayed[at] = entry;
}

static struct entry *heap_take(struct lease_book *book)
{
	struct entry *first = book->delayed[0], *last = book->delayed[--book->delayed_count];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < book->delayed_count) {
		if (child + 1 < book->delayed_count &&
			book->delayed[child + 1]->not_before_ms < book->delayed[child]->not_before_ms)
			child++;
		if (book->delayed[child]->not_before_ms >= last->not_before_ms)
			break;
		book->delayed[at] = book->delayed[child];
		at = child;
	}
	book->delayed[at] = last;
	return first;
}

static void wake_delayed(struct lease_book *book, int64_t now_ms)
{
	while (book->delayed_count > 0 && book->delayed[0]->not_before_ms <= now_ms) {
		struct entry *entry = heap_take(book);

		STAILQ_INSERT_TAIL(&route_find(book, entry->item.route)->again, entry, link);
	}
}

/* Items -------------------------------------------------------------------------------------------------------------
 */

static struct entry *entry_take(struct lease_book *book, struct route *route, uint32_t bytes)
{
	struct entry *entry = STAILQ_FIRST(&book->unused);

	assert(entry);
	STAILQ_REMOVE_HEAD(&book->unused, link);
	route->items++;
	book->bytes += bytes;
	return entry;
}

static void entry_drop(struct lease_book *book, struct entry *entry)
{
	route_find(book, entry->item.route)->items--;
	book->bytes -= entry->item.bytes;
	entry->used = false;
	STAILQ_INSERT_TAIL(&book->unused, entry, link);
}

bool lease_push(struct lease_book *book, uint64_t tag, uint32_t bytes, uint32_t route_number)
{
	struct route *route;
	struct entry *entry;

	if (lease_room(book) == 0)
		return false;
	/* One item always fits, however large: it could never be pushed otherwise. */
	if (book->limits.bytes_max > 0 && book->bytes > 0 && book->bytes + bytes > book->limits.bytes_max)
		return false;
	route = route_take(book, route_number);
	if (!route)
		return false;
	entry = entry_take(book, route, bytes);
	*entry = (struct entry){
		.item = {.tag = tag, .bytes = bytes, .route = route_number},
		.sequence = book->sequence++,
		.used = true,
	};
	STAILQ_INSERT_TAIL(&route->fresh, entry, link);
	book->waiting++;
	return true;
}

uint32_t lease_waiting(const struct lease_book *book)
{
	return book->waiting;
}

uint32_t lease_leased(const struct lease_book *book)
{
	return book->leased;
}

uint32_t lease_room(const struct lease_book *book)
{
	return book->limits.items_max - book->waiting - book->leased - book->poisoned;
}

bool lease_oldest(const struct lease_book *book, uint64_t *tag)
{
	const struct entry *oldest = NULL;

	for (uint32_t i = 0; i < book->route_count; i++) {
		const struct route *route = &book->routes[i];
		const struct entry *first[] = {STAILQ_FIRST(&route->again), STAILQ_FIRST(&route->fresh)};

		for (size_t j = 0; j < ARRAY_LENGTH(first); j++)
			if (first[j] && (!oldest || first[j]->sequence < oldest->sequence))
				oldest = first[j];
	}
	if (oldest)
		*tag = oldest->item.tag;
	return oldest;
}

/* Attempts that ended without a word. */
static uint32_t silent_ends(const struct lease_item *item)
{
	return item->attempt - item->returned;
}

static void wait_again(struct lease_book *book, struct entry *entry)
{
	if (silent_ends(&entry->item) >= book->limits.attempts_max) {
		STAILQ_INSERT_TAIL(&book->poison, entry, link);
		book->poisoned++;
	} else {
		STAILQ_INSERT_TAIL(&route_find(book, entry->item.route)->again, entry, link);
		book->waiting++;
	}
}

/* Leases ------------------------------------------------------------------------------------------------------------
 */

static struct lease_bucket *lease_bucket_of(const struct lease_book *book, const struct id128 *message_id)
{
	uint32_t hash;

	memcpy(&hash, message_id->octet, sizeof(hash)); /* message ids are random */
	return &book->lease_buckets[hash & book->lease_mask];
}

static struct lease *lease_find(const struct lease_book *book, const struct id128 *message_id)
{
	struct lease *lease;

	LIST_FOREACH(lease, lease_bucket_of(book, message_id), bucket)
	if (id128_equal(&lease->message_id, message_id))
		return lease;
	return NULL;
}

static void worker_update(struct worker *worker)
{
	bool has_credit = worker->held < worker->credit;

	if (has_credit && !worker->free)
		TAILQ_INSERT_TAIL(&worker->route->idle, worker, by_route);
	if (!has_credit && worker->free)
		TAILQ_REMOVE(&worker->route->idle, worker, by_route);
	worker->free = has_credit;
}

static struct lease *lease_start(
	struct lease_book *book, struct worker *worker, const struct id128 *message_id, int64_t now_ms)
{
	struct lease *lease = LIST_FIRST(&book->unused_leases), *newest = TAILQ_LAST(&book->by_deadline, lease_list);

	LIST_REMOVE(lease, bucket);
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

/* Its items wait again; its record stays with the worker. */
static void lease_end(struct lease_book *book, struct lease *lease)
{
	struct entry *entry;

	if (lease->count == 0)
		return;
	TAILQ_REMOVE(&book->by_deadline, lease, by_deadline);
	book->leased -= lease->count;
	lease->count = 0;
	while ((entry = STAILQ_FIRST(&lease->entries))) {
		STAILQ_REMOVE_HEAD(&lease->entries, link);
		wait_again(book, entry);
	}
}

/* The worker no longer holds it. Its items must have been taken care of. */
static void lease_drop(struct lease_book *book, struct lease *lease)
{
	assert(lease->count == 0);
	TAILQ_REMOVE(&lease->worker->leases, lease, by_worker);
	lease->worker->held--;
	LIST_REMOVE(lease, bucket);
	LIST_INSERT_HEAD(&book->unused_leases, lease, bucket);
}

/* Workers -----------------------------------------------------------------------------------------------------------
 */

static struct worker_bucket *worker_bucket_of(const struct lease_book *book, uint64_t number)
{
	return (struct worker_bucket *)&book->worker_buckets[(number ^ number >> 32) % LEASE_WORKERS_MAX];
}

static struct worker *worker_find(const struct lease_book *book, uint64_t number)
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
	struct worker *worker = worker_find(book, number);
	struct lease *lease;

	if (!worker)
		return;
	worker->credit = 0;
	worker_update(worker);
	while ((lease = TAILQ_FIRST(&worker->leases))) {
		lease_end(book, lease);
		lease_drop(book, lease);
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
	struct worker *worker = worker_find(book, number);
	struct route *route;
	bool is_new;

	if (worker && (!id128_equal(&worker->boot_id, boot_id) || worker->route->number != route_number)) {
		lease_worker_gone(book, number);
		worker = NULL;
	}
	is_new = !worker;
	if (is_new) {
		route = book->worker_count < LEASE_WORKERS_MAX ? route_take(book, route_number) : NULL;
		worker = route ? worker_new(book, number, route) : NULL;
		if (!worker)
			return false;
	}
	worker->boot_id = *boot_id;
	worker->credit = credit < LEASE_CREDIT_MAX ? credit : LEASE_CREDIT_MAX;
	worker->heard_ms = now_ms;
	TAILQ_REMOVE(&book->by_heard, worker, by_heard);
	TAILQ_INSERT_TAIL(&book->by_heard, worker, by_heard);
	worker_update(worker);
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

/* Handing out and taking back ---------------------------------------------------------------------------------------
 */

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
	uint32_t ends = silent_ends(&STAILQ_FIRST(queue)->item), limit = batch_limit(book, ends);
	uint64_t bytes = 0;
	struct entry *entry;

	while (lease->count < limit && (entry = STAILQ_FIRST(queue)) && silent_ends(&entry->item) == ends) {
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

	wake_delayed(book, now_ms);
	route = LIST_EMPTY(&book->unused_leases) ? NULL : route_to_serve(book);
	if (!route)
		return false;
	worker = TAILQ_FIRST(&route->idle);
	lease = lease_start(book, worker, message_id, now_ms);
	fill(book, STAILQ_EMPTY(&route->again) ? &route->fresh : &route->again, lease);
	/* To the end of the line, or out of it. */
	TAILQ_REMOVE(&route->idle, worker, by_route);
	worker->free = false;
	worker_update(worker);
	*batch = (struct lease_batch){*message_id, worker->number, book->handed, lease->count};
	return true;
}

void lease_take_back(struct lease_book *book, const struct id128 *message_id)
{
	struct lease *lease = lease_find(book, message_id);
	struct worker *worker;
	struct entry *entry;

	if (!lease)
		return;
	worker = lease->worker;
	STAILQ_FOREACH(entry, &lease->entries, link)
	entry->item.attempt--;
	lease_end(book, lease);
	lease_drop(book, lease);
	worker->credit = 0;
	worker_update(worker);
}

bool lease_acknowledge(
	struct lease_book *book, uint64_t number, const struct id128 *message_id, struct lease_batch *batch)
{
	struct lease *lease = lease_find(book, message_id);
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
		entry_drop(book, entry);
	}
	book->leased -= count;
	lease->count = 0;
	lease_drop(book, lease);
	worker_update(worker);
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
	route = route_take(book, item->route);
	assert(route);
	entry = entry_take(book, route, item->bytes);
	*entry = (struct entry){
		.item = *item,
		.sequence = book->sequence++,
		.not_before_ms = not_before_ms,
		.used = true,
	};
	entry->item.returned++;
	heap_add(book, entry);
	book->waiting++;
	return true;
}

bool lease_expire(struct lease_book *book, int64_t now_ms, struct lease_item *poison)
{
	struct lease *lease;
	struct entry *entry;

	while ((lease = TAILQ_FIRST(&book->by_deadline)) && lease->deadline_ms <= now_ms)
		lease_end(book, lease);
	entry = STAILQ_FIRST(&book->poison);
	if (!entry)
		return false;
	STAILQ_REMOVE_HEAD(&book->poison, link);
	book->poisoned--;
	*poison = entry->item;
	entry_drop(book, entry);
	return true;
}

bool lease_drain(struct lease_book *book, uint64_t *tag)
{
	while (book->drained < book->limits.items_max) {
		const struct entry *entry = &book->pool[book->drained++];

		if (!entry->used)
			continue;
		*tag = entry->item.tag;
		return true;
	}
	return false;
}

int64_t lease_next_deadline_ms(const struct lease_book *book)
{
	const struct lease *lease = TAILQ_FIRST(&book->by_deadline);
	int64_t deadline_ms = lease ? lease->deadline_ms : INT64_MAX;

	if (book->delayed_count > 0 && book->delayed[0]->not_before_ms < deadline_ms)
		deadline_ms = book->delayed[0]->not_before_ms;
	return deadline_ms;
}
