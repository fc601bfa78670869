/* Who holds what until when: credit, window and leases of one edge's sender. Pure: no I/O, time is an argument,
 * so that the simulator can run it. Every call is O(1) an item (delayed items: O(log n)); all memory for items and
 * leases is taken at lease_book_new(). */
#ifndef SANGKIEN_EDGE_LEASE_H
#define SANGKIEN_EDGE_LEASE_H

#include "common/runtime/base.h"

/* An item waits, is leased to a worker in a batch, and leaves when the batch is acknowledged.
 * The holder of the item's memory is the caller: `tag` is its pointer or number. */
struct lease_book;

enum {
	LEASE_WORKERS_MAX = 1024,
	LEASE_ROUTES_MAX = 256,
	LEASE_CREDIT_MAX = 1024, /* of one worker; more is taken as this */
	/* How often a worker may ask for an item again (with the sender's delays over an hour), or be late with it. */
	LEASE_RETURNS_MAX = 1000,
	LEASE_EXPIRIES_MAX = 64,
};
#define LEASE_ROUTE_ANY UINT32_MAX

struct lease_limits {
	uint32_t items_max; /* waiting + leased; push is refused beyond (backpressure) */
	uint32_t batch_items_max;
	uint32_t batch_bytes_max;
	uint32_t lease_ms;
	/* How many workers may be gone with an item before it is poison. A worker that lives and is late (its database
	 * is away), or that asks for the item again, is no sign of poison: that is bounded by expiries_max (0:
	 * LEASE_EXPIRIES_MAX) and LEASE_RETURNS_MAX, or minutes without a database would fill the quarantine. */
	uint32_t attempts_max;
	uint32_t expiries_max;
	uint64_t bytes_max; /* of all items held; 0: items_max bounds alone */
};

struct lease_item {
	uint64_t tag;
	uint64_t order; /* of its push: smaller is earlier; kept when it comes again */
	uint32_t bytes;
	uint32_t route;    /* only to workers that declared this route */
	uint32_t attempt;  /* 1 when first handed out; 0 before */
	uint32_t returned; /* how many of these a worker asked for again */
	uint32_t expired;  /* how many of these outlasted their lease with a worker that lived */
};

struct lease_batch {
	struct id128 message_id;
	uint64_t worker;                /* the caller's number for the worker */
	const struct lease_item *items; /* borrowed, until the next call of the same function on the book */
	uint32_t count;
};

struct lease_book *lease_book_new(const struct lease_limits *limits) MUST_CHECK;
void lease_book_free(struct lease_book **book);

bool lease_push(struct lease_book *book, uint64_t tag, uint32_t bytes, uint32_t route) MUST_CHECK; /* false: full */
uint32_t lease_waiting(const struct lease_book *book);
uint32_t lease_leased(const struct lease_book *book);
uint32_t lease_room(const struct lease_book *book); /* how many pushes fit */
/* Of all in the book, waiting or leased, the one pushed first. False: there is none. For a figure: it looks at as many
 * items as were ever in the book together. */
bool lease_oldest(const struct lease_book *book, uint64_t *tag) MUST_CHECK;

/* READY says a worker's whole credit (0: it drains); again with another boot id: what the old one held is waiting
 * again. True: it was not known under this boot id. Ignored where there are LEASE_WORKERS_MAX others. */
bool lease_worker_ready(struct lease_book *book, uint64_t worker, const struct id128 *boot_id, uint32_t route,
	uint32_t credit, int64_t now_ms);
void lease_worker_gone(struct lease_book *book, uint64_t worker);
/* The worker that has been silent longest, where its last READY came before `heard_before_ms`. */
bool lease_worker_silent(const struct lease_book *book, int64_t heard_before_ms, uint64_t *worker) MUST_CHECK;
/* Another worker with that boot id: the same process on an earlier connection. */
bool lease_worker_twin(
	const struct lease_book *book, const struct id128 *boot_id, uint64_t worker, uint64_t *twin) MUST_CHECK;
uint32_t lease_workers(const struct lease_book *book, uint32_t route); /* that take work; LEASE_ROUTE_ANY: all */
uint32_t lease_worker_list(const struct lease_book *book, uint64_t *workers, uint32_t most); /* draining ones too */

/* The next batch to hand out, if somebody has credit for what waits. Items that were handed out before come first and
 * in ever smaller batches, at their last attempt each alone, so that one poison item is found without its neighbours.
 * False: nothing to do now. */
bool lease_next(
	struct lease_book *book, const struct id128 *message_id, int64_t now_ms, struct lease_batch *batch) MUST_CHECK;
/* The batch did not go out after all: its items wait in front as if it never had, and the worker is given nothing
 * before its next READY. */
void lease_take_back(struct lease_book *book, const struct id128 *message_id);

/* The worker's acknowledgement. False: not (or no longer) leased under that id to that worker: late, ignored. The
 * batch's items leave the book and are given once more for the caller to let go. */
bool lease_acknowledge(
	struct lease_book *book, uint64_t worker, const struct id128 *message_id, struct lease_batch *batch) MUST_CHECK;

/* An acknowledged batch's item that must come again, not before that time: back into the waiting ones, with its
 * attempt kept. To be called before the next push, which might take its room. False: asked for too often, poison. */
bool lease_return(struct lease_book *book, const struct lease_item *item, int64_t not_before_ms) MUST_CHECK;

/* Ends leases that have run out (items wait again, in front of new ones) and gives items that are poison one a
 * call; they have left the book. A worker keeps using up the credit of an expired lease until it acknowledges late
 * or goes: it still holds that batch, and must not be given more. */
bool lease_expire(struct lease_book *book, int64_t now_ms, struct lease_item *poison) MUST_CHECK;

/* Gives every item that is still in the book once, for the caller to let go before it frees the book; nothing else may
 * be called then. False: that was all. */
bool lease_drain(struct lease_book *book, uint64_t *tag) MUST_CHECK;

int64_t lease_next_deadline_ms(const struct lease_book *book); /* INT64_MAX: none */

#endif
