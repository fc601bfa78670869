#include "services/quota/auditor.h"

#include "common/domain/role_lease.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mailbox.h"
#include "services/quota/board_audit.h"
#include "services/quota/board_rebuild.h"
#include "services/quota/recount.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LOOK_MS = 250,
	ROLE_LEASE_MS = 10000,
	ELECT_EVERY_MS = 2000,
	CONNECT_MS = 1000,
	BOARD_REST = 8,      /* times the length of a look at a slice, where there is time for it */
	BOARD_TRIES = 3,     /* of a slice that cannot be compared now */
	SLICES_UNITS = 1000, /* about as many units are in a slice */
};

#define ROLE "auditor"

/* One look at the boards of all campaigns. */
struct board_pass {
	const struct reference *reference; /* NULL: none is under way */
	size_t campaign;                   /* which one is looked at */
	struct board_audit *audit;
	int64_t begun_ms;
	int tries;
};

struct auditor {
	struct auditor_options options;
	struct pg *pg, *recount_pg; /* the role and boards; the recount, which keeps tables there */
	struct id128 holder;
	int64_t epoch, elected_until_ms, elect_at_ms;
	struct board_pass pass;
	struct recount *recount;
	int64_t boards_at_ms, recount_at_ms; /* when to go on */
	int64_t boards_done_ms, recount_done_ms;
	uint64_t found[AUDIT_CHECKS]; /* in the pass that runs */
	struct metric *drift[AUDIT_CHECKS], *drift_total[AUDIT_CHECKS];
	struct metric *epoch_gauge, *boards_age, *recount_age, *boards_passes, *recount_passes, *repairs;
	struct mailbox *wake; /* never has a letter: closed, it ends a wait */
	atomic_bool closing;
	pthread_t thread;
};

const char *audit_check_name(enum audit_check check)
{
	static const char *const names[AUDIT_CHECKS] = {[AUDIT_BOARD] = "board",
		[AUDIT_VERDICTS] = "one_verdict",
		[AUDIT_PLACES] = "decision_place",
		[AUDIT_TOTALS] = "totals",
		[AUDIT_DAYS] = "days",
		[AUDIT_PARTICIPATION] = "participation",
		[AUDIT_PEOPLE] = "people",
		[AUDIT_ROUNDS] = "rounds"};

	return names[check];
}

/* What is found ---------------------------------------------------------------------------------------------------- */

static void on_more(enum audit_check check, uint64_t count, void *context)
{
	struct auditor *auditor = context;

	auditor->found[check] += count;
	metric_add(auditor->drift_total[check], count);
}

static void on_drift(const struct audit_drift *drift, void *context)
{
	log_error("audit_drift", KV_TEXT("check", audit_check_name(drift->check)), KV_U64("campaign", drift->campaign),
		KV_U64("unit", drift->unit), KV_U64("phase", drift->phase), KV_TEXT("what", drift->what),
		KV_I64("expected", drift->expected), KV_I64("found", drift->found));
	on_more(drift->check, 1, context);
}

/* The gauges of these checks say what the pass that has ended found. */
static void show_found(struct auditor *auditor, enum audit_check first, enum audit_check last)
{
	for (enum audit_check check = first; check <= last; check++) {
		metric_set(auditor->drift[check], (int64_t)auditor->found[check]);
		auditor->found[check] = 0;
	}
}

static struct audit_listener listener_of(struct auditor *auditor)
{
	return (struct audit_listener){.drift = on_drift, .more = on_more, .context = auditor};
}

/* Boards ------------------------------------------------------------------------------------------------------------
 */

static void leave_pass(struct auditor *auditor)
{
	board_audit_free(&auditor->pass.audit);
	reference_release(auditor->options.reference, &auditor->pass.reference);
	auditor->pass = (struct board_pass){0};
	auditor->found[AUDIT_BOARD] = 0;
}

static void end_pass(struct auditor *auditor)
{
	int64_t next_ms = auditor->pass.begun_ms + auditor->options.boards_ms;

	show_found(auditor, AUDIT_BOARD, AUDIT_BOARD);
	metric_add(auditor->boards_passes, 1);
	auditor->boards_done_ms = clock_monotonic_ms();
	auditor->boards_at_ms = next_ms > auditor->boards_done_ms ? next_ms : auditor->boards_done_ms;
	leave_pass(auditor);
}

static void next_campaign(struct auditor *auditor)
{
	board_audit_free(&auditor->pass.audit);
	auditor->pass.tries = 0;
	if (++auditor->pass.campaign == auditor->pass.reference->campaign_count)
		end_pass(auditor);
}

static bool begin_campaign(struct auditor *auditor)
{
	const struct reference_campaign *campaign = &auditor->pass.reference->campaigns[auditor->pass.campaign];
	int64_t mended;

	if (!board_store_ready(auditor->options.store) ||
		!board_store_mend(auditor->options.store, campaign->id, &mended))
		return false;
	if (mended > 0) {
		log_error("board_keys_of_a_stranger", KV_TEXT("campaign", campaign->campaign->code),
			KV_I64("deleted", mended));
		on_more(AUDIT_BOARD, (uint64_t)mended, auditor);
	}
	auditor->pass.audit = board_audit_new(campaign);
	return auditor->pass.audit != NULL;
}

static void repair(struct auditor *auditor)
{
	const struct reference_campaign *campaign = &auditor->pass.reference->campaigns[auditor->pass.campaign];
	int64_t version;

	if (!board_rebuild(auditor->options.store, auditor->pg, campaign, &version))
		return; /* somebody else is at it, or the next look finds it again */
	metric_add(auditor->repairs, 1);
	log_info("board_rebuilt", KV_TEXT("campaign", campaign->campaign->code), KV_TEXT("why", "a row was wrong"),
		KV_I64("version", version));
}

static void take_slice(struct auditor *auditor)
{
	const struct audit_listener listener = listener_of(auditor);

	switch (board_audit_step(auditor->pass.audit, auditor->options.store, auditor->pg, &listener)) {
	case BOARD_AUDIT_DRIFTED:
		repair(auditor);
		break;
	case BOARD_AUDIT_NOT_NOW:
		if (++auditor->pass.tries == BOARD_TRIES)
			next_campaign(auditor); /* its keeper mends what is behind, or was never there */
		return;
	case BOARD_AUDIT_DONE:
		next_campaign(auditor);
		return;
	case BOARD_AUDIT_GOES_ON:
		break;
	}
	auditor->pass.tries = 0;
}

/* Long enough to be hardly felt, and so short that the pass ends in time. */
static int64_t board_rest_ms(const struct auditor *auditor, int64_t worked_ms)
{
	const struct board_pass *pass = &auditor->pass;
	int64_t left_ms = pass->begun_ms + (int64_t)auditor->options.boards_ms - clock_monotonic_ms();
	size_t slices = 1;

	for (size_t i = pass->campaign; i < pass->reference->campaign_count; i++)
		if (pass->reference->campaigns[i].units != NULL)
			slices += unit_tree_count(pass->reference->campaigns[i].units) / SLICES_UNITS + 1;
	left_ms = left_ms > 0 ? left_ms / (int64_t)slices : 0;
	return left_ms < worked_ms * BOARD_REST ? left_ms : worked_ms * BOARD_REST;
}

static void look_at_boards(struct auditor *auditor)
{
	struct board_pass *pass = &auditor->pass;
	int64_t began_ms = clock_monotonic_ms();

	auditor->boards_at_ms = began_ms + LOOK_MS;
	if (pass->reference == NULL) {
		*pass = (struct board_pass){
			.reference = reference_acquire(auditor->options.reference), .begun_ms = began_ms};
		if (pass->reference == NULL)
			return;
		if (pass->reference->campaign_count == 0) {
			end_pass(auditor);
			return;
		}
	}
	if (pass->audit == NULL && !begin_campaign(auditor))
		return; /* Redis is away */
	take_slice(auditor);
	if (pass->reference != NULL && pass->tries == 0)
		auditor->boards_at_ms = clock_monotonic_ms() + board_rest_ms(auditor, clock_monotonic_ms() - began_ms);
}

/* The recount -------------------------------------------------------------------------------------------------------
 */

static void recount(struct auditor *auditor)
{
	const struct audit_listener listener = listener_of(auditor);
	int64_t began_ms = clock_monotonic_ms(), now_ms;

	auditor->recount_at_ms = began_ms + LOOK_MS;
	if (!pg_ready(auditor->recount_pg, began_ms + CONNECT_MS))
		return;
	enum recount_progress progress = recount_step(auditor->recount, auditor->recount_pg, &listener);
	now_ms = clock_monotonic_ms();
	auditor->recount_at_ms = now_ms + (now_ms - began_ms) * auditor->options.rest;
	if (progress == RECOUNT_GOES_ON)
		return;
	auditor->recount_at_ms = now_ms + auditor->options.recount_ms;
	if (progress == RECOUNT_DONE) {
		log_info("audit_recounted", KV_U64("decisions", recount_decisions(auditor->recount)));
		show_found(auditor, AUDIT_BOARD + 1, AUDIT_CHECKS - 1);
		metric_add(auditor->recount_passes, 1);
		auditor->recount_done_ms = now_ms;
	}
	for (enum audit_check check = AUDIT_BOARD + 1; check < AUDIT_CHECKS; check++)
		auditor->found[check] = 0;
}

/* The role ----------------------------------------------------------------------------------------------------------
 */

static bool holds_role(const struct auditor *auditor)
{
	return auditor->epoch != 0 && clock_monotonic_ms() < auditor->elected_until_ms;
}

/* Two at once do no harm: it is only that one is enough. */
static void elect(struct auditor *auditor)
{
	int64_t now_ms = clock_monotonic_ms(), epoch, before = holds_role(auditor) ? auditor->epoch : 0;

	if (now_ms < auditor->elect_at_ms)
		return;
	auditor->elect_at_ms = now_ms + ELECT_EVERY_MS;
	if (!pg_ready(auditor->pg, now_ms + CONNECT_MS) ||
		role_lease_take(auditor->pg, ROLE, &auditor->holder, ROLE_LEASE_MS, &epoch, now_ms + ROLE_LEASE_MS) !=
			PG_OK)
		return; /* what is held runs out by itself */
	auditor->epoch = epoch;
	auditor->elected_until_ms = now_ms + ROLE_LEASE_MS;
	metric_set(auditor->epoch_gauge, epoch);
	if (epoch == before)
		return;
	log_info(epoch != 0 ? "auditor_elected" : "auditor_lost", KV_I64("epoch", epoch));
	leave_pass(auditor);
	for (enum audit_check check = 0; check < AUDIT_CHECKS; check++)
		metric_set(auditor->drift[check], 0); /* whoever has the role says it */
	auditor->boards_done_ms = auditor->recount_done_ms = now_ms;
}

static void show_ages(struct auditor *auditor)
{
	int64_t now_ms = clock_monotonic_ms();
	bool holds = holds_role(auditor);

	metric_set(auditor->boards_age, holds ? (now_ms - auditor->boards_done_ms) / 1000 : 0);
	metric_set(auditor->recount_age, holds ? (now_ms - auditor->recount_done_ms) / 1000 : 0);
}

static void *run(void *context)
{
	struct auditor *auditor = context;

	while (!atomic_load(&auditor->closing)) {
		int64_t now_ms, wait_ms;
		void *letter;

		elect(auditor);
		show_ages(auditor);
		if (holds_role(auditor) && clock_monotonic_ms() >= auditor->boards_at_ms)
			look_at_boards(auditor);
		if (holds_role(auditor) && clock_monotonic_ms() >= auditor->recount_at_ms)
			recount(auditor);
		now_ms = clock_monotonic_ms();
		wait_ms =
			auditor->boards_at_ms < auditor->recount_at_ms ? auditor->boards_at_ms : auditor->recount_at_ms;
		wait_ms = holds_role(auditor) && wait_ms - now_ms < LOOK_MS ? wait_ms - now_ms : LOOK_MS;
		mailbox_wait(auditor->wake, &letter, 1, wait_ms > 0 ? (int)wait_ms : 0);
	}
	if (holds_role(auditor) &&
		role_lease_end(auditor->pg, ROLE, &auditor->holder, clock_monotonic_ms() + CONNECT_MS) != PG_OK)
		log_info("auditor_not_resigned");
	return NULL;
}

static void open_metrics(struct auditor *auditor, struct metrics *metrics)
{
	for (enum audit_check check = 0; check < AUDIT_CHECKS; check++) {
		char label[64];

		snprintf(label, sizeof(label), "check=\"%s\"", audit_check_name(check));
		auditor->drift[check] = metrics_gauge(metrics, "sangkien_quota_audit_drift_rows", label,
			"Rows that were wrong when they were last looked at, by the instance that has the role");
		auditor->drift_total[check] = metrics_counter(metrics, "sangkien_quota_audit_drift_found_rows_total",
			label, "Rows found wrong, mended or not");
	}
	auditor->epoch_gauge = metrics_gauge(metrics, "sangkien_quota_auditor_epoch", NULL,
		"Epoch of the auditor's role where this instance holds it, else 0");
	auditor->boards_age = metrics_gauge(metrics, "sangkien_quota_audit_age_seconds", "what=\"boards\"",
		"Since everything was last looked at to the end");
	auditor->recount_age = metrics_gauge(metrics, "sangkien_quota_audit_age_seconds", "what=\"recount\"",
		"Since everything was last looked at to the end");
	auditor->boards_passes = metrics_counter(
		metrics, "sangkien_quota_audit_passes_total", "what=\"boards\"", "Looks at everything, to the end");
	auditor->recount_passes = metrics_counter(
		metrics, "sangkien_quota_audit_passes_total", "what=\"recount\"", "Looks at everything, to the end");
	auditor->repairs = metrics_counter(
		metrics, "sangkien_quota_audit_repaired_boards_total", NULL, "Boards rebuilt because a row was wrong");
}

static bool open_parts(struct auditor *auditor)
{
	auditor->pg = pg_open_by_key(auditor->options.conninfo, "quota auditor");
	auditor->recount_pg = pg_open(auditor->options.conninfo, "quota recount");
	auditor->recount = recount_new();
	auditor->wake = mailbox_new(1);
	return auditor->pg != NULL && auditor->recount_pg != NULL && auditor->recount != NULL &&
	       auditor->wake != NULL && pthread_create(&auditor->thread, NULL, run, auditor) == 0;
}

static void free_parts(struct auditor *auditor)
{
	recount_free(&auditor->recount);
	mailbox_free(&auditor->wake);
	pg_close(&auditor->pg);
	pg_close(&auditor->recount_pg);
	free(auditor);
}

struct auditor *auditor_open(const struct auditor_options *options)
{
	struct auditor *auditor = calloc(1, sizeof(*auditor));

	if (auditor == NULL)
		return NULL;
	auditor->options = *options;
	auditor->holder = service_boot_id(options->service);
	open_metrics(auditor, service_metrics(options->service));
	if (open_parts(auditor))
		return auditor;
	free_parts(auditor);
	return NULL;
}

void auditor_close(struct auditor **handle)
{
	struct auditor *auditor = *handle;

	*handle = NULL;
	if (auditor == NULL)
		return;
	atomic_store(&auditor->closing, true);
	mailbox_close(auditor->wake);
	pthread_join(auditor->thread, NULL);
	leave_pass(auditor);
	board_store_close(&auditor->options.store);
	free_parts(auditor);
}
