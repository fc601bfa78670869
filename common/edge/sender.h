/* Upstream end of an edge: binds ROUTER, hands batches to workers within their credit, holds leases (design: edges). */
#ifndef SANGKIEN_EDGE_SENDER_H
#define SANGKIEN_EDGE_SENDER_H

#include "common/edge/credit.h"
#include "common/edge/curve.h"
#include "common/edge/lease.h"
#include "common/runtime/service.h"
#include "proto/envelope.pb-c.h"

struct sender;

struct sender_options {
	struct service *service; /* its loop polls the socket and the leases; service_after_turn() hands out */
	const char *endpoint;    /* "ipc:///run/edge/intake-1" or "tcp://0.0.0.0:7001" */
	const char *domain;      /* ZAP domain, "intake"; also the label `edge` of the metrics */
	const struct curve_keys *keys;
	Sangkien__Wire__Kind kind;
	struct lease_limits limits; /* batch limits beyond what a frame can hold are taken as that */
	/* Item acknowledged; `result` is the worker's answer, empty where the edge asks for none. */
	void (*on_done)(uint64_t tag, struct bytes result, void *context);
	/* The worker refused it for good, it was handed out attempts_max times without an end, or it is too large to
	 * travel ("item_too_large"). */
	void (*on_poison)(uint64_t tag, const char *reason, void *context);
	/* There is room again after sender_push() was refused; may be NULL. */
	void (*on_room)(void *context);
	void *context;
};

/* The process's curve_gate must be open before. NULL: said in the log. Callbacks come from the loop, never from within
 * a call here, and may call anything here but sender_close(). */
struct sender *sender_open(const struct sender_options *options) MUST_CHECK;
void sender_close(struct sender **sender);

/* `body` is copied. `trace_parent` has 55 characters or is empty. False: full; try again at on_room. An item larger
 * than WIRE_ITEM_BYTES_MAX is taken and comes back by on_poison: it would cut the worker off. */
bool sender_push(
	struct sender *sender, uint64_t tag, uint32_t route, struct bytes trace_parent, struct bytes body) MUST_CHECK;
void sender_set_epoch(struct sender *sender, uint64_t epoch);
/* Hands out what waits now rather than at the end of the loop's turn. */
void sender_flush(struct sender *sender);
/* To every worker at once, without lease or credit: a lossy hint. */
void sender_broadcast(struct sender *sender, const struct bytes *bodies, size_t count);
uint32_t sender_room(const struct sender *sender);
uint32_t sender_held(const struct sender *sender);    /* waiting + leased */
uint32_t sender_workers(const struct sender *sender); /* that take work */

#endif
