/* DecisionReached: frees the place in the window, and answers whoever waits for it. */
#include "services/intake/dispatch_inside.h"

#include <stdlib.h>
#include <string.h>

static void tell_waiter(
	struct waiters *waiters, const struct id128 *id, const Sangkien__Message__DecisionReached *message)
{
	if (waiters_has(waiters, id))
		waiters_tell(waiters, id, decision_of_message(message));
}

static void take_decision(struct dispatch *dispatch, const Sangkien__Message__DecisionReached *message)
{
	struct id128 id;
	memcpy(id.octet, message->id.data, ID128_SIZE);
	pthread_mutex_lock(&dispatch->lock);
	struct window_entry *entry = window_find(dispatch->window, &id);
	bool none = message->status == STATUS_RECEIVED;
	if (entry != NULL && none && entry->held)
		entry->again = true; /* its acknowledgement is still on its way */
	else if (entry != NULL && none)
		errand_note_again(dispatch, &id);
	if (entry != NULL && !none) {
		metric_add(dispatch->options.metrics->decisions, entry->decided ? 0 : 1);
		window_decide(dispatch->window, entry);
	}
	pthread_mutex_unlock(&dispatch->lock);
	if (!none)
		tell_waiter(dispatch->options.waiters, &id, message);
}

void on_decision_reached(struct delivery *delivery, void *context)
{
	struct dispatch *dispatch = context;
	for (size_t i = 0; i < delivery_count(delivery); i++) {
		const Sangkien__Wire__Item *item = delivery_item(delivery, i);
		Sangkien__Message__DecisionReached *message = sangkien__message__decision_reached__unpack(
			arena_protobuf_allocator(delivery_arena(delivery)), item->body.len, item->body.data);
		if (message == NULL || message->id.len != ID128_SIZE || message->status > STATUS_REVOKED)
			delivery_reject(delivery, i, false, "not a DecisionReached");
		else
			take_decision(dispatch, message);
	}
	delivery_done(&delivery);
	pthread_mutex_lock(&dispatch->lock);
	dispatch_publish(dispatch);
	pthread_mutex_unlock(&dispatch->lock);
}
