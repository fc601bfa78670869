/* The verdicts of several deliveries on their way through the service: pipeline thread → ledger → board writer → and
 * back. Whoever has the pointer has all of it. */
#ifndef SANGKIEN_QUOTA_BATCH_H
#define SANGKIEN_QUOTA_BATCH_H

#include "common/edge/receiver.h"
#include "services/quota/committed.h"

enum {
	BATCH_VERDICTS_MAX = 2 * WIRE_ITEMS_MAX,
	BATCH_DELIVERIES_MAX = 64,
	BATCHES = 4, /* one at each station and one that waits */
};

struct batch {
	struct committed committed;
	struct delivery *deliveries[BATCH_DELIVERIES_MAX];
	size_t delivery_count;
	struct verdict verdicts[BATCH_VERDICTS_MAX]; /* distinct, sorted by id */
	size_t count;
	const struct reference *reference; /* the same for all of them */
	struct arena *arena;               /* of the result */
};

#endif
