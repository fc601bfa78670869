/* Inside of the worker end: a batch in hand, from its frame to its acknowledgement. Services see receiver.h alone. */
#ifndef SANGKIEN_EDGE_DELIVERY_H
#define SANGKIEN_EDGE_DELIVERY_H

#include "common/edge/receiver.h"

#include <sys/queue.h>

struct upstream;

struct delivery_item_end {
	struct bytes result;
	const char *reason;
	bool rejected, retry;
};

struct delivery {
	struct receiver *receiver;
	struct upstream *upstream; /* NULL: it is no longer there */
	struct arena *arena;
	Sangkien__Wire__Envelope *envelope;
	struct delivery_item_end *ends;
	bool has_results;
	size_t ack_bytes; /* of the results so far */
	TAILQ_ENTRY(delivery) link;
};

/* Empty, with its arena. NULL without memory. */
struct delivery *delivery_new(struct receiver *receiver) MUST_CHECK;
void delivery_free(struct delivery **delivery);
enum wire_fault delivery_open(struct delivery *delivery, struct bytes frame) MUST_CHECK; /* room for its ends too */
/* The acknowledgement, in the delivery's arena; NULL when that is full. */
const Sangkien__Wire__Envelope *delivery_acknowledgement(struct delivery *delivery) MUST_CHECK;

#endif
