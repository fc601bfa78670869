#include "services/notification/deliverer.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/notification/deliverer_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WAKES_MAX = 16,
	READY_MS = 1000,
	BACKLOG_COUNT_MAX = 100000,
	FOLLOW_MS = 500,   /* how soon a changed campaign is seen */
	UNMARKED_MS = 500, /* how soon a mark is tried again */
	KEPT_CONNECTIONS = 32,
};

bool deliverer_has_postgresql(struct deliverer *deliverer)
{
	bool ready = pg_ready(deliverer->pg, clock_monotonic_ms() + READY_MS);

	service_condition(deliverer->options.service, "postgresql", ready, "cannot reach PostgreSQL");
	return ready;
}

void deliverer_show_gateways(struct deliverer *deliverer)
{
	const struct gateway *away = gateways_first_away(&deliverer->gateways);
	char why[2 * GATEWAY_NAME_SIZE + GATEWAY_WHY_SIZE + 4];

	if (away)
		snprintf(why, sizeof(why), "%s/%s: %s", away->campaign_code, away->name, away->why);
	service_condition(deliverer->options.service, "gateways", !away, away ? why : "");
}

static void follow_campaigns(struct deliverer *deliverer)
{
	const struct reference *reference = reference_acquire(deliverer->options.references);

	if (reference && !gateways_follow(&deliverer->gateways, reference, clock_now_us()))
		log_error("no_memory", KV_TEXT("for", "gateways"));
	if (reference)
		reference_release(deliverer->options.references, &reference);
	deliverer_show_gateways(deliverer);
}

/* Rounds -------------------------------------------------------------------------------------------------------- */

static void show_backlog(struct deliverer *deliverer)
{
	int64_t due, overdue_ms;

	if (!deliverer_has_postgresql(deliverer) || outbox_backlog(deliverer->pg, BACKLOG_COUNT_MAX, &due, &overdue_ms,
							    clock_monotonic_ms() + DELIVERER_STATEMENT_MS) != PG_OK)
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
	if (!deliverer_stops(deliverer) && deliverer_room(deliverer) > 0) {
		begin = begin_at(deliverer, now);
		until = begin < until ? begin : until;
	}
	if (deliverer_stops(deliverer) && until < now)
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
	return deliverer_room(deliverer) == deliverer->options.transfers;
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

	while (!deliverer_stops(deliverer) || !is_idle(deliverer)) {
		int64_t now = clock_monotonic_ms();

		if (!deliverer_stops(deliverer))
			look_around(deliverer);
		if (!deliverer_stops(deliverer) && now >= deliverer->claim_at_ms)
			deliverer->claim_at_ms = deliverer_claim_all(deliverer) ? 0 : now + UNMARKED_MS;
		deliverer_move_transfers(deliverer);
		if (now >= deliverer->mark_at_ms)
			deliverer->mark_at_ms = deliverer_mark_all(deliverer) ? 0 : now + UNMARKED_MS;
		if (!deliverer_stops(deliverer) || !is_idle(deliverer))
			wait_for_events(deliverer);
	}
	atomic_store(&deliverer->stopped, true);
	return NULL;
}

/* Opening and closing ------------------------------------------------------------------------------------------- */

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
