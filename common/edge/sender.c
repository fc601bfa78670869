#include "common/edge/sender.h"

#include "common/edge/sender_metrics.h"
#include "common/edge/socket.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 100,
	PING_EVERY_TICKS = 3, /* a ping to a peer whose connection is gone fails at once: so it is noticed */
	FRAMES_A_TURN_MAX = 256,
	ACK_ARENA_BYTES = 4 << 20,
	RETURN_LEAST_MS = 50,
	RETURN_MOST_MS = 5000,
	ROUTING_ID_SIZE = 5, /* as ROUTER makes them: a zero octet and a number */
	REASON_BYTES_MAX = 200,
};

/* One item's memory; its address is the tag in the lease book. */
struct parcel {
	uint64_t tag;
	int64_t pushed_ms;
	struct parcel *next; /* among the oversized */
	uint32_t trace_size, body_size;
	uint8_t data[]; /* trace, body */
};

struct sender {
	struct sender_options options;
	void *socket;
	struct lease_book *book;
	struct arena *arena; /* of the acknowledgement being read */
	struct sender_metrics metrics;
	struct edge_complaints complaints;
	uint64_t epoch, batches;
	struct id128 salt; /* of message ids */
	struct parcel *oversized;
	uint32_t oversized_count, ticks;
	bool push_refused;
	struct wire_item items[WIRE_ITEMS_MAX];                      /* of the frame being written */
	const Sangkien__Wire__Rejection *rejections[WIRE_ITEMS_MAX]; /* of the acknowledgement being read */
	uint64_t workers[LEASE_WORKERS_MAX];
};

static struct parcel *parcel_of(const struct lease_item *item)
{
	return (struct parcel *)(uintptr_t)item->tag;
}

/* Workers: their number is the routing id that ROUTER gave the connection, so it is bound to the key ZAP admitted ---
 */

static bool worker_number(zmq_msg_t *routing_id, uint64_t *number)
{
	const uint8_t *octets = zmq_msg_data(routing_id);

	/* Others chose their id themselves. */
	if (zmq_msg_size(routing_id) != ROUTING_ID_SIZE || octets[0] != 0)
		return false;
	*number = 0;
	memcpy(number, octets, ROUTING_ID_SIZE);
	return true;
}

static void lose_worker(struct sender *sender, uint64_t worker, const char *why)
{
	log_info("edge_worker_gone", KV_TEXT("edge", sender->options.domain), KV_TEXT("why", why));
	lease_worker_gone(sender->book, worker);
}

/* The frame is the callee's from here. False: it did not go out; a worker that is not there is taken off. */
static bool send_to(struct sender *sender, uint64_t worker, zmq_msg_t *frame)
{
	if (zmq_send(sender->socket, &worker, ROUTING_ID_SIZE, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
		zmq_msg_send(frame, sender->socket, ZMQ_DONTWAIT) < 0) {
		int error = zmq_errno();

		zmq_msg_close(frame);
		if (error == EHOSTUNREACH)
			lose_worker(sender, worker, "disconnected");
		return false;
	}
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
		lose_worker(sender, twin, "connected again");
	if (ready->instance.len > 0)
		memcpy(instance, ready->instance.data, ready->instance.len);
	log_info("edge_worker_joined", KV_TEXT("edge", sender->options.domain), KV_TEXT("service", user ? user : ""),
		KV_TEXT("worker", instance), KV_U64("credit", ready->credit), KV_U64("route", ready->route));
}

/* Handing out -------------------------------------------------------------------------------------------------------
 */

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
		/* EAGAIN: it does not read; its next READY says that it does. */
		if (send_to(sender, batch.worker, &frame))
			count_handed_out(sender, &batch);
		else
			lease_take_back(sender->book, &id);
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
		(void)!send_to(sender, sender->workers[i], &copy);
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
		(void)!send_to(sender, sender->workers[i], &frame);
	}
}

/* Letting go --------------------------------------------------------------------------------------------------------
 */

static void finish_poison(struct sender *sender, struct parcel *parcel, const char *reason)
{
	metric_add(sender->metrics.poison, 1);
	sender->options.on_poison(parcel->tag, reason, sender->options.context);
	free(parcel);
}

static void finish_rejected(struct sender *sender, struct parcel *parcel, const Sangkien__Wire__Rejection *rejection)
{
	char reason[REASON_BYTES_MAX + 1] = "refused";
	size_t size = rejection->reason.len < REASON_BYTES_MAX ? rejection->reason.len : REASON_BYTES_MAX;

	if (size > 0) {
		memcpy(reason, rejection->reason.data, size);
		reason[size] = '\0';
	}
	finish_poison(sender, parcel, reason);
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

/* The loop ----------------------------------------------------------------------------------------------------------
 */

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
		lose_worker(sender, worker, "goodbye");
		break;
	default:
		drop_frame(sender, "unexpected_kind");
	}
}

static void say_room(struct sender *sender)
{
	if (!sender->push_refused || sender_room(sender) == 0)
		return;
	sender->push_refused = false;
	if (sender->options.on_room)
		sender->options.on_room(sender->options.context);
}

static void on_readable(void *context)
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
	say_room(sender);
}

static void after_turn(void *context)
{
	struct sender *sender = context;
	struct parcel *parcel;

	while ((parcel = sender->oversized)) {
		sender->oversized = parcel->next;
		sender->oversized_count--;
		finish_poison(sender, parcel, "item_too_large");
	}
	sender_flush(sender);
}

static void show_metrics(struct sender *sender, int64_t now_ms)
{
	uint64_t oldest;
	int64_t waiting_ms = 0;

	if (lease_oldest(sender->book, &oldest))
		waiting_ms = now_ms - ((const struct parcel *)(uintptr_t)oldest)->pushed_ms;
	metric_set(sender->metrics.waiting, lease_waiting(sender->book));
	metric_set(sender->metrics.leased, lease_leased(sender->book));
	metric_set(sender->metrics.oldest_waiting_ms, waiting_ms);
	metric_set(sender->metrics.workers, sender_workers(sender));
}

static void on_tick(void *context)
{
	struct sender *sender = context;
	int64_t now_ms = clock_monotonic_ms();
	struct lease_item item;
	uint64_t silent;

	while (lease_worker_silent(sender->book, now_ms - EDGE_SILENCE_MS, &silent))
		lose_worker(sender, silent, "silent");
	if (++sender->ticks % PING_EVERY_TICKS == 0)
		ping_workers(sender);
	while (lease_expire(sender->book, now_ms, &item))
		finish_poison(sender, parcel_of(&item), "no_worker_finished_it");
	show_metrics(sender, now_ms);
	say_room(sender);
}

/* Opening and closing -----------------------------------------------------------------------------------------------
 */

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
	service_on_socket(options->service, sender->socket, on_readable, sender);
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
