#include "common/edge/sender_state.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"

#include <stdlib.h>
#include <string.h>

enum {
	FRAMES_A_TURN_MAX = 256,
	RETURN_LEAST_MS = 50,
	RETURN_MOST_MS = 5000,
	REASON_BYTES_MAX = 200,
};

/* A worker's number is the routing id that ROUTER gave its connection, so it is bound to the key ZAP admitted. */
static bool worker_number(zmq_msg_t *routing_id, uint64_t *number)
{
	const uint8_t *octets = zmq_msg_data(routing_id);

	/* Others chose their id themselves. */
	if (zmq_msg_size(routing_id) != SENDER_ROUTING_ID_SIZE || octets[0] != 0)
		return false;
	*number = 0;
	memcpy(number, octets, SENDER_ROUTING_ID_SIZE);
	return true;
}

static void on_ready(struct sender *sender, uint64_t worker, const Sangkien__Wire__Ready *ready, zmq_msg_t *frame)
{
	char instance[WIRE_INSTANCE_BYTES_MAX + 1] = "";
	const char *user = zmq_msg_gets(frame, "User-Id");
	struct id128 boot_id;
	uint64_t twin;

	memcpy(boot_id.octet, ready->boot_id.data, sizeof(boot_id));
	if (!lease_worker_ready(sender->book, worker, &boot_id, ready->route, ready->credit, clock_monotonic_ms()))
		return;
	/* The same process on a new connection: its earlier one is over, whether we have noticed or not. */
	if (lease_worker_twin(sender->book, &boot_id, worker, &twin))
		sender_lose_worker(sender, twin, "connected again");
	if (ready->instance.len > 0)
		memcpy(instance, ready->instance.data, ready->instance.len);
	log_info("edge_worker_joined", KV_TEXT("edge", sender->options.domain), KV_TEXT("service", user ? user : ""),
		KV_TEXT("worker", instance), KV_U64("credit", ready->credit), KV_U64("route", ready->route));
}

/* Letting go -------------------------------------------------------------------------------------------------- */

static void finish_rejected(struct sender *sender, struct parcel *parcel, const Sangkien__Wire__Rejection *rejection)
{
	char reason[REASON_BYTES_MAX + 1] = "refused";
	size_t size = rejection->reason.len < REASON_BYTES_MAX ? rejection->reason.len : REASON_BYTES_MAX;

	if (size > 0) {
		memcpy(reason, rejection->reason.data, size);
		reason[size] = '\0';
	}
	sender_finish_poison(sender, parcel, reason);
}

static int64_t return_delay_ms(uint32_t returned)
{
	int64_t delay_ms = (int64_t)RETURN_LEAST_MS << (returned < 10 ? returned : 10);

	return delay_ms < RETURN_MOST_MS ? delay_ms : RETURN_MOST_MS;
}

/* Items to come again go back first, while their room is still there: what is called next may push. */
static uint64_t return_items(struct sender *sender, const struct lease_batch *batch, bool *returned)
{
	int64_t now_ms = clock_monotonic_ms();
	uint64_t count = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct lease_item *item = &batch->items[i];

		returned[i] = sender->rejections[i] && sender->rejections[i]->retry &&
			      lease_return(sender->book, item, now_ms + return_delay_ms(item->returned));
		count += returned[i];
	}
	return count;
}

static struct bytes result_of(const Sangkien__Wire__Ack *ack, uint32_t index)
{
	if (index >= ack->n_results)
		return (struct bytes){NULL, 0};
	return (struct bytes){ack->results[index].data, ack->results[index].len};
}

static void let_go(struct sender *sender, const struct lease_batch *batch, const Sangkien__Wire__Ack *ack)
{
	bool returned[WIRE_ITEMS_MAX];
	uint64_t done = 0;

	memset(sender->rejections, 0, batch->count * sizeof(const Sangkien__Wire__Rejection *));
	for (size_t i = 0; i < ack->n_rejected; i++)
		if (ack->rejected[i]->index < batch->count)
			sender->rejections[ack->rejected[i]->index] = ack->rejected[i];
	metric_add(sender->metrics.returned, return_items(sender, batch, returned));
	for (uint32_t i = 0; i < batch->count; i++) {
		struct parcel *parcel = parcel_of(&batch->items[i]);

		if (returned[i])
			continue;
		if (sender->rejections[i]) {
			finish_rejected(sender, parcel, sender->rejections[i]);
			continue;
		}
		sender->options.on_done(parcel->tag, result_of(ack, i), sender->options.context);
		free(parcel);
		done++;
	}
	metric_add(sender->metrics.acknowledged, done);
}

static void on_ack(struct sender *sender, uint64_t worker, const Sangkien__Wire__Ack *ack)
{
	struct lease_batch batch;
	struct id128 id;

	memcpy(id.octet, ack->message_id.data, sizeof(id));
	if (lease_acknowledge(sender->book, worker, &id, &batch))
		let_go(sender, &batch, ack);
	else
		metric_add(sender->metrics.late, 1);
}

/* Frames ------------------------------------------------------------------------------------------------------ */

static void drop_frame(struct sender *sender, const char *why)
{
	metric_add(sender->metrics.malformed, 1);
	edge_complain(&sender->complaints, sender->options.domain, why, clock_monotonic_ms());
}

static void take_frame(struct sender *sender, zmq_msg_t *routing_id, zmq_msg_t *frame)
{
	struct bytes bytes = {zmq_msg_data(frame), zmq_msg_size(frame)};
	Sangkien__Wire__Envelope *envelope;
	enum wire_fault fault;
	uint64_t worker;

	if (!worker_number(routing_id, &worker)) {
		drop_frame(sender, "routing_id_of_its_own");
		return;
	}
	arena_reset(sender->arena);
	fault = wire_open(bytes, sender->arena, &envelope);
	if (fault != WIRE_OK) {
		drop_frame(sender, wire_fault_name(fault));
		return;
	}
	switch (envelope->kind) {
	case SANGKIEN__WIRE__KIND__KIND_READY:
		on_ready(sender, worker, envelope->ready, frame);
		break;
	case SANGKIEN__WIRE__KIND__KIND_ACK:
		on_ack(sender, worker, envelope->ack);
		break;
	case SANGKIEN__WIRE__KIND__KIND_GOODBYE:
		sender_lose_worker(sender, worker, "goodbye");
		break;
	default:
		drop_frame(sender, "unexpected_kind");
	}
}

void sender_on_readable(void *context)
{
	struct sender *sender = context;
	zmq_msg_t frames[2];

	for (int i = 0; i < FRAMES_A_TURN_MAX; i++) {
		int taken = edge_frames_receive(sender->socket, frames, 2);

		if (taken > 0)
			take_frame(sender, &frames[0], &frames[1]);
		else if (taken < 0)
			drop_frame(sender, "not_one_frame");
		edge_frames_close(frames, 2);
		if (taken == 0)
			break;
	}
	sender_say_room(sender);
}
