#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/intake/dispatch_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LETTERS_TURN = 1024,
	ERRANDS_MAX = 1024,
	SEND_LEASE_MS = 30000,
	/* Hand-outs that end without a word; generous, since a stage behind that stands still for minutes looks the
	   same. */
	SEND_ATTEMPTS_MAX = 20,
	BACKLOG_IDS = 1 << 18, /* 4 MiB */
	SEND_BYTES_MAX = 128 << 20,
	BATCH_ITEMS = 256,
	BATCH_BYTES = 512 * 1024,
	DECISIONS_CREDIT = 64,
	LOOK_EVERY_MS = 1000,
	AGAIN_EVERY_MS = 200,
	GREET_EVERY_MS = 50,
};

/* What comes in from other threads. */
struct slip {
	bool settled; /* else a parcel */
	union {
		struct parcel *parcel;
		struct errand *ids; /* whose `ids` need nothing any more */
	};
};

struct parcel *parcel_new(const struct submission *submission, const char *trace_parent)
{
	struct buffer body = {0};
	submission_pack(submission, &body);
	struct parcel *parcel = body.failed ? NULL : malloc(sizeof(*parcel) + body.size);
	if (parcel != NULL) {
		uint8_t *copy = (uint8_t *)(parcel + 1);
		memcpy(copy, body.data, body.size);
		*parcel = (struct parcel){.id = submission->id, .body = {copy, body.size}};
		snprintf(parcel->trace_parent, sizeof(parcel->trace_parent), "%s", trace_parent);
	}
	buffer_deinit(&body);
	return parcel;
}

/* The edge -------------------------------------------------------------------------------------------------------- */

static struct window_entry *entry_of(uint64_t tag)
{
	return (struct window_entry *)(uintptr_t)tag;
}

void dispatch_publish(struct dispatch *dispatch)
{
	size_t count = window_count(dispatch->window);
	atomic_store(&dispatch->count, count);
	metric_set(dispatch->options.metrics->window, (int64_t)count);
}

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	struct dispatch *dispatch = context;
	struct window_entry *entry = entry_of(tag);
	(void)result;
	pthread_mutex_lock(&dispatch->lock);
	if (entry->again && !entry->decided)
		errand_note_again(dispatch, &entry->id);
	window_release(dispatch->window, entry, clock_monotonic_ms());
	pthread_mutex_unlock(&dispatch->lock);
}

/* Its place stays taken until the quarantine is durable (law 9). */
static void on_poison(uint64_t tag, const char *reason, void *context)
{
	struct dispatch *dispatch = context;
	struct window_entry *entry = entry_of(tag);
	struct errand *errand = errand_new(ERRAND_QUARANTINE);
	log_error("poison", KV_ID("submission", &entry->id), KV_TEXT("reason", reason));
	if (errand != NULL) {
		errand->ids[errand->count++] = entry->id;
		snprintf(errand->reason, sizeof(errand->reason), "%s", reason);
	}
	bool sent = errand_send(dispatch, errand);
	pthread_mutex_lock(&dispatch->lock);
	/* Where nobody could be sent it is stale after a lease, goes out once more and comes back here. */
	entry->poison = sent;
	window_release(dispatch->window, entry, clock_monotonic_ms());
	pthread_mutex_unlock(&dispatch->lock);
}

/* Lets the place go: what it was for waits in PostgreSQL. */
static void give_up(struct dispatch *dispatch, struct window_entry *entry)
{
	pthread_mutex_lock(&dispatch->lock);
	window_decide(dispatch->window, entry);
	window_release(dispatch->window, entry, clock_monotonic_ms());
	dispatch_publish(dispatch);
	pthread_mutex_unlock(&dispatch->lock);
}

static void send_parcel(struct dispatch *dispatch, const struct parcel *parcel)
{
	struct window_entry *entry = parcel->entry;
	metric_add(parcel->swept ? dispatch->options.metrics->swept : dispatch->options.metrics->dispatched, 1);
	if (!sender_push(dispatch->sender, (uintptr_t)entry, 0,
		    (struct bytes){(const uint8_t *)parcel->trace_parent, strlen(parcel->trace_parent)}, parcel->body))
		give_up(dispatch, entry);
}

static void settle(struct dispatch *dispatch, const struct id128 *id)
{
	struct window_entry *entry = window_find(dispatch->window, id);
	if (entry != NULL)
		window_decide(dispatch->window, entry);
}

static void take_slip(struct dispatch *dispatch, struct slip *slip)
{
	if (slip->settled) {
		pthread_mutex_lock(&dispatch->lock);
		for (size_t i = 0; i < slip->ids->count; i++)
			settle(dispatch, &slip->ids->ids[i]);
		dispatch_publish(dispatch);
		pthread_mutex_unlock(&dispatch->lock);
		free(slip->ids);
	} else {
		send_parcel(dispatch, slip->parcel);
		free(slip->parcel);
	}
	free(slip);
}

static void on_inbox(void *context)
{
	struct dispatch *dispatch = context;
	void *slips[LETTERS_TURN];
	size_t count = mailbox_take(dispatch->inbox, slips, LETTERS_TURN);
	for (size_t i = 0; i < count; i++)
		take_slip(dispatch, slips[i]);
}

/* Any thread ------------------------------------------------------------------------------------------------------ */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t room(struct dispatch *dispatch, size_t kept)
{
	size_t taken = atomic_load(&dispatch->count) + kept;
	return taken < dispatch->options.window ? dispatch->options.window - taken : 0;
}

size_t dispatch_room(struct dispatch *dispatch)
{
	return room(dispatch, 0);
}

void dispatch_reserve(struct dispatch *dispatch, size_t places)
{
	atomic_store(&dispatch->reserved, places);
}

/* What has waited goes before what has just come, but does not shut it out. */
static size_t kept_from_fresh(struct dispatch *dispatch)
{
	return least(atomic_load(&dispatch->reserved) + atomic_load(&dispatch->waiting), dispatch->options.window / 2);
}

static bool put_slip(struct dispatch *dispatch, struct slip slip)
{
	struct slip *copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return false;
	*copy = slip;
	if (mailbox_push(dispatch->inbox, copy))
		return true;
	free(copy);
	return false;
}

/* Its place in the window, held from now on; NULL: there is none, or (`there`) it needs none. */
static struct window_entry *enter(struct dispatch *dispatch, const struct parcel *parcel, bool *there)
{
	int64_t now_ms = clock_monotonic_ms();
	struct window_entry *entry = window_find(dispatch->window, &parcel->id);
	*there = entry != NULL;
	if (entry == NULL)
		return window_enter(dispatch->window, &parcel->id, now_ms);
	if (!parcel->again || entry->held || entry->decided)
		return NULL;
	window_send_again(dispatch->window, entry, now_ms);
	metric_add(dispatch->options.metrics->redispatched, 1);
	return entry;
}

bool dispatch_offer(struct dispatch *dispatch, struct parcel *parcel)
{
	bool fresh = !parcel->swept && !parcel->again, there;
	if (!parcel->again && room(dispatch, fresh ? kept_from_fresh(dispatch) : 0) == 0)
		return false;
	pthread_mutex_lock(&dispatch->lock);
	struct window_entry *entry = parcel->entry = enter(dispatch, parcel, &there);
	dispatch_publish(dispatch);
	pthread_mutex_unlock(&dispatch->lock);
	if (entry == NULL && there)
		free(parcel);
	if (entry == NULL)
		return there;
	if (put_slip(dispatch, (struct slip){.parcel = parcel}))
		return true;
	give_up(dispatch, entry);
	return false;
}

void dispatch_put_off(struct dispatch *dispatch, const struct id128 *id)
{
	pthread_mutex_lock(&dispatch->lock);
	if (backlog_add(dispatch->backlog, id))
		atomic_fetch_add(&dispatch->waiting, 1);
	pthread_mutex_unlock(&dispatch->lock);
}

size_t dispatch_backlog(struct dispatch *dispatch)
{
	return atomic_load(&dispatch->waiting);
}

size_t dispatch_backlog_take(struct dispatch *dispatch, struct id128 *ids, size_t most)
{
	pthread_mutex_lock(&dispatch->lock);
	size_t count = backlog_take(dispatch->backlog, ids, most);
	atomic_fetch_sub(&dispatch->waiting, count);
	pthread_mutex_unlock(&dispatch->lock);
	return count;
}

size_t dispatch_missing(struct dispatch *dispatch, struct id128 *ids, size_t count)
{
	size_t missing = 0;
	pthread_mutex_lock(&dispatch->lock);
	for (size_t i = 0; i < count; i++) {
		if (window_find(dispatch->window, &ids[i]) == NULL)
			ids[missing++] = ids[i];
	}
	pthread_mutex_unlock(&dispatch->lock);
	return missing;
}

void dispatch_settle(struct dispatch *dispatch, const struct id128 *ids, size_t count)
{
	struct errand *copy = errand_new(ERRAND_LOOK);
	assert(count <= ERRAND_IDS_MAX);
	if (copy == NULL)
		return; /* asked for again after another lease */
	memcpy(copy->ids, ids, count * sizeof(*ids));
	copy->count = count;
	if (!put_slip(dispatch, (struct slip){.settled = true, .ids = copy}))
		free(copy);
}

bool dispatch_is_handed_on(const struct dispatch *dispatch)
{
	return mailbox_count(dispatch->inbox) == 0 && sender_held(dispatch->sender) == 0;
}

struct mailbox *dispatch_errands(struct dispatch *dispatch)
{
	return dispatch->errands;
}

/* Once at the start: receipts need no quota, and one that goes away later makes nothing unready. */
static void greet(void *context)
{
	struct dispatch *dispatch = context;
	if (dispatch->greeting_until_ms == 0 ||
		(receiver_upstreams(dispatch->receiver) == 0 && clock_monotonic_ms() < dispatch->greeting_until_ms))
		return;
	dispatch->greeting_until_ms = 0;
	service_condition(dispatch->options.service, "decisions", true, NULL);
}

/* Opening and closing --------------------------------------------------------------------------------------------- */

static bool open_edges(struct dispatch *dispatch)
{
	const struct dispatch_options *options = &dispatch->options;
	dispatch->sender = sender_open(&(struct sender_options){
		.service = options->service,
		.endpoint = options->endpoint,
		.domain = "intake",
		.keys = options->keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_SUBMISSION_RECEIVED,
		.limits = {.items_max = options->window * 2,
			.batch_items_max = BATCH_ITEMS,
			.batch_bytes_max = BATCH_BYTES,
			.lease_ms = SEND_LEASE_MS,
			.attempts_max = SEND_ATTEMPTS_MAX,
			.bytes_max = SEND_BYTES_MAX},
		.on_done = on_done,
		.on_poison = on_poison,
		.context = dispatch,
	});
	if (dispatch->sender == NULL)
		return false;
	dispatch->receiver = receiver_open(&(struct receiver_options){
		.service = options->service,
		.upstream = options->decisions,
		.keys = options->keys,
		.upstream_public_key = options->quota_public_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_DECISION_REACHED,
		.credit = DECISIONS_CREDIT,
		.on_batch = on_decision_reached,
		.context = dispatch,
	});
	return dispatch->receiver != NULL;
}

struct dispatch *dispatch_open(const struct dispatch_options *options)
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	if (dispatch == NULL)
		return NULL;
	dispatch->options = *options;
	pthread_mutex_init(&dispatch->lock, NULL);
	dispatch->window = window_new(options->window);
	dispatch->backlog = backlog_new(BACKLOG_IDS);
	/* Settled ids come in lists: there is always room beside the parcels. */
	dispatch->inbox = mailbox_new((size_t)options->window * 2 + ERRANDS_MAX);
	dispatch->errands = mailbox_new(ERRANDS_MAX);
	if (dispatch->window == NULL || dispatch->backlog == NULL || dispatch->inbox == NULL ||
		dispatch->errands == NULL || !open_edges(dispatch)) {
		dispatch_close(&dispatch);
		return NULL;
	}
	service_on_fd(options->service, mailbox_fd(dispatch->inbox), on_inbox, dispatch);
	service_every(options->service, LOOK_EVERY_MS, errands_look, dispatch);
	service_every(options->service, AGAIN_EVERY_MS, errands_again, dispatch);
	dispatch->greeting_until_ms = clock_monotonic_ms() + options->greeting_ms;
	service_condition(options->service, "decisions", false, "no quota is connected yet");
	service_every(options->service, GREET_EVERY_MS, greet, dispatch);
	return dispatch;
}

static void empty_inbox(struct dispatch *dispatch)
{
	void *letter;
	while (dispatch->inbox != NULL && mailbox_take(dispatch->inbox, &letter, 1) == 1) {
		struct slip *slip = letter;
		free(slip->settled ? (void *)slip->ids : (void *)slip->parcel);
		free(slip);
	}
	while (dispatch->errands != NULL && mailbox_take(dispatch->errands, &letter, 1) == 1)
		free(letter);
}

void dispatch_close(struct dispatch **handle)
{
	struct dispatch *dispatch = *handle;
	*handle = NULL;
	if (dispatch == NULL)
		return;
	service_forget(dispatch->options.service, dispatch);
	receiver_close(&dispatch->receiver);
	sender_close(&dispatch->sender);
	empty_inbox(dispatch);
	mailbox_free(&dispatch->inbox);
	mailbox_free(&dispatch->errands);
	window_free(&dispatch->window);
	backlog_free(&dispatch->backlog);
	free(dispatch->again);
	pthread_mutex_destroy(&dispatch->lock);
	free(dispatch);
}
