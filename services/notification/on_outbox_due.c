#include "services/notification/on_outbox_due.h"

#include "proto/submission.pb-c.h"
#include "services/notification/deliverer.h"

void on_outbox_due(struct delivery *delivery, void *deliverer)
{
	for (size_t i = 0; i < delivery_count(delivery); i++) {
		const Sangkien__Wire__Item *item = delivery_item(delivery, i);

		if (!sangkien__message__outbox_due__unpack(
			    arena_protobuf_allocator(delivery_arena(delivery)), item->body.len, item->body.data))
			delivery_reject(delivery, i, false, "not an OutboxDue");
	}
	deliverer_wake(deliverer);
	delivery_done(&delivery);
}
