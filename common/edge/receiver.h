/* Worker end of an edge: a DEALER to every upstream instance, found by name again and again. */
#ifndef SANGKIEN_EDGE_RECEIVER_H
#define SANGKIEN_EDGE_RECEIVER_H

#include "common/edge/curve.h"
#include "common/edge/wire.h"
#include "common/runtime/service.h"

struct receiver;
struct delivery; /* one batch that was handed to us and is not yet acknowledged */

struct receiver_options {
	struct service *service;
	/* Comma list of: "ipc:///run/edge/intake-*" (files that match), "tcp://name:7001" (every address of the
	 * name, resolved by us every few seconds). Instances come and go without a restart. */
	const char *upstream;
	const struct curve_keys *keys;
	const char *upstream_public_key; /* Z85, 40 characters */
	Sangkien__Wire__Kind kind;
	uint32_t credit; /* batches at once from each upstream instance */
	uint32_t route;
	/* The batch, valid until delivery_done(). Items are still encoded. Called on the service's loop. */
	void (*on_batch)(struct delivery *delivery, void *context);
	void *context;
};

/* NULL: said in the log. Metrics bear edge="from_<kind>". */
struct receiver *receiver_open(const struct receiver_options *options) MUST_CHECK;
void receiver_close(struct receiver **receiver); /* deliveries not yet done are freed and come again elsewhere */
uint32_t receiver_upstreams(const struct receiver *receiver); /* connected now */
/* Credit 0 is told to every upstream: nothing new comes; what is held can be finished (drain). */
void receiver_stop(struct receiver *receiver);
uint32_t receiver_held(const struct receiver *receiver); /* deliveries not yet done */

size_t delivery_count(const struct delivery *delivery);
const Sangkien__Wire__Item *delivery_item(const struct delivery *delivery, size_t index);
uint64_t delivery_epoch(const struct delivery *delivery);
struct arena *delivery_arena(struct delivery *delivery); /* dies with the delivery */
bool delivery_is_hint(
	const struct delivery *delivery); /* a broadcast: nothing to acknowledge, delivery_done() frees it */

/* `reason` is copied, cut at 200 bytes; no personal data. The last word on an item counts. */
void delivery_reject(struct delivery *delivery, size_t index, bool retry, const char *reason);
/* Copied. Results that do not fit into one frame together are asked for again (retry), one that does not fit alone is
 * refused ("result_too_large"). */
void delivery_result(struct delivery *delivery, size_t index, struct bytes result);
/* Acknowledges the whole batch but what was rejected, and frees it. May be called later than on_batch. */
void delivery_done(struct delivery **delivery);

#endif
