#include "common/edge/receiver_state.h"
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
	RECONNECT_LEAST_MS = 50,
	RECONNECT_MOST_MS = 1000,
	FAREWELL_MS = 200, /* for what was said last, an acknowledgement perhaps */
};

/* Upstreams --------------------------------------------------------------------------------------------------- */

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
	ready.credit = credit_grant(&upstream->credit, receiver->stopped);
	ready.route = receiver->options.route;
	ready.instance = (ProtobufCBinaryData){strnlen(instance, WIRE_INSTANCE_BYTES_MAX), (uint8_t *)instance};
	sent = edge_envelope_send(upstream->socket, &envelope);
	if (credit_spoke(&upstream->credit, sent, ready.credit, now_ms))
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
	credit_opened(&upstream->credit, clock_monotonic_ms());
	if (socket && zmq_setsockopt(socket, ZMQ_IMMEDIATE, &(int){1}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_IPV6, &(int){is_ipv6}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &(int){RECONNECT_LEAST_MS}, sizeof(int)) == 0 &&
		zmq_setsockopt(socket, ZMQ_RECONNECT_IVL_MAX, &(int){RECONNECT_MOST_MS}, sizeof(int)) == 0 &&
		edge_socket_visit(socket, options->keys, options->upstream_public_key) &&
		zmq_connect(socket, upstream->endpoint) == 0) {
		upstream->socket = socket;
		service_on_socket(options->service, socket, receiver_on_readable, upstream);
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
	upstream->credit = (struct credit){.granted = receiver->options.credit, .listed = true};
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
		upstream->credit.listed = false;
	}
	for (size_t i = 0; i < count; i++) {
		upstream = upstream_find(receiver, receiver->endpoints[i]);
		if (upstream)
			upstream->credit.listed = true;
		else if (receiver->upstream_count < UPSTREAMS_MAX && !receiver->stopped)
			upstream_add(receiver, receiver->endpoints[i]);
	}
}

static void look_after(struct upstream *upstream, int64_t now_ms)
{
	if (credit_speaks(&upstream->credit, upstream->receiver->stopped, now_ms))
		send_ready(upstream, now_ms);
	if (credit_reopens(&upstream->credit, now_ms)) {
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
		if (credit_ends(&upstream->credit))
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
		count += upstream->credit.connected;
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
