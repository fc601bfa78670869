/* Inside of the upstream end, for its two files: sender (handing out, the loop) and sender_inbox (what workers say).
 * Others see sender.h alone. */
#ifndef SANGKIEN_EDGE_SENDER_STATE_H
#define SANGKIEN_EDGE_SENDER_STATE_H

#include "common/edge/sender.h"
#include "common/edge/sender_metrics.h"
#include "common/edge/socket.h"

enum { SENDER_ROUTING_ID_SIZE = 5 /* as ROUTER makes them: a zero octet and a number */ };

/* One item's memory; its address is the tag in the lease book. */
struct parcel {
	uint64_t tag;
	int64_t pushed_ms;
	struct parcel *next; /* among the oversized */
	uint32_t trace_size, body_size;
	uint8_t data[]; /* trace, body */
};

struct sender {
	struct sender_options options;
	void *socket;
	struct lease_book *book;
	struct arena *arena; /* of the acknowledgement being read */
	struct sender_metrics metrics;
	struct edge_complaints complaints;
	uint64_t epoch, batches;
	struct id128 salt; /* of message ids */
	struct parcel *oversized;
	uint32_t oversized_count, ticks;
	bool push_refused;
	struct wire_item items[WIRE_ITEMS_MAX];                      /* of the frame being written */
	const Sangkien__Wire__Rejection *rejections[WIRE_ITEMS_MAX]; /* of the acknowledgement being read */
	uint64_t workers[LEASE_WORKERS_MAX];
};

static inline struct parcel *parcel_of(const struct lease_item *item)
{
	return (struct parcel *)(uintptr_t)item->tag;
}

void sender_lose_worker(struct sender *sender, uint64_t worker, const char *why);
void sender_finish_poison(struct sender *sender, struct parcel *parcel, const char *reason);
void sender_say_room(struct sender *sender); /* where a push was refused before */
void sender_on_readable(void *sender);       /* handler of its socket */

#endif
