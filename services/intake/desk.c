#include "services/intake/desk.h"

#include "common/edge/wire.h"

struct sender *desk_edge_open(const struct desk_edge *edge)
{
	struct sender *sender = sender_open(&(struct sender_options){
		.service = edge->service,
		.endpoint = edge->endpoint,
		.domain = edge->domain,
		.keys = edge->keys,
		.kind = edge->kind,
		.limits = {.items_max = edge->items_max,
			.batch_items_max = 1,
			.batch_bytes_max = WIRE_ITEM_BYTES_MAX,
			.lease_ms = edge->lease_ms,
			.attempts_max = edge->attempts_max},
		.on_done = edge->on_done,
		.on_poison = edge->on_poison,
		.context = edge->context,
	});
	if (sender != NULL)
		service_on_fd(edge->service, mailbox_fd(edge->brought), edge->on_brought, edge->context);
	return sender;
}

void desk_give_back(struct mailbox *http_mailbox, void *letter)
{
	bool given = mailbox_push(http_mailbox, letter);
	assert(given);
}
