#include "services/notification/deliverer.h"

#include "common/runtime/backoff.h"
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "common/runtime/mailbox.h"
#include "common/runtime/random.h"
#include "services/notification/gateways.h"
#include "services/notification/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WAKES_MAX = 16,
	READY_MS = 1000,
	STATEMENT_MS = 5000,
	BACKLOG_COUNT_MAX = 100000,
	FOLLOW_MS = 500,   /* how soon a changed campaign is seen */
	UNMARKED_MS = 500, /* how soon a mark is tried again */
	KEPT_CONNECTIONS = 32,
};

/* One transfer's place: free, under way, or at its end and not yet marked in the outbox. */
struct slot {
	enum { SLOT_FREE, SLOT_UNDER_WAY, SLOT_ENDED } state;
	struct transfer transfer;
	const struct reference *reference; /* held while it is under way: its channel lives there */
	struct gateway *gateway;
	struct outbox_claim claim;
	struct transfer_outcome outcome;
};

struct deliverer {
	struct deliverer_options options;
	struct pg *pg;
	struct mailbox *wakes;
	uint8_t secret_key[SEALED_KEY_SIZE];
	CURLM *multi;
	struct slot *slots;
	struct gateways gateways;
	struct notice notice;                                         /* the one being made, wiped after */
	int64_t follow_at_ms, backlog_at_ms, mark_at_ms, claim_at_ms; /* the last two: PostgreSQL was away */
	int64_t running;
	pthread_t thread;
	bool has_thread;
	atomic_bool stopping, stopped;
	struct metric *sent, *put_off, *dead, *lost_claims, *due, *overdue_ms, *delay, *under_way;
};

static bool is_stopping(const struct deliverer *deliverer)
{
	return atomic_load(&deliverer->stopping);
}

static bool has_postgresql(struct deliverer *deliverer)
{
	bool ready = pg_ready(deliverer->pg, clock_monotonic_ms() + READY_MS);

	service_condition(deliverer->options.service, "postgresql", ready, "cannot reach PostgreSQL");
	return ready;
}

/* Gateways ----------------------------------------------------------------------------------------------------------
 */

static void show_gateways(struct deliverer *deliverer)
{
	const struct gateway *away = gateways_first_away(&deliverer->gateways);
	char why[2 * GATEWAY_NAME_SIZE + GATEWAY_WHY_SIZE + 4];

	if (away)
		snprintf(why, sizeof(why), "%s/%s: %s", away->campaign_code, away->name, away->why);
	service_condition(deliverer->options.service, "gateways", !away, away ? why : "");
}

/* While we stop a transfer that was cut short says nothing about its gateway. */
static void note_gateway(struct deliverer *deliverer, struct gateway *gateway, const struct transfer_outcome *outcome)
{
	int64_t now = clock_monotonic_ms();

	if (outcome->result != CHANNEL_AWAY) {
		gateway_back(gateway);
		if (outcome->is_for_all)
			gateway_pause(gateway, now + outcome->retry_after_ms);
	} else if (!is_stopping(deliverer)) {
		gateway_away(gateway, outcome->why, now, random_u32());
	}
	show_gateways(deliverer);
}

static void follow_campaigns(struct deliverer *deliverer)
{
	const struct reference *reference = reference_acquire(deliverer->options.references);

	if (reference && !gateways_follow(&deliverer->gateways, reference, clock_now_us()))
		log_error("no_memory", KV_TEXT("for", "gateways"));
	if (reference)
		reference_release(deliverer->options.references, &reference);
	show_gateways(deliverer);
}

/* Ends --------------------------------------------------------------------------------------------------------------
 */

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
			slot->outcome.why, &ours, clock_monotonic_ms() + STATEMENT_MS);

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

/* Marks what is at its end; false: some are left, because PostgreSQL is away. Who stops waits no longer: that will be
 * sent again under the same id when its claim has run out. */
static bool mark_all(struct deliverer *deliverer)
{
	bool all = true, ready = true;

	for (uint32_t i = 0; i < deliverer->options.transfers; i++) {
		struct slot *slot = &deliverer->slots[i];
		if (slot->state != SLOT_ENDED)
			continue;
		ready = ready && has_postgresql(deliverer) && mark(deliverer, slot);
		if (ready || is_stopping(deliverer))
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
	note_gateway(deliverer, slot->gateway, &slot->outcome);
	if (slot->outcome.result == CHANNEL_SENT)
		failpoint("notification-after-send");
}

static void move_transfers(struct deliverer *deliverer)
{
	int running, left;

	curl_multi_perform(deliverer->multi, &running);
	for (CURLMsg *message; (message = curl_multi_info_read(deliverer->multi, &left)) != NULL;)
		if (message->msg == CURLMSG_DONE)
			take_end(deliverer, message->easy_handle, message->data.result);
}

/* Beginnings --------------------------------------------------------------------------------------------------------
 */

static struct slot *find_free(const struct deliverer *deliverer)
{
	for (uint32_t i = 0; i < deliverer->options.transfers; i++)
		if (deliverer->slots[i].state == SLOT_FREE)
			return &deliverer->slots[i];
	return NULL;
}

static uint32_t count_free(const struct deliverer *deliverer)
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
		note_gateway(deliverer, gateway, &slot->outcome);
}

/* False: PostgreSQL is away. */
static bool claim(struct deliverer *deliverer, struct gateway *gateway, uint32_t most)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct outbox_row row;

	if (!has_postgresql(deliverer) ||
		outbox_claim(deliverer->pg, gateway->campaign, gateway->name, most, deliverer->options.claim_ms, &rows,
			clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return false;
	for (int i = 0; i < PQntuples(rows); i++) {
		outbox_read(rows, i, &row);
		begin(deliverer, gateway, &row);
	}
	if ((uint32_t)PQntuples(rows) < most)
		gateway->look_at_ms = clock_monotonic_ms() + deliverer->options.poll_ms;
	return true;
}

/* Each gateway in turn, so that a slow one takes no more than its share. False: PostgreSQL is away. */
static bool claim_all(struct deliverer *deliverer)
{
	for (size_t i = 0; i < deliverer->gateways.count; i++) {
		struct gateway *gateway = deliverer->gateways.rows[i];
		uint32_t room = gateway_room(gateway, deliverer->options.transfers_a_gateway, clock_monotonic_ms());
		uint32_t left = count_free(deliverer);

		room = room < left ? room : left;
		if (room > 0 && !claim(deliverer, gateway, room))
			return false;
	}
	return true;
}

/* Rounds ------------------------------------------------------------------------------------------------------------
 */

static void show_backlog(struct deliverer *deliverer)
{
	int64_t due, overdue_ms;

	if (!has_postgresql(deliverer) || outbox_backlog(deliverer->pg, BACKLOG_COUNT_MAX, &due, &overdue_ms,
						  clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return;
	metric_set(deliverer->due, due);
	metric_set(deliverer->overdue_ms, overdue_ms);
}

/* When something can be begun: at once, when PostgreSQL is asked again, when a gateway's time has come. */
static int64_t begin_at(const struct deliverer *deliverer, int64_t now)
{
	int64_t until = INT64_MAX;

	for (size_t i = 0; i < deliverer->gateways.count; i++) {
		const struct gateway *gateway = deliverer->gateways.rows[i];
		int64_t at = gateway->try_at_ms > gateway->look_at_ms ? gateway->try_at_ms : gateway->look_at_ms;
		if (at <= now && gateway_room(gateway, deliverer->options.transfers_a_gateway, now) == 0)
			continue; /* it has enough under way, or is to be left alone */
		until = at < until ? at : until;
	}
	return until > deliverer->claim_at_ms ? until : deliverer->claim_at_ms;
}

/* When there is something to do without an event of a socket. */
static int wait_ms(const struct deliverer *deliverer)
{
	int64_t now = clock_monotonic_ms(), until = deliverer->follow_at_ms, begin;

	if (deliverer->mark_at_ms > 0 && deliverer->mark_at_ms < until)
		until = deliverer->mark_at_ms;
	if (!is_stopping(deliverer) && count_free(deliverer) > 0) {
		begin = begin_at(deliverer, now);
		until = begin < until ? begin : until;
	}
	if (is_stopping(deliverer) && until < now)
		until = now + UNMARKED_MS; /* a transfer's end wakes us before */
	return until > now ? (int)(until - now) : 0;
}

static void wait_for_events(struct deliverer *deliverer)
{
	struct curl_waitfd wakes = {.fd = mailbox_fd(deliverer->wakes), .events = CURL_WAIT_POLLIN};
	void *letters[WAKES_MAX];

	curl_multi_poll(deliverer->multi, &wakes, 1, wait_ms(deliverer), NULL);
	if (mailbox_take(deliverer->wakes, letters, WAKES_MAX) > 0)
		gateways_wake(&deliverer->gateways);
}

static bool is_idle(const struct deliverer *deliverer)
{
	return count_free(deliverer) == deliverer->options.transfers;
}

static void look_around(struct deliverer *deliverer)
{
	int64_t now = clock_monotonic_ms();

	if (now >= deliverer->follow_at_ms) {
		follow_campaigns(deliverer);
		deliverer->follow_at_ms = now + FOLLOW_MS;
	}
	if (now >= deliverer->backlog_at_ms) {
		show_backlog(deliverer);
		deliverer->backlog_at_ms = now + deliverer->options.poll_ms;
	}
}

static void *deliver_all(void *context)
{
	struct deliverer *deliverer = context;

	while (!is_stopping(deliverer) || !is_idle(deliverer)) {
		int64_t now = clock_monotonic_ms();

		if (!is_stopping(deliverer))
			look_around(deliverer);
		if (!is_stopping(deliverer) && now >= deliverer->claim_at_ms)
			deliverer->claim_at_ms = claim_all(deliverer) ? 0 : now + UNMARKED_MS;
		move_transfers(deliverer);
		if (now >= deliverer->mark_at_ms)
			deliverer->mark_at_ms = mark_all(deliverer) ? 0 : now + UNMARKED_MS;
		if (!is_stopping(deliverer) || !is_idle(deliverer))
			wait_for_events(deliverer);
	}
	atomic_store(&deliverer->stopped, true);
	return NULL;
}

/* Opening and closing -----------------------------------------------------------------------------------------------
 */

static bool read_secret(struct deliverer *deliverer)
{
	const char *path = deliverer->options.sealing_secret_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, deliverer->secret_key, sizeof(deliverer->secret_key));

	if (size != sizeof(deliverer->secret_key))
		log_error("sealing_secret_not_readable", KV_TEXT("file", path),
			KV_TEXT("why", fd < 0 ? strerror(errno) : "not 32 bytes"));
	if (fd >= 0)
		close(fd);
	return size == sizeof(deliverer->secret_key);
}

static void open_metrics(struct deliverer *deliverer)
{
	struct metrics *metrics = service_metrics(deliverer->options.service);

	deliverer->sent =
		metrics_counter(metrics, "sangkien_notification_sent_total", NULL, "notices a gateway has taken");
	deliverer->put_off = metrics_counter(
		metrics, "sangkien_notification_put_off_total", NULL, "attempts that will be made again");
	deliverer->dead = metrics_counter(
		metrics, "sangkien_notification_dead_total", NULL, "notices given up: state 2 in outbox");
	deliverer->lost_claims = metrics_counter(metrics, "sangkien_notification_lost_claims_total", NULL,
		"claims that ran out before their end was marked");
	deliverer->due = metrics_gauge(metrics, "sangkien_notification_due_items", NULL, "notices not yet sent");
	deliverer->overdue_ms = metrics_gauge(
		metrics, "sangkien_notification_overdue_ms", NULL, "how long the first of them has been due");
	deliverer->delay = metrics_histogram(
		metrics, "sangkien_notification_delay_seconds", NULL, "from the event to the gateway");
	deliverer->under_way =
		metrics_gauge(metrics, "sangkien_notification_transfers_items", NULL, "notices under way to a gateway");
}

static bool open_slots(struct deliverer *deliverer)
{
	uint32_t count = deliverer->options.transfers;

	deliverer->slots = calloc(count, sizeof(*deliverer->slots));
	for (uint32_t i = 0; deliverer->slots && i < count; i++)
		if (!transfer_init(&deliverer->slots[i].transfer))
			return false;
	return deliverer->slots;
}

static bool open_parts(struct deliverer *deliverer)
{
	deliverer->pg = pg_open(deliverer->options.conninfo, "notification");
	deliverer->wakes = mailbox_new(WAKES_MAX);
	deliverer->multi = curl_multi_init();
	if (!deliverer->pg || !deliverer->wakes || !deliverer->multi || !open_slots(deliverer) ||
		!notice_init(&deliverer->notice))
		return false;
	curl_multi_setopt(deliverer->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	curl_multi_setopt(deliverer->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)deliverer->options.transfers);
	return read_secret(deliverer);
}

struct deliverer *deliverer_open(const struct deliverer_options *options)
{
	struct deliverer *deliverer = calloc(1, sizeof(*deliverer));

	if (!deliverer)
		return NULL;
	deliverer->options = *options;
	open_metrics(deliverer);
	if (!open_parts(deliverer)) {
		deliverer_close(&deliverer);
		return NULL;
	}
	service_condition(options->service, "postgresql", false, "not connected yet");
	deliverer->has_thread = pthread_create(&deliverer->thread, NULL, deliver_all, deliverer) == 0;
	if (!deliverer->has_thread)
		deliverer_close(&deliverer);
	return deliverer;
}

void deliverer_wake(struct deliverer *deliverer)
{
	(void)!mailbox_push(deliverer->wakes, deliverer); /* full: it will look anyway */
}

void deliverer_stop(struct deliverer *deliverer)
{
	atomic_store(&deliverer->stopping, true);
	deliverer_wake(deliverer);
}

bool deliverer_stopped(const struct deliverer *deliverer)
{
	return atomic_load(&deliverer->stopped);
}

void deliverer_close(struct deliverer **pointer)
{
	struct deliverer *deliverer = *pointer;

	*pointer = NULL;
	if (!deliverer)
		return;
	if (deliverer->has_thread) {
		deliverer_stop(deliverer);
		pthread_join(deliverer->thread, NULL);
	}
	for (uint32_t i = 0; deliverer->slots && i < deliverer->options.transfers; i++)
		transfer_deinit(&deliverer->slots[i].transfer);
	free(deliverer->slots);
	if (deliverer->multi)
		curl_multi_cleanup(deliverer->multi);
	gateways_free(&deliverer->gateways);
	notice_deinit(&deliverer->notice);
	if (deliverer->pg)
		pg_close(&deliverer->pg);
	if (deliverer->wakes)
		mailbox_free(&deliverer->wakes);
	sodium_memzero(deliverer->secret_key, sizeof(deliverer->secret_key));
	free(deliverer);
}
