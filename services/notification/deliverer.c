#include "services/notification/deliverer.h"

#include "common/runtime/backoff.h"
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "common/runtime/mailbox.h"
#include "common/runtime/random.h"
#include "services/notification/outbox.h"
#include "services/notification/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WAKES_MAX = 16,
	READY_MS = 1000,
	STATEMENT_MS = 5000,
	BACKLOG_COUNT_MAX = 100000,
	AWAY_LEAST_MS = 500,
	AWAY_MOST_MS = 30000,
};

struct deliverer {
	struct deliverer_options options;
	struct pg *pg;
	struct channel_smtp *channel;
	struct mailbox *wakes;
	uint8_t secret_key[SEALED_KEY_SIZE];
	struct buffer plain, mail; /* of the notice being sent, wiped after it */
	struct backoff away;       /* the server is: how long until it is tried again */
	int64_t try_at_ms;
	pthread_t thread;
	bool has_thread;
	atomic_bool stopping, stopped;
	struct metric *sent, *put_off, *dead, *lost_claims, *due, *overdue_ms, *delay;
};

static bool is_stopping(const struct deliverer *deliverer)
{
	return atomic_load(&deliverer->stopping);
}

/* One notice --------------------------------------------------------------------------------------------------------
 */

static void wipe(struct deliverer *deliverer)
{
	sealed_forget(&deliverer->plain);
	sealed_forget(&deliverer->mail);
}

/* Writes the mail; NULL, or a word why there is none to write. */
static const char *write_mail(
	struct deliverer *deliverer, const struct outbox_row *row, char recipient[SMTP_ADDRESS_SIZE])
{
	const struct reference *reference = reference_acquire(deliverer->options.references);
	const struct reference_campaign *campaign = reference ? reference_by_id(reference, row->campaign) : NULL;
	struct personal personal;
	const char *fault = NULL;

	if (!row->is_told)
		fault = "its decision is not there";
	else if (!sealed_open(deliverer->secret_key, &row->submission, row->sealed, &deliverer->plain, &personal))
		fault = "its personal data cannot be opened";
	else if (!channel_smtp_recipient(deliverer->channel, personal.phone, recipient))
		fault = "its phone number makes no address";
	else
		template_mail(&(struct notice){.outbox_id = row->id,
				      .submission = row->submission,
				      .campaign = campaign ? campaign->campaign->name : (struct bilingual){"", ""},
				      .status = row->status,
				      .reasons = row->reasons,
				      .received_at = row->received_at,
				      .decided_at = row->decided_at},
			deliverer->options.channel.from, recipient, clock_now_us(), &deliverer->mail);
	if (reference)
		reference_release(deliverer->options.references, &reference);
	return fault ? fault : deliverer->mail.failed ? "no memory" : NULL;
}

/* However long PostgreSQL is away: what was sent must be marked, or it is sent again. */
static void end_claim(struct deliverer *deliverer, const struct outbox_row *row, enum outbox_end end, const char *why)
{
	struct backoff retry = {.least_ms = deliverer->options.retry_least_ms,
		.most_ms = deliverer->options.retry_most_ms,
		.attempts = (uint32_t)row->attempt - 1};
	uint32_t delay_ms = end == OUTBOX_LATER ? backoff_next_ms(&retry, random_u32()) : 0;
	bool ours = false, is_first = true;
	enum pg_status status = PG_DOWN;

	while (status != PG_OK && (is_first || !is_stopping(deliverer))) {
		is_first = false;
		if (!pg_ready(deliverer->pg, clock_monotonic_ms() + READY_MS))
			continue; /* it has waited */
		status = outbox_end(deliverer->pg, row, end, delay_ms, why, &ours, clock_monotonic_ms() + STATEMENT_MS);
		if (status == PG_REFUSED) {
			log_error("outbox_not_marked", KV_ID("outbox", &row->id),
				KV_TEXT("why", pg_error(deliverer->pg)));
			return;
		}
	}
	if (status == PG_OK && !ours)
		metric_add(deliverer->lost_claims, 1);
}

static void bury(struct deliverer *deliverer, const struct outbox_row *row, const char *why)
{
	log_warn("notice_dead", KV_ID("outbox", &row->id), KV_U64("attempts", (uint64_t)row->attempt),
		KV_TEXT("why", why));
	metric_add(deliverer->dead, 1);
	end_claim(deliverer, row, OUTBOX_DEAD, why);
}

static void put_off(struct deliverer *deliverer, const struct outbox_row *row, const char *why)
{
	if ((uint32_t)row->attempt >= deliverer->options.attempts_max) {
		bury(deliverer, row, why);
		return;
	}
	metric_add(deliverer->put_off, 1);
	end_claim(deliverer, row, OUTBOX_LATER, why);
}

/* The server is away, or refuses us: no attempt of any notice is used up by that. */
static void note_channel(struct deliverer *deliverer, bool is_away, const char *why)
{
	if (is_away) {
		deliverer->try_at_ms = clock_monotonic_ms() + backoff_next_ms(&deliverer->away, random_u32());
		service_condition(deliverer->options.service, "smtp", false, why);
	} else {
		deliverer->try_at_ms = 0;
		backoff_reset(&deliverer->away);
		service_condition(deliverer->options.service, "smtp", true, "");
	}
}

/* False: the channel is away and the notice was not tried. */
static bool deliver(struct deliverer *deliverer, const struct outbox_row *row)
{
	char recipient[SMTP_ADDRESS_SIZE], why[SMTP_WHY_SIZE];
	const char *fault = write_mail(deliverer, row, recipient);
	enum channel_result result = CHANNEL_NEVER;

	if (!fault)
		result = channel_smtp_send(deliverer->channel, recipient, buffer_bytes(&deliverer->mail), why);
	sodium_memzero(recipient, sizeof(recipient));
	wipe(deliverer);
	if (fault) {
		bury(deliverer, row, fault);
		return true;
	}
	if (!is_stopping(deliverer) || result != CHANNEL_AWAY)
		note_channel(deliverer, result == CHANNEL_AWAY, why);
	switch (result) {
	case CHANNEL_SENT:
		failpoint("notification-after-send");
		end_claim(deliverer, row, OUTBOX_SENT, NULL);
		metric_add(deliverer->sent, 1);
		metric_observe_us(deliverer->delay, clock_now_us() - row->created_at);
		return true;
	case CHANNEL_LATER:
		put_off(deliverer, row, why);
		return true;
	case CHANNEL_NEVER:
		bury(deliverer, row, why);
		return true;
	case CHANNEL_AWAY:
		break;
	}
	return false;
}

/* Rounds ------------------------------------------------------------------------------------------------------------
 */

static bool has_postgresql(struct deliverer *deliverer)
{
	bool ready = pg_ready(deliverer->pg, clock_monotonic_ms() + READY_MS);

	service_condition(deliverer->options.service, "postgresql", ready, "cannot reach PostgreSQL");
	return ready;
}

/* Claims some and sends them. True: there may be more. */
static bool round_of(struct deliverer *deliverer)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	const struct deliverer_options *options = &deliverer->options;
	/* While the server is away, one notice at a time asks whether it is back. */
	uint32_t most = deliverer->away.attempts > 0 ? 1 : options->batch;
	/* A mail that is begun later might end after the claim. */
	int64_t last_ms = clock_monotonic_ms() + options->claim_ms - 2 * (int64_t)options->channel.timeout_ms;
	struct outbox_row row;
	int done = 0;

	if (!has_postgresql(deliverer))
		return false;
	if (outbox_claim(deliverer->pg, most, options->claim_ms, &rows, clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return false;
	while (done < PQntuples(rows) && !is_stopping(deliverer) && clock_monotonic_ms() < last_ms) {
		outbox_read(rows, done, &row);
		if (!deliver(deliverer, &row))
			break;
		done++;
	}
	/* Should this fail, they are due again when the claim ends. */
	if (done < PQntuples(rows))
		(void)!outbox_hand_back(deliverer->pg, rows, done, clock_monotonic_ms() + STATEMENT_MS);
	return done > 0 && done == PQntuples(rows) && !is_stopping(deliverer);
}

static void show_backlog(struct deliverer *deliverer)
{
	int64_t due, overdue_ms;

	if (!has_postgresql(deliverer) || outbox_backlog(deliverer->pg, BACKLOG_COUNT_MAX, &due, &overdue_ms,
						  clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return;
	metric_set(deliverer->due, due);
	metric_set(deliverer->overdue_ms, overdue_ms);
}

static int wait_ms(const struct deliverer *deliverer)
{
	int64_t wait = deliverer->options.poll_ms;

	if (deliverer->try_at_ms > 0 && deliverer->try_at_ms - clock_monotonic_ms() < wait)
		wait = deliverer->try_at_ms - clock_monotonic_ms();
	return wait > 0 ? (int)wait : 0;
}

static void *deliver_all(void *context)
{
	struct deliverer *deliverer = context;
	void *wakes[WAKES_MAX];
	int64_t backlog_at_ms = 0;

	while (!is_stopping(deliverer)) {
		if (clock_monotonic_ms() >= backlog_at_ms) {
			show_backlog(deliverer);
			backlog_at_ms = clock_monotonic_ms() + deliverer->options.poll_ms;
		}
		if (clock_monotonic_ms() >= deliverer->try_at_ms) {
			deliverer->try_at_ms = 0; /* a server still away sets it anew */
			if (round_of(deliverer))
				continue;
		}
		if (!is_stopping(deliverer))
			(void)mailbox_wait(deliverer->wakes, wakes, WAKES_MAX, wait_ms(deliverer));
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
		metrics_counter(metrics, "sangkien_notification_sent_total", NULL, "notices the server has taken");
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
		metrics, "sangkien_notification_delay_seconds", NULL, "from the decision to the server");
}

static bool open_parts(struct deliverer *deliverer)
{
	const char *fault;

	deliverer->options.channel.stopping = &deliverer->stopping;
	deliverer->channel = channel_smtp_open(&deliverer->options.channel, &fault);
	if (!deliverer->channel) {
		log_error("smtp_setting_not_usable", KV_TEXT("why", fault));
		return false;
	}
	deliverer->pg = pg_open(deliverer->options.conninfo, "notification");
	deliverer->wakes = mailbox_new(WAKES_MAX);
	return read_secret(deliverer) && deliverer->pg && deliverer->wakes;
}

struct deliverer *deliverer_open(const struct deliverer_options *options)
{
	struct deliverer *deliverer = calloc(1, sizeof(*deliverer));

	if (!deliverer)
		return NULL;
	deliverer->options = *options;
	deliverer->away = (struct backoff){.least_ms = AWAY_LEAST_MS, .most_ms = AWAY_MOST_MS};
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
	channel_smtp_close(&deliverer->channel);
	if (deliverer->pg)
		pg_close(&deliverer->pg);
	if (deliverer->wakes)
		mailbox_free(&deliverer->wakes);
	sodium_memzero(deliverer->secret_key, sizeof(deliverer->secret_key));
	buffer_deinit(&deliverer->plain);
	buffer_deinit(&deliverer->mail);
	free(deliverer);
}
