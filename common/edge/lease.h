/* Who holds what until when: credit, window and leases of one edge's sender. Pure: no I/O, time is an argument,
 * so that the simulator can run it. */
#ifndef SANGKIEN_EDGE_LEASE_H
#define SANGKIEN_EDGE_LEASE_H

#include "common/runtime/base.h"

/* An item waits, is leased to a worker in a batch, and leaves when the batch is acknowledged.
 * The holder of the item's memory is the caller: `tag` is its pointer or number. */
struct lease_book;

struct lease_limits {
	uint32_t items_max; /* waiting + leased; push is refused beyond (backpressure) */
	uint32_t batch_items_max;
	uint32_t batch_bytes_max;
	uint32_t lease_ms;
	uint32_t attempts_max; /* then the item is poison */
};

struct lease_item {
	uint64_t tag;
	uint32_t bytes;
	uint32_t route;   /* only to workers that declared this route */
	uint32_t attempt; /* 1 when first handed out; 0 before */
};

struct lease_batch {
	struct id128 message_id;
	uint64_t worker;                /* the caller's number for the worker */
	const struct lease_item *items; /* borrowed, until the next call on the book */
	uint32_t count;
};

struct lease_book *lease_book_new(const struct lease_limits *limits) MUST_CHECK;
void lease_book_free(struct lease_book **book);

bool lease_push(struct lease_book *book, uint64_t tag, uint32_t bytes, uint32_t route) MUST_CHECK; /* false: full */
uint32_t lease_waiting(const struct lease_book *book);
uint32_t lease_leased(const struct lease_book *book);
uint32_t lease_room(const struct lease_book *book); /* how many pushes fit */

/* READY says a worker's whole credit; again with another boot id: what the old one held is waiting again. */
void lease_worker_ready(struct lease_book *book, uint64_t worker, const struct id128 *boot_id, uint32_t route,
	uint32_t credit, int64_t now_ms);
void lease_worker_gone(struct lease_book *book, uint64_t worker);
uint32_t lease_workers(const struct lease_book *book, uint32_t route);

/* The next batch to hand out, if somebody has credit for what waits; an item that was handed out before travels
 * alone, so that one poison item is found without its neighbours. False: nothing to do now. */
bool lease_next(struct lease_book *book, struct id128 message_id, int64_t now_ms, struct lease_batch *batch) MUST_CHECK;

/* The worker's acknowledgement. False: not (or no longer) leased under that id to that worker: late, ignored. The
 * batch's items leave the book and are given once more for the caller to let go. */
bool lease_acknowledge(
	struct lease_book *book, uint64_t worker, const struct id128 *message_id, struct lease_batch *batch) MUST_CHECK;

/* An acknowledged batch's item that must come again: back into the waiting ones, with its attempt kept. */
void lease_return(struct lease_book *book, const struct lease_item *item);

/* Ends leases that have run out (items wait again, in front) and gives items over attempts_max one a call. */
bool lease_expire(struct lease_book *book, int64_t now_ms, struct lease_item *poison) MUST_CHECK;

int64_t lease_next_deadline_ms(const struct lease_book *book); /* INT64_MAX: none */

#endif
