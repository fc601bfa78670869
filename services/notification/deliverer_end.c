#include "common/runtime/backoff.h"
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"
#include "services/notification/deliverer_state.h"

/* While we stop a transfer that was cut short says nothing about its gateway. */
void deliverer_note_gateway(
	struct deliverer *deliverer, struct gateway *gateway, const struct transfer_outcome *outcome)
{
	int64_t now = clock_monotonic_ms();

	if (outcome->result != CHANNEL_AWAY) {
		gateway_back(gateway);
		if (outcome->is_for_all)
			gateway_pause(gateway, now + outcome->retry_after_ms);
	} else if (!deliverer_stops(deliverer)) {
		gateway_away(gateway, outcome->why, now, random_u32());
	}
	deliverer_show_gateways(deliverer);
}

static enum outbox_end end_of(const struct deliverer *deliverer, const struct slot *slot)
{
	switch (slot->outcome.result) {
	case CHANNEL_SENT:
		return OUTBOX_SENT;
	case CHANNEL_LATER:
		return (uint32_t)slot->claim.tries >= deliverer->options.attempts_max ? OUTBOX_DEAD : OUTBOX_LATER;
	case CHANNEL_NEVER:
		return OUTBOX_DEAD;
	case CHANNEL_AWAY:
		break;
	}
	return OUTBOX_UNTRIED;
}

static uint32_t delay_of(const struct deliverer *deliverer, const struct slot *slot)
{
	struct backoff retry = {.least_ms = deliverer->options.retry_least_ms,
		.most_ms = deliverer->options.retry_most_ms,
		.attempts = (uint32_t)slot->claim.tries - 1};
	uint32_t delay_ms = backoff_next_ms(&retry, random_u32());

	return slot->outcome.retry_after_ms > delay_ms ? slot->outcome.retry_after_ms : delay_ms;
}

static void count_end(struct deliverer *deliverer, const struct slot *slot, enum outbox_end end)
{
	if (end == OUTBOX_SENT) {
		metric_add(deliverer->sent, 1);
		metric_observe_us(deliverer->delay, clock_now_us() - slot->claim.created_at);
	} else if (end == OUTBOX_LATER) {
		metric_add(deliverer->put_off, 1);
	} else if (end == OUTBOX_DEAD) {
		metric_add(deliverer->dead, 1);
		log_warn("notice_dead", KV_ID("outbox", &slot->claim.id),
			KV_U64("attempts", (uint64_t)slot->claim.tries), KV_TEXT("why", slot->outcome.why));
	}
}

/* However long PostgreSQL is away: what was sent must be marked, or it is sent again. False: not yet. */
static bool mark(struct deliverer *deliverer, struct slot *slot)
{
	enum outbox_end end = end_of(deliverer, slot);
	bool ours = false;
	enum pg_status status =
		outbox_end(deliverer->pg, &slot->claim, end, end == OUTBOX_LATER ? delay_of(deliverer, slot) : 0,
			slot->outcome.why, &ours, clock_monotonic_ms() + DELIVERER_STATEMENT_MS);

	if (status == PG_REFUSED)
		log_error(
			"outbox_not_marked", KV_ID("outbox", &slot->claim.id), KV_TEXT("why", pg_error(deliverer->pg)));
	else if (status != PG_OK)
		return false;
	if (status == PG_OK && !ours)
		metric_add(deliverer->lost_claims, 1);
	count_end(deliverer, slot, end);
	return true;
}

static void free_slot(struct slot *slot)
{
	slot->gateway->under_way--;
	slot->gateway->look_at_ms = 0; /* there may be more */
	slot->state = SLOT_FREE;
}

bool deliverer_mark_all(struct deliverer *deliverer)
{
	bool all = true, ready = true;

	for (uint32_t i = 0; i < deliverer->options.transfers; i++) {
		struct slot *slot = &deliverer->slots[i];
		if (slot->state != SLOT_ENDED)
			continue;
		ready = ready && deliverer_has_postgresql(deliverer) && mark(deliverer, slot);
		if (ready || deliverer_stops(deliverer))
			free_slot(slot);
		all &= slot->state == SLOT_FREE;
	}
	return all;
}

static void take_end(struct deliverer *deliverer, CURL *curl, CURLcode code)
{
	struct slot *slot = NULL;

	curl_easy_getinfo(curl, CURLINFO_PRIVATE, &slot);
	curl_multi_remove_handle(deliverer->multi, curl);
	transfer_end(&slot->transfer, code, &slot->outcome);
	reference_release(deliverer->options.references, &slot->reference);
	slot->state = SLOT_ENDED;
	metric_set(deliverer->under_way, --deliverer->running);
	deliverer_note_gateway(deliverer, slot->gateway, &slot->outcome);
	if (slot->outcome.result == CHANNEL_SENT)
		failpoint("notification-after-send");
}

void deliverer_move_transfers(struct deliverer *deliverer)
{
	int running, left;

	curl_multi_perform(deliverer->multi, &running);
	for (CURLMsg *message; (message = curl_multi_info_read(deliverer->multi, &left)) != NULL;)
		if (message->msg == CURLMSG_DONE)
			take_end(deliverer, message->easy_handle, message->data.result);
}
