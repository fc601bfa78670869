#include "common/runtime/clock.h"
#include "services/notification/deliverer_state.h"

#include <stdio.h>
#include <string.h>

static struct slot *find_free(const struct deliverer *deliverer)
{
	for (uint32_t i = 0; i < deliverer->options.transfers; i++)
		if (deliverer->slots[i].state == SLOT_FREE)
			return &deliverer->slots[i];
	return NULL;
}

uint32_t deliverer_room(const struct deliverer *deliverer)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < deliverer->options.transfers; i++)
		count += deliverer->slots[i].state == SLOT_FREE;
	return count;
}

static bool make_transfer(struct deliverer *deliverer, struct slot *slot, const struct outbox_row *row)
{
	const struct reference_campaign *campaign = reference_by_id(slot->reference, slot->gateway->campaign);
	const struct notice_channel *channel = NULL;
	const struct transfer_options options = {.keys = deliverer->options.keys,
		.timeout_ms = deliverer->options.timeout_ms,
		.stopping = &deliverer->stopping};
	const char *fault;

	if (campaign)
		channel = notices_channel(&campaign->campaign->notices,
			(struct bytes){(const uint8_t *)slot->gateway->name, strlen(slot->gateway->name)});
	if (!channel) {
		slot->outcome = (struct transfer_outcome){.result = CHANNEL_AWAY, .why = "its campaign has it no more"};
		return false;
	}
	fault = notice_compose(&deliverer->notice, deliverer->secret_key, deliverer->options.templates, campaign, row);
	if (fault) {
		slot->outcome = (struct transfer_outcome){.result = CHANNEL_NEVER};
		snprintf(slot->outcome.why, sizeof(slot->outcome.why), "%s", fault);
		return false;
	}
	return transfer_begin(&slot->transfer, channel, &deliverer->notice, &options, &slot->outcome);
}

static void begin(struct deliverer *deliverer, struct gateway *gateway, const struct outbox_row *row)
{
	struct slot *slot = find_free(deliverer);
	bool made;

	assert(slot);
	slot->gateway = gateway;
	slot->claim = row->claim;
	slot->state = SLOT_ENDED; /* unless it gets under way */
	gateway->under_way++;
	slot->reference = reference_acquire(deliverer->options.references);
	made = make_transfer(deliverer, slot, row);
	notice_forget(&deliverer->notice);
	if (made && curl_easy_setopt(slot->transfer.curl, CURLOPT_PRIVATE, slot) == CURLE_OK &&
		curl_multi_add_handle(deliverer->multi, slot->transfer.curl) == CURLM_OK) {
		slot->state = SLOT_UNDER_WAY;
		metric_set(deliverer->under_way, ++deliverer->running);
		return;
	}
	if (made)
		transfer_end(&slot->transfer, CURLE_OUT_OF_MEMORY, &slot->outcome);
	reference_release(deliverer->options.references, &slot->reference);
	if (slot->outcome.result == CHANNEL_AWAY)
		deliverer_note_gateway(deliverer, gateway, &slot->outcome);
}

/* False: PostgreSQL is away. */
static bool claim(struct deliverer *deliverer, struct gateway *gateway, uint32_t most)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct outbox_row row;

	if (!deliverer_has_postgresql(deliverer) ||
		outbox_claim(deliverer->pg, gateway->campaign, gateway->name, most, deliverer->options.claim_ms, &rows,
			clock_monotonic_ms() + DELIVERER_STATEMENT_MS) != PG_OK)
		return false;
	for (int i = 0; i < PQntuples(rows); i++) {
		outbox_read(rows, i, &row);
		begin(deliverer, gateway, &row);
	}
	if ((uint32_t)PQntuples(rows) < most)
		gateway->look_at_ms = clock_monotonic_ms() + deliverer->options.poll_ms;
	return true;
}

bool deliverer_claim_all(struct deliverer *deliverer)
{
	for (size_t i = 0; i < deliverer->gateways.count; i++) {
		struct gateway *gateway = deliverer->gateways.rows[i];
		uint32_t room = gateway_room(gateway, deliverer->options.transfers_a_gateway, clock_monotonic_ms());
		uint32_t left = deliverer_room(deliverer);

		room = room < left ? room : left;
		if (room > 0 && !claim(deliverer, gateway, room))
			return false;
	}
	return true;
}
