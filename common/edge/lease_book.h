/* Inside of the lease book, for its three files: lease_book (memory, routes, what waits), lease_worker, lease (who
 * holds what). Others see lease.h alone. */
#ifndef SANGKIEN_EDGE_LEASE_BOOK_H
#define SANGKIEN_EDGE_LEASE_BOOK_H

#include "common/edge/lease.h"

#include <sys/queue.h>

/* Leases that ran out but whose worker still lives wait here for its late acknowledgement. */
enum { EXPIRED_LEASES_MAX = 4096 };

struct entry {
	struct lease_item item;
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
	/* Of each pool the first so many have been used; the rest is not touched before it is needed. */
	struct entry *pool;
	struct entry_queue unused;
	struct lease *lease_pool;
	LIST_HEAD(, lease) unused_leases;
	uint32_t pool_touched, leases_touched, leases_max;
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
	uint64_t pushes, bytes;
	uint32_t waiting, leased, poisoned, drained;
};

/* NULL: there is nothing with that route. */
struct route *book_route_find(const struct lease_book *book, uint32_t number) MUST_CHECK;
/* A route that nothing has any more gives its place to the next one. NULL: LEASE_ROUTES_MAX are in use. */
struct route *book_route_take(struct lease_book *book, uint32_t number) MUST_CHECK;

/* There must be room. The entry counts for its route from now on; its contents are the caller's to write. */
struct entry *book_entry_take(struct lease_book *book, struct route *route, uint32_t bytes) MUST_CHECK;
void book_entry_drop(struct lease_book *book, struct entry *entry);
uint32_t book_silent_ends(const struct lease_item *item);           /* attempts whose worker went */
void book_wait_again(struct lease_book *book, struct entry *entry); /* or it is poison now */
void book_delay(struct lease_book *book, struct entry *entry);      /* until its not_before_ms */
void book_wake_delayed(struct lease_book *book, int64_t now_ms);

struct worker *book_worker_find(const struct lease_book *book, uint64_t number) MUST_CHECK;
void book_worker_update(struct worker *worker); /* after its credit or what it holds has changed */

struct lease *book_lease_find(const struct lease_book *book, const struct id128 *message_id) MUST_CHECK;
void book_lease_end(struct lease_book *book, struct lease *lease); /* its items wait again; its worker holds it still */
void book_lease_drop(struct lease_book *book, struct lease *lease); /* its worker holds it no more; it has no items */

#endif
