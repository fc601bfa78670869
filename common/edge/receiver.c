#include "common/edge/receiver.h"

#include "common/edge/delivery.h"
#include "common/edge/receiver_metrics.h"
#include "common/edge/sender.h"
#include "common/edge/socket.h"
#include "common/edge/upstream_list.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 100,
	LOOK_EVERY_TICKS = 10,
	FRAMES_A_TURN_MAX = 64,
	SPARE_DELIVERIES_MAX = 64,
	REOPEN_MS = 5000, /* libzmq does not try again once a handshake was refused */
	RECONNECT_LEAST_MS = 50,
	RECONNECT_MOST_MS = 1000,
	FAREWELL_MS = 200, /* for what was said last, an acknowledgement perhaps */
	OVER_CREDIT = 4,   /* after reconnections it may be over; beyond that it is dropped */
};

TAILQ_HEAD(delivery_list, delivery);

struct upstream {
	struct receiver *receiver;
	char endpoint[UPSTREAM_ENDPOINT_SIZE];
	void *socket;
	struct id128 boot_id; /* of this socket */
	bool listed, connected;
	uint32_t held, credit_told;
	int64_t ready_ms; /* when the last READY went out, or the socket was opened */
	TAILQ_ENTRY(upstream) link;
};
TAILQ_HEAD(upstream_table, upstream);

struct receiver {
	struct receiver_options options;
	char name[64]; /* "from_<kind>" */
	struct upstream_list *list;
	struct upstream_table upstreams;
	uint32_t upstream_count, ticks;
	bool stopped, said_not_connected;
	struct delivery_list held, spare;
	uint32_t held_count, spare_count;
	struct receiver_metrics metrics;
	struct edge_complaints complaints;
	char endpoints[UPSTREAMS_MAX][UPSTREAM_ENDPOINT_SIZE];
};

/* Deliveries -------------------------------------------------------------------------------------------------- */

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
			delivery->upstream->held--;
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
		upstream->held++;
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
	if (upstream->held >= OVER_CREDIT * receiver->options.credit && !delivery_is_hint(delivery)) {
		drop_frame(receiver, "over_credit");
		return false;
	}
	if (held_already(receiver, delivery))
		return false;
	hold(upstream, delivery);
	return true;
}

static void on_readable(void *context)
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

/* Upstreams --------------------------------------------------------------------------------------------------- */

/* One that left the list, or a receiver that stops, gives nothing new. */
static uint32_t credit_for(const struct upstream *upstream)
{
	const struct receiver *receiver = upstream->receiver;

	return receiver->stopped || !upstream->listed ? 0 : receiver->options.credit;
}

static void send_ready(struct upstream *upstream, int64_t now_ms)
{
	struct receiver *receiver = upstream->receiver;
	const char *instance = service_instance(receiver->options.service);
	Sangkien__Wire__Envelope envelope = SANGKIEN__WIRE__ENVELOPE__INIT;
	Sangkien__Wire__Ready ready = SANGKIEN__WIRE__READY__INIT;
	bool sent;

	envelope.version = WIRE_VERSION;
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_READY;
	envelope.ready = &ready;
	ready.boot_id = (ProtobufCBinaryData){ID128_SIZE, upstream->boot_id.octet};
	ready.credit = credit_for(upstream);
	ready.route = receiver->options.route;
	ready.instance = (ProtobufCBinaryData){strnlen(instance, WIRE_INSTANCE_BYTES_MAX), (uint8_t *)instance};
	sent = edge_envelope_send(upstream->socket, &envelope);
	if (sent) {
		upstream->ready_ms = now_ms;
		upstream->credit_told = ready.credit;
	}
	if (sent == upstream->connected)
		return;
	upstream->connected = sent;
	log_info(sent ? "edge_upstream_found" : "edge_upstream_lost", KV_TEXT("edge", receiver->name),
		KV_TEXT("endpoint", upstream->endpoint));
}

static bool upstream_connect(struct upstream *upstream)
{
	struct receiver *receiver = upstream->receiver;
	const struct receiver_options *options = &receiver->options;
	void *socket = edge_socket_open(service_zmq(options->service), ZMQ_DEALER);
	bool is_ipv6 = strchr(upstream->endpoint, '[') != NULL;

	upstream->boot_id = random_id();
	upstream->ready_ms = clock_monotonic_ms();
	if (socket && zmq_setsockopt(socket, ZMQ_IMMEDIATE, &(int){1}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_IPV6, &(int){is_ipv6}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &(int){RECONNECT_LEAST_MS}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_RECONNECT_IVL_MAX, &(int){RECONNECT_MOST_MS}, sizeof(int)) == 0 &&
		edge_socket_visit(socket, options->keys, options->upstream_public_key) &&
		zmq_connect(socket, upstream->endpoint) == 0) {
		upstream->socket = socket;
		service_on_socket(options->service, socket, on_readable, upstream);
		return true;
	}
	if (!receiver->said_not_connected) /* it would be said each time we look */
		log_warn("edge_not_connected", KV_TEXT("edge", receiver->name), KV_TEXT("endpoint", upstream->endpoint),
			KV_TEXT("why", zmq_strerror(zmq_errno())));
	receiver->said_not_connected = true;
	edge_socket_close(&socket);
	return false;
}

static void upstream_disconnect(struct upstream *upstream)
{
	Sangkien__Wire__Envelope goodbye = SANGKIEN__WIRE__ENVELOPE__INIT;

	if (!upstream->socket)
		return;
	service_remove_socket(upstream->receiver->options.service, upstream->socket);
	goodbye.version = WIRE_VERSION;
	goodbye.kind = SANGKIEN__WIRE__KIND__KIND_GOODBYE;
	if (edge_envelope_send(upstream->socket, &goodbye))
		(void)!zmq_setsockopt(upstream->socket, ZMQ_LINGER, &(int){FAREWELL_MS}, sizeof(int));
	edge_socket_close(&upstream->socket);
	upstream->connected = false;
}

static struct upstream *upstream_find(const struct receiver *receiver, const char *endpoint)
{
	struct upstream *upstream;

	TAILQ_FOREACH(upstream, &receiver->upstreams, link)
	{
		if (strcmp(upstream->endpoint, endpoint) == 0)
			return upstream;
	}
	return NULL;
}

static void upstream_add(struct receiver *receiver, const char *endpoint)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream)
		return;
	upstream->receiver = receiver;
	upstream->listed = true;
	snprintf(upstream->endpoint, sizeof(upstream->endpoint), "%s", endpoint);
	if (!upstream_connect(upstream)) {
		free(upstream);
		return;
	}
	TAILQ_INSERT_TAIL(&receiver->upstreams, upstream, link);
	receiver->upstream_count++;
}

static void upstream_remove(struct upstream *upstream)
{
	struct receiver *receiver = upstream->receiver;
	struct delivery *delivery;

	TAILQ_FOREACH(delivery, &receiver->held, link)
	{
		if (delivery->upstream == upstream)
			delivery->upstream = NULL;
	}
	upstream_disconnect(upstream);
	service_forget(receiver->options.service, upstream);
	TAILQ_REMOVE(&receiver->upstreams, upstream, link);
	receiver->upstream_count--;
	free(upstream);
}

static void look_for_upstreams(struct receiver *receiver)
{
	size_t count = upstream_list_now(receiver->list, receiver->endpoints, UPSTREAMS_MAX);
	struct upstream *upstream;

	TAILQ_FOREACH(upstream, &receiver->upstreams, link)
	{
		upstream->listed = false;
	}
	for (size_t i = 0; i < count; i++) {
		upstream = upstream_find(receiver, receiver->endpoints[i]);
		if (upstream)
			upstream->listed = true;
		else if (receiver->upstream_count < UPSTREAMS_MAX && !receiver->stopped)
			upstream_add(receiver, receiver->endpoints[i]);
	}
}

/* A heartbeat, a first word after a connection, a changed credit, or a new socket where there is none for long. */
static void look_after(struct upstream *upstream, int64_t now_ms)
{
	if (!upstream->connected || upstream->credit_told != credit_for(upstream) ||
		now_ms - upstream->ready_ms >= EDGE_HEARTBEAT_MS)
		send_ready(upstream, now_ms);
	if (!upstream->connected && now_ms - upstream->ready_ms >= REOPEN_MS) {
		upstream_disconnect(upstream);
		if (!upstream_connect(upstream))
			upstream_remove(upstream);
	}
}

static void on_tick(void *context)
{
	struct receiver *receiver = context;
	int64_t now_ms = clock_monotonic_ms();
	struct upstream *upstream, *next;

	if (receiver->ticks++ % LOOK_EVERY_TICKS == 0)
		look_for_upstreams(receiver);
	for (upstream = TAILQ_FIRST(&receiver->upstreams); upstream; upstream = next) {
		next = TAILQ_NEXT(upstream, link);
		/* It left the list: nothing new from it, and once its deliveries are done it goes. */
		if (!upstream->listed && upstream->held == 0)
			upstream_remove(upstream);
		else
			look_after(upstream, now_ms);
	}
	metric_set(receiver->metrics.upstreams, receiver_upstreams(receiver));
	metric_set(receiver->metrics.held, receiver->held_count);
}

/* Opening and closing ----------------------------------------------------------------------------------------- */

struct receiver *receiver_open(const struct receiver_options *options)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	assert(options->credit > 0 && options->on_batch);
	if (!receiver)
		return NULL;
	receiver->options = *options;
	TAILQ_INIT(&receiver->upstreams);
	TAILQ_INIT(&receiver->held);
	TAILQ_INIT(&receiver->spare);
	receiver->list = upstream_list_open(options->upstream);
	if (!receiver->list) {
		log_error("edge_upstream_not_understood", KV_TEXT("upstream", options->upstream),
			KV_TEXT("why", strerror(errno)));
		free(receiver);
		return NULL;
	}
	receiver_metrics_init(
		&receiver->metrics, options->service, options->kind, receiver->name, sizeof(receiver->name));
	service_every(options->service, TICK_MS, on_tick, receiver);
	on_tick(receiver);
	return receiver;
}

void receiver_close(struct receiver **pointer)
{
	struct receiver *receiver = *pointer;
	struct upstream *upstream, *next;
	struct delivery *delivery;

	*pointer = NULL;
	if (!receiver)
		return;
	service_forget(receiver->options.service, receiver);
	for (upstream = TAILQ_FIRST(&receiver->upstreams); upstream; upstream = next) {
		next = TAILQ_NEXT(upstream, link);
		upstream_remove(upstream);
	}
	TAILQ_CONCAT(&receiver->held, &receiver->spare, link);
	while ((delivery = TAILQ_FIRST(&receiver->held))) {
		TAILQ_REMOVE(&receiver->held, delivery, link);
		delivery_free(&delivery);
	}
	upstream_list_close(&receiver->list);
	free(receiver);
}

uint32_t receiver_upstreams(const struct receiver *receiver)
{
	const struct upstream *upstream;
	uint32_t count = 0;

	TAILQ_FOREACH(upstream, &receiver->upstreams, link)
	{
		count += upstream->connected;
	}
	return count;
}

void receiver_stop(struct receiver *receiver)
{
	struct upstream *upstream;

	receiver->stopped = true;
	TAILQ_FOREACH(upstream, &receiver->upstreams, link)
	{
		send_ready(upstream, clock_monotonic_ms());
	}
}

uint32_t receiver_held(const struct receiver *receiver)
{
	return receiver->held_count;
}
