#include "common/edge/delivery.h"

#include <stdlib.h>
#include <string.h>

enum {
	ARENA_BYTES_MAX = 8 << 20, /* a frame, its results, its acknowledgement, and what the service makes of it */
	REASON_BYTES_MAX = 200,
	REJECTION_BYTES_MAX = REASON_BYTES_MAX + 16,
	RESULT_OVERHEAD = 6,
	/* Every item may yet be rejected, so this much of a frame is not for results. */
	RESULT_BYTES_MAX = WIRE_FRAME_BYTES_MAX - WIRE_ITEMS_MAX * (REJECTION_BYTES_MAX + RESULT_OVERHEAD) - 256,
};

struct delivery *delivery_new(struct receiver *receiver)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	delivery->receiver = receiver;
	delivery->arena = arena_new(ARENA_BYTES_MAX);
	if (!delivery->arena)
		delivery_free(&delivery);
	return delivery;
}

void delivery_free(struct delivery **pointer)
{
	struct delivery *delivery = *pointer;

	*pointer = NULL;
	if (!delivery)
		return;
	arena_free(&delivery->arena);
	free(delivery);
}

enum wire_fault delivery_open(struct delivery *delivery, struct bytes frame)
{
	enum wire_fault fault;
	size_t size;

	arena_reset(delivery->arena);
	delivery->upstream = NULL;
	delivery->has_results = false;
	delivery->ack_bytes = 0;
	fault = wire_open(frame, delivery->arena, &delivery->envelope);
	if (fault != WIRE_OK)
		return fault;
	size = delivery->envelope->n_items * sizeof(*delivery->ends);
	delivery->ends = size > 0 ? arena_alloc(delivery->arena, size) : NULL;
	if (size > 0 && !delivery->ends)
		return WIRE_TOO_LARGE;
	if (size > 0)
		memset(delivery->ends, 0, size);
	return WIRE_OK;
}

size_t delivery_count(const struct delivery *delivery)
{
	return delivery->envelope->n_items;
}

const Sangkien__Wire__Item *delivery_item(const struct delivery *delivery, size_t index)
{
	assert(index < delivery->envelope->n_items);
	return delivery->envelope->items[index];
}

uint64_t delivery_epoch(const struct delivery *delivery)
{
	return delivery->envelope->epoch;
}

struct arena *delivery_arena(struct delivery *delivery)
{
	return delivery->arena;
}

bool delivery_is_hint(const struct delivery *delivery)
{
	return delivery->envelope->message_id.len == 0;
}

void delivery_reject(struct delivery *delivery, size_t index, bool retry, const char *reason)
{
	size_t size = strnlen(reason, REASON_BYTES_MAX);
	char *copy;

	assert(index < delivery->envelope->n_items);
	copy = arena_text(delivery->arena, (struct bytes){(const uint8_t *)reason, size});
	delivery->ends[index].rejected = true;
	delivery->ends[index].retry = retry;
	delivery->ends[index].reason = copy ? copy : "";
}

void delivery_result(struct delivery *delivery, size_t index, struct bytes result)
{
	struct delivery_item_end *end = &delivery->ends[index];
	const uint8_t *copy;

	assert(index < delivery->envelope->n_items);
	delivery->has_results = true;
	delivery->ack_bytes -= end->result.size;
	end->result = (struct bytes){NULL, 0};
	if (result.size > RESULT_BYTES_MAX) {
		delivery_reject(delivery, index, false, "result_too_large");
		return;
	}
	copy = delivery->ack_bytes + result.size <= RESULT_BYTES_MAX && result.size > 0
		       ? arena_copy(delivery->arena, result.data, result.size)
		       : NULL;
	if (!copy && result.size > 0) {
		delivery_reject(delivery, index, true, "results_full");
		return;
	}
	*end = (struct delivery_item_end){.result = {copy, result.size}};
	delivery->ack_bytes += result.size;
}

/* The acknowledgement ----------------------------------------------------------------------------------------- */

static bool add_results(const struct delivery *delivery, Sangkien__Wire__Ack *ack)
{
	size_t count = delivery->envelope->n_items;

	if (!delivery->has_results)
		return true;
	ack->results = arena_alloc(delivery->arena, count * sizeof(*ack->results));
	if (!ack->results)
		return false;
	for (size_t i = 0; i < count; i++)
		ack->results[i] =
			(ProtobufCBinaryData){delivery->ends[i].result.size, (uint8_t *)delivery->ends[i].result.data};
	ack->n_results = count;
	return true;
}

static bool add_rejected(const struct delivery *delivery, Sangkien__Wire__Ack *ack)
{
	size_t count = 0, at = 0;
	Sangkien__Wire__Rejection *rejections;

	for (size_t i = 0; i < delivery->envelope->n_items; i++)
		count += delivery->ends[i].rejected;
	if (count == 0)
		return true;
	ack->rejected = arena_alloc(delivery->arena, count * sizeof(Sangkien__Wire__Rejection *));
	rejections = arena_alloc(delivery->arena, count * sizeof(*rejections));
	if (!ack->rejected || !rejections)
		return false;
	for (size_t i = 0; i < delivery->envelope->n_items; i++) {
		const struct delivery_item_end *end = &delivery->ends[i];

		if (!end->rejected)
			continue;
		sangkien__wire__rejection__init(&rejections[at]);
		rejections[at].index = (uint32_t)i;
		rejections[at].reason = (ProtobufCBinaryData){strlen(end->reason), (uint8_t *)end->reason};
		rejections[at].retry = end->retry;
		ack->rejected[at] = &rejections[at];
		at++;
	}
	ack->n_rejected = count;
	return true;
}

const Sangkien__Wire__Envelope *delivery_acknowledgement(struct delivery *delivery)
{
	Sangkien__Wire__Envelope *envelope = arena_alloc(delivery->arena, sizeof(*envelope));
	Sangkien__Wire__Ack *ack = arena_alloc(delivery->arena, sizeof(*ack));

	if (!envelope || !ack)
		return NULL;
	sangkien__wire__envelope__init(envelope);
	sangkien__wire__ack__init(ack);
	envelope->version = WIRE_VERSION;
	envelope->kind = SANGKIEN__WIRE__KIND__KIND_ACK;
	envelope->ack = ack;
	ack->message_id = delivery->envelope->message_id;
	return add_results(delivery, ack) && add_rejected(delivery, ack) ? envelope : NULL;
}
