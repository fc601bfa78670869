#include "common/edge/lease_book.h"

#include <stdlib.h>

/* Making and freeing ------------------------------------------------------------------------------------------ */

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
	book->leases_max = leases;
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
	if (limits->expiries_max == 0)
		book->limits.expiries_max = LEASE_EXPIRIES_MAX;
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

/* Routes ------------------------------------------------------------------------------------------------------ */

struct route *book_route_find(const struct lease_book *book, uint32_t number)
{
	for (uint32_t i = 0; i < book->route_count; i++)
		if (book->routes[i].number == number && (book->routes[i].items > 0 || book->routes[i].workers > 0))
			return (struct route *)&book->routes[i];
	return NULL;
}

struct route *book_route_take(struct lease_book *book, uint32_t number)
{
	struct route *route = book_route_find(book, number);
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

/* Delayed items, a binary heap -------------------------------------------------------------------------------- */

void book_delay(struct lease_book *book, struct entry *entry)
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

void book_wake_delayed(struct lease_book *book, int64_t now_ms)
{
	while (book->delayed_count > 0 && book->delayed[0]->not_before_ms <= now_ms) {
		struct entry *entry = heap_take(book);

		STAILQ_INSERT_TAIL(&book_route_find(book, entry->item.route)->again, entry, link);
	}
}

/* Items ------------------------------------------------------------------------------------------------------- */

struct entry *book_entry_take(struct lease_book *book, struct route *route, uint32_t bytes)
{
	struct entry *entry = STAILQ_FIRST(&book->unused);

	if (entry) {
		STAILQ_REMOVE_HEAD(&book->unused, link);
	} else {
		assert(book->pool_touched < book->limits.items_max);
		entry = &book->pool[book->pool_touched++];
	}
	route->items++;
	book->bytes += bytes;
	return entry;
}

void book_entry_drop(struct lease_book *book, struct entry *entry)
{
	book_route_find(book, entry->item.route)->items--;
	book->bytes -= entry->item.bytes;
	entry->used = false;
	STAILQ_INSERT_HEAD(&book->unused, entry, link);
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
	route = book_route_take(book, route_number);
	if (!route)
		return false;
	entry = book_entry_take(book, route, bytes);
	*entry = (struct entry){
		.item = {.tag = tag, .order = book->pushes++, .bytes = bytes, .route = route_number},
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
	uint32_t left = book->waiting + book->leased + book->poisoned;
	const struct entry *oldest = NULL;

	for (const struct entry *entry = book->pool; left > 0 && entry < book->pool + book->pool_touched; entry++) {
		if (!entry->used)
			continue;
		left--;
		if (!oldest || entry->item.order < oldest->item.order)
			oldest = entry;
	}
	if (oldest)
		*tag = oldest->item.tag;
	return oldest;
}

uint32_t book_silent_ends(const struct lease_item *item)
{
	return item->attempt - item->returned - item->expired;
}

void book_wait_again(struct lease_book *book, struct entry *entry)
{
	if (book_silent_ends(&entry->item) >= book->limits.attempts_max ||
		entry->item.expired >= book->limits.expiries_max) {
		STAILQ_INSERT_TAIL(&book->poison, entry, link);
		book->poisoned++;
	} else {
		STAILQ_INSERT_TAIL(&book_route_find(book, entry->item.route)->again, entry, link);
		book->waiting++;
	}
}

bool lease_drain(struct lease_book *book, uint64_t *tag)
{
	while (book->drained < book->pool_touched) {
		const struct entry *entry = &book->pool[book->drained++];

		if (!entry->used)
			continue;
		*tag = entry->item.tag;
		return true;
	}
	return false;
}
