#include "common/edge/receiver_state.h"
#include "common/runtime/clock.h"

#include <string.h>

enum { FRAMES_A_TURN_MAX = 64, SPARE_DELIVERIES_MAX = 64 };

static struct delivery *delivery_take(struct receiver *receiver)
{
	struct delivery *delivery = TAILQ_FIRST(&receiver->spare);

	if (!delivery)
		return delivery_new(receiver);
	TAILQ_REMOVE(&receiver->spare, delivery, link);
	receiver->spare_count--;
	return delivery;
}

static void delivery_put(struct receiver *receiver, struct delivery *delivery)
{
	if (receiver->spare_count >= SPARE_DELIVERIES_MAX) {
		delivery_free(&delivery);
		return;
	}
	TAILQ_INSERT_HEAD(&receiver->spare, delivery, link);
	receiver->spare_count++;
}

static void acknowledge(struct delivery *delivery)
{
	const Sangkien__Wire__Envelope *envelope = delivery_acknowledgement(delivery);

	/* An acknowledgement that is lost makes the upstream hand the batch out again. */
	if (!envelope || !delivery->upstream || !delivery->upstream->socket ||
		!edge_envelope_send(delivery->upstream->socket, envelope))
		metric_add(delivery->receiver->metrics.lost_acknowledgements, 1);
}

void delivery_done(struct delivery **pointer)
{
	struct delivery *delivery = *pointer;
	struct receiver *receiver;

	*pointer = NULL;
	if (!delivery)
		return;
	receiver = delivery->receiver;
	TAILQ_REMOVE(&receiver->held, delivery, link);
	if (!delivery_is_hint(delivery)) {
		acknowledge(delivery);
		receiver->held_count--;
		if (delivery->upstream)
			delivery->upstream->credit.held--;
	}
	delivery_put(receiver, delivery);
}

static bool held_already(const struct receiver *receiver, const struct delivery *delivery)
{
	const ProtobufCBinaryData *id = &delivery->envelope->message_id;
	const struct delivery *other;

	TAILQ_FOREACH(other, &receiver->held, link)
	{
		const ProtobufCBinaryData *held = &other->envelope->message_id;

		if (id->len > 0 && held->len == id->len && memcmp(held->data, id->data, id->len) == 0)
			return true;
	}
	return false;
}

static void drop_frame(struct receiver *receiver, const char *why)
{
	metric_add(receiver->metrics.malformed, 1);
	edge_complain(&receiver->complaints, receiver->name, why, clock_monotonic_ms());
}

static void hold(struct upstream *upstream, struct delivery *delivery)
{
	struct receiver *receiver = upstream->receiver;

	TAILQ_INSERT_TAIL(&receiver->held, delivery, link);
	delivery->upstream = upstream;
	metric_add(receiver->metrics.received, delivery_count(delivery));
	if (!delivery_is_hint(delivery)) {
		upstream->credit.held++;
		receiver->held_count++;
	}
	receiver->options.on_batch(delivery, receiver->options.context);
}

/* True: the delivery is with the service now. */
static bool take_frame(struct upstream *upstream, struct delivery *delivery, struct bytes frame)
{
	struct receiver *receiver = upstream->receiver;
	enum wire_fault fault = delivery_open(delivery, frame);

	if (fault != WIRE_OK) {
		drop_frame(receiver, wire_fault_name(fault));
		return false;
	}
	if (delivery->envelope->kind == SANGKIEN__WIRE__KIND__KIND_PING)
		return false;
	if (delivery->envelope->kind != receiver->options.kind) {
		drop_frame(receiver, "unexpected_kind");
		return false;
	}
	if (!credit_admits(&upstream->credit) && !delivery_is_hint(delivery)) {
		drop_frame(receiver, "over_credit");
		return false;
	}
	if (held_already(receiver, delivery))
		return false;
	hold(upstream, delivery);
	return true;
}

void receiver_on_readable(void *context)
{
	struct upstream *upstream = context;
	struct receiver *receiver = upstream->receiver;
	zmq_msg_t frame;

	for (int i = 0; i < FRAMES_A_TURN_MAX; i++) {
		int taken = edge_frames_receive(upstream->socket, &frame, 1);
		struct delivery *delivery = taken > 0 ? delivery_take(receiver) : NULL;

		if (delivery &&
			!take_frame(upstream, delivery, (struct bytes){zmq_msg_data(&frame), zmq_msg_size(&frame)}))
			delivery_put(receiver, delivery);
		if (taken < 0)
			drop_frame(receiver, "not_one_frame");
		edge_frames_close(&frame, 1);
		if (taken == 0)
			return;
	}
}
