/* Inside of the worker's end, for its two files: receiver (upstreams, the loop) and receiver_inbox (what they hand
 * out). Others see receiver.h alone. */
#ifndef SANGKIEN_EDGE_RECEIVER_STATE_H
#define SANGKIEN_EDGE_RECEIVER_STATE_H

#include "common/edge/credit.h"
#include "common/edge/delivery.h"
#include "common/edge/receiver_metrics.h"
#include "common/edge/socket.h"
#include "common/edge/upstream_list.h"

TAILQ_HEAD(delivery_list, delivery);

struct upstream {
	struct receiver *receiver;
	char endpoint[UPSTREAM_ENDPOINT_SIZE];
	void *socket;
	struct id128 boot_id; /* of this socket */
	struct credit credit;
	TAILQ_ENTRY(upstream) link;
};
TAILQ_HEAD(upstream_table, upstream);

struct receiver {
	struct receiver_options options;
	char name[64]; /* "from_<kind>" */
	struct upstream_list *list;
	struct upstream_table upstreams;
	uint32_t upstream_count, ticks;
	bool stopped, said_not_connected;
	struct delivery_list held, spare;
	uint32_t held_count, spare_count;
	struct receiver_metrics metrics;
	struct edge_complaints complaints;
	char endpoints[UPSTREAMS_MAX][UPSTREAM_ENDPOINT_SIZE];
};

void receiver_on_readable(void *upstream); /* handler of its socket */

#endif
