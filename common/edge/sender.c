#include "common/edge/sender.h"

#include "common/edge/sender_state.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 100,
	PING_EVERY_TICKS = 3, /* a ping to a peer whose connection is gone fails at once: so it is noticed */
	ACK_ARENA_BYTES = 4 << 20,
};

void sender_lose_worker(struct sender *sender, uint64_t worker, const char *why)
{
	log_info("edge_worker_gone", KV_TEXT("edge", sender->options.domain), KV_TEXT("why", why));
	lease_worker_gone(sender->book, worker);
}

/* The frame is the callee's from here. 0: on its way; EHOSTUNREACH: nobody is there; EAGAIN: it does not read. */
static int send_to(struct sender *sender, uint64_t worker, zmq_msg_t *frame)
{
	int error = 0;

	if (zmq_send(sender->socket, &worker, SENDER_ROUTING_ID_SIZE, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
		zmq_msg_send(frame, sender->socket, ZMQ_DONTWAIT) < 0) {
		error = zmq_errno();
		zmq_msg_close(frame);
	}
	return error;
}

/* What needs no answer; who is not there is taken off. */
static void tell(struct sender *sender, uint64_t worker, zmq_msg_t *frame)
{
	if (send_to(sender, worker, frame) == EHOSTUNREACH)
		sender_lose_worker(sender, worker, "disconnected");
}

/* Handing out ------------------------------------------------------------------------------------------------- */

static struct id128 next_message_id(struct sender *sender)
{
	struct id128 id = sender->salt;
	uint64_t spread = ++sender->batches * UINT64_C(0x9e3779b97f4a7c15); /* one to one, and good for a hash */

	memcpy(id.octet, &spread, sizeof(spread));
	return id;
}

static bool write_batch(struct sender *sender, const struct lease_batch *batch, zmq_msg_t *frame)
{
	struct wire_batch wire = {sender->options.kind, &batch->message_id, sender->epoch, sender->items, batch->count};

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct parcel *parcel = parcel_of(&batch->items[i]);

		sender->items[i] = (struct wire_item){
			.trace_parent = {parcel->data, parcel->trace_size},
			.body = {parcel->data + parcel->trace_size, parcel->body_size},
			.attempt = batch->items[i].attempt,
		};
	}
	assert(wire_batch_size(&wire) <= WIRE_FRAME_BYTES_MAX);
	if (zmq_msg_init_size(frame, wire_batch_size(&wire)) != 0)
		return false;
	wire_batch_write(&wire, zmq_msg_data(frame));
	return true;
}

static void count_handed_out(struct sender *sender, const struct lease_batch *batch)
{
	uint32_t again = 0;

	for (uint32_t i = 0; i < batch->count; i++)
		again += batch->items[i].attempt > 1;
	metric_add(sender->metrics.batches, 1);
	metric_add(sender->metrics.handed_out, batch->count);
	metric_add(sender->metrics.handed_out_again, again);
}

/* What did not go out is no attempt. A worker that does not read gets nothing before its next READY. */
static void hand_out(struct sender *sender, const struct lease_batch *batch, zmq_msg_t *frame)
{
	int error = send_to(sender, batch->worker, frame);

	if (error == 0) {
		count_handed_out(sender, batch);
		return;
	}
	lease_take_back(sender->book, &batch->message_id);
	if (error == EHOSTUNREACH)
		sender_lose_worker(sender, batch->worker, "disconnected");
}

void sender_flush(struct sender *sender)
{
	int64_t now_ms = clock_monotonic_ms();
	struct lease_batch batch;
	zmq_msg_t frame;

	while (lease_waiting(sender->book) > 0) {
		struct id128 id = next_message_id(sender);

		if (!lease_next(sender->book, &id, now_ms, &batch))
			return;
		if (!write_batch(sender, &batch, &frame)) {
			lease_take_back(sender->book, &id);
			return;
		}
		hand_out(sender, &batch, &frame);
	}
}

static void send_hints(struct sender *sender, const struct wire_batch *hints)
{
	uint32_t workers = lease_worker_list(sender->book, sender->workers, LEASE_WORKERS_MAX);
	zmq_msg_t frame, copy;

	if (workers == 0 || zmq_msg_init_size(&frame, wire_batch_size(hints)) != 0)
		return;
	wire_batch_write(hints, zmq_msg_data(&frame));
	for (uint32_t i = 0; i < workers; i++) {
		zmq_msg_init(&copy);
		zmq_msg_copy(&copy, &frame); /* shares the bytes */
		tell(sender, sender->workers[i], &copy);
	}
	zmq_msg_close(&frame);
}

void sender_broadcast(struct sender *sender, const struct bytes *bodies, size_t count)
{
	struct wire_batch hints = {.kind = sender->options.kind, .epoch = sender->epoch, .items = sender->items};
	size_t bytes = WIRE_HEADER_OVERHEAD;

	for (size_t i = 0; i < count; i++) {
		if (bodies[i].size > WIRE_ITEM_BYTES_MAX) /* a hint may be lost */
			continue;
		if (hints.count == WIRE_ITEMS_MAX ||
			bytes + bodies[i].size + WIRE_ITEM_OVERHEAD > WIRE_FRAME_BYTES_MAX) {
			send_hints(sender, &hints);
			hints.count = 0;
			bytes = WIRE_HEADER_OVERHEAD;
		}
		sender->items[hints.count++] = (struct wire_item){.body = bodies[i], .attempt = 1};
		bytes += bodies[i].size + WIRE_ITEM_OVERHEAD;
	}
	if (hints.count > 0)
		send_hints(sender, &hints);
}

static void ping_workers(struct sender *sender)
{
	Sangkien__Wire__Envelope ping = SANGKIEN__WIRE__ENVELOPE__INIT;
	uint32_t workers = lease_worker_list(sender->book, sender->workers, LEASE_WORKERS_MAX);
	zmq_msg_t frame;

	ping.version = WIRE_VERSION;
	ping.kind = SANGKIEN__WIRE__KIND__KIND_PING;
	for (uint32_t i = 0; i < workers; i++) {
		if (zmq_msg_init_size(&frame, sangkien__wire__envelope__get_packed_size(&ping)) != 0)
			return;
		sangkien__wire__envelope__pack(&ping, zmq_msg_data(&frame));
		tell(sender, sender->workers[i], &frame);
	}
}

void sender_finish_poison(struct sender *sender, struct parcel *parcel, const char *reason)
{
	metric_add(sender->metrics.poison, 1);
	sender->options.on_poison(parcel->tag, reason, sender->options.context);
	free(parcel);
}

void sender_say_room(struct sender *sender)
{
	if (!sender->push_refused || sender_room(sender) == 0)
		return;
	sender->push_refused = false;
	if (sender->options.on_room)
		sender->options.on_room(sender->options.context);
}

static void after_turn(void *context)
{
	struct sender *sender = context;
	struct parcel *parcel;

	while ((parcel = sender->oversized)) {
		sender->oversized = parcel->next;
		sender->oversized_count--;
		sender_finish_poison(sender, parcel, "item_too_large");
	}
	sender_flush(sender);
}

static void show_metrics(struct sender *sender, int64_t now_ms)
{
	uint64_t oldest;
	int64_t oldest_ms = 0;

	if (lease_oldest(sender->book, &oldest))
		oldest_ms = now_ms - ((const struct parcel *)(uintptr_t)oldest)->pushed_ms;
	metric_set(sender->metrics.waiting, lease_waiting(sender->book));
	metric_set(sender->metrics.leased, lease_leased(sender->book));
	metric_set(sender->metrics.depth, sender_held(sender));
	metric_set(sender->metrics.oldest_ms, oldest_ms);
	metric_set(sender->metrics.workers, sender_workers(sender));
}

static void on_tick(void *context)
{
	struct sender *sender = context;
	int64_t now_ms = clock_monotonic_ms();
	struct lease_item item;
	uint64_t silent;

	while (lease_worker_silent(sender->book, now_ms - EDGE_SILENCE_MS, &silent))
		sender_lose_worker(sender, silent, "silent");
	if (++sender->ticks % PING_EVERY_TICKS == 0)
		ping_workers(sender);
	while (lease_expire(sender->book, now_ms, &item))
		sender_finish_poison(sender, parcel_of(&item), "no_worker_finished_it");
	show_metrics(sender, now_ms);
	sender_say_room(sender);
}

/* Opening and closing ----------------------------------------------------------------------------------------- */

static void bound_batches(struct lease_limits *limits)
{
	uint32_t items_max = limits->batch_items_max < WIRE_ITEMS_MAX ? limits->batch_items_max : WIRE_ITEMS_MAX;
	uint32_t bytes_max = WIRE_FRAME_BYTES_MAX - WIRE_HEADER_OVERHEAD;

	limits->batch_items_max = items_max;
	if (limits->batch_bytes_max == 0 || limits->batch_bytes_max > bytes_max)
		limits->batch_bytes_max = bytes_max;
}

static bool open_socket(struct sender *sender)
{
	const struct sender_options *options = &sender->options;

	sender->socket = edge_socket_open(service_zmq(options->service), ZMQ_ROUTER);
	if (sender->socket && zmq_setsockopt(sender->socket, ZMQ_ROUTER_MANDATORY, &(int){1}, sizeof(int)) == 0 &&
		edge_socket_serve(sender->socket, options->keys, options->domain) &&
		zmq_bind(sender->socket, options->endpoint) == 0)
		return true;
	log_error("edge_not_bound", KV_TEXT("edge", options->domain), KV_TEXT("endpoint", options->endpoint),
		KV_TEXT("why", zmq_strerror(zmq_errno())));
	return false;
}

struct sender *sender_open(const struct sender_options *options)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	assert(options->on_done && options->on_poison);
	if (!sender)
		return NULL;
	sender->options = *options;
	sender->salt = random_id();
	bound_batches(&sender->options.limits);
	sender->book = lease_book_new(&sender->options.limits);
	sender->arena = arena_new(ACK_ARENA_BYTES);
	if (!sender->book || !sender->arena || !open_socket(sender)) {
		sender_close(&sender);
		return NULL;
	}
	sender_metrics_init(&sender->metrics, options->service, options->domain);
	service_on_socket(options->service, sender->socket, sender_on_readable, sender);
	service_every(options->service, TICK_MS, on_tick, sender);
	service_after_turn(options->service, after_turn, sender);
	return sender;
}

/* What was not acknowledged is let go without a word: whoever pushed it has it elsewhere. */
static void free_parcels(struct sender *sender)
{
	struct parcel *parcel;
	uint64_t tag;

	while ((parcel = sender->oversized)) {
		sender->oversized = parcel->next;
		free(parcel);
	}
	while (sender->book && lease_drain(sender->book, &tag))
		free((struct parcel *)(uintptr_t)tag);
}

void sender_close(struct sender **pointer)
{
	struct sender *sender = *pointer;

	*pointer = NULL;
	if (!sender)
		return;
	service_forget(sender->options.service, sender);
	edge_socket_close(&sender->socket);
	free_parcels(sender);
	lease_book_free(&sender->book);
	arena_free(&sender->arena);
	free(sender);
}

bool sender_push(struct sender *sender, uint64_t tag, uint32_t route, struct bytes trace_parent, struct bytes body)
{
	bool oversize = body.size > WIRE_ITEM_BYTES_MAX;
	uint32_t trace_size = trace_parent.size == WIRE_TRACE_SIZE ? WIRE_TRACE_SIZE : 0;
	uint32_t body_size = oversize ? 0 : (uint32_t)body.size;
	struct parcel *parcel = sender_room(sender) > 0 ? malloc(sizeof(*parcel) + trace_size + body_size) : NULL;

	if (!parcel) {
		sender->push_refused = true;
		return false;
	}
	*parcel = (struct parcel){.tag = tag, .trace_size = trace_size, .body_size = body_size};
	if (oversize) {
		parcel->next = sender->oversized;
		sender->oversized = parcel;
		sender->oversized_count++;
		return true;
	}
	parcel->pushed_ms = clock_monotonic_ms();
	if (trace_size > 0)
		memcpy(parcel->data, trace_parent.data, trace_size);
	if (body_size > 0)
		memcpy(parcel->data + trace_size, body.data, body_size);
	if (lease_push(sender->book, (uintptr_t)parcel, body_size + WIRE_ITEM_OVERHEAD, route))
		return true;
	free(parcel);
	sender->push_refused = true;
	return false;
}

void sender_set_epoch(struct sender *sender, uint64_t epoch)
{
	sender->epoch = epoch;
}

uint32_t sender_room(const struct sender *sender)
{
	uint32_t room = lease_room(sender->book);

	return room > sender->oversized_count ? room - sender->oversized_count : 0;
}

uint32_t sender_held(const struct sender *sender)
{
	return lease_waiting(sender->book) + lease_leased(sender->book) + sender->oversized_count;
}

uint32_t sender_workers(const struct sender *sender)
{
	return lease_workers(sender->book, LEASE_ROUTE_ANY);
}
