/* What the desks share: each thing that the HTTP thread brings to one is an item of its own on the desk's edge, and
 * comes back to that thread with its answer. */
#ifndef SANGKIEN_INTAKE_DESK_H
#define SANGKIEN_INTAKE_DESK_H

#include "common/edge/sender.h"
#include "common/runtime/mailbox.h"

struct desk_edge {
	struct service *service;
	const char *endpoint, *domain; /* as sender_options has them */
	const struct curve_keys *keys;
	Sangkien__Wire__Kind kind;
	uint32_t items_max, lease_ms, attempts_max;
	struct mailbox *brought; /* its letters make the service's loop call on_brought() */
	void (*on_brought)(void *context);
	void (*on_done)(uint64_t tag, struct bytes result, void *context);
	void (*on_poison)(uint64_t tag, const char *reason, void *context);
	void *context;
};

/* An item a batch: one does not wait for what the other takes. NULL as sender_open(). */
struct sender *desk_edge_open(const struct desk_edge *edge) MUST_CHECK;

/* `http_mailbox` has room for everything that is under way at a desk. */
void desk_give_back(struct mailbox *http_mailbox, void *letter);

#endif
