#include "services/notification/planner.h"

#include "common/domain/role_lease.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/notification/officer_plan.h"
#include "services/notification/officer_rules.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define ROLE "planner"
enum { CONNECT_MS = 1000, NAP_MS = 50, LEASE_LEAST_MS = 10000, LEASE_LOOKS = 3 };
static const int64_t HOUR_US = INT64_C(3600000000);

/* What a campaign's notices followed from when they were last made: while it is the same there are no new ones. A pace
 * falls with the time, so that an hour is part of it. */
struct mark {
	uint32_t campaign;
	uint64_t reference, board;
	int64_t hour, weekly_at;
	bool targets_made, weekly_made;
};

struct planner {
	struct planner_options options;
	struct pg *pg;
	struct id128 holder;
	struct targets *targets;
	struct mark *marks;
	size_t mark_count;
	struct metric *made;
	pthread_t thread;
	atomic_bool closing;
};

static int64_t deadline(void)
{
	return clock_monotonic_ms() + OFFICER_STATEMENT_MS;
}

static bool follow_targets(struct planner *planner, uint64_t reference, int64_t now)
{
	int32_t today = clock_vietnam_day(now);

	if (planner->targets && targets_version(planner->targets) == targets_version_of(reference, today))
		return true;
	targets_release(&planner->targets);
	planner->targets = targets_load(planner->pg, reference, today, deadline());
	return planner->targets;
}

static struct mark *mark_of(struct planner *planner, uint32_t campaign)
{
	struct mark *grown;

	for (size_t i = 0; i < planner->mark_count; i++)
		if (planner->marks[i].campaign == campaign)
			return &planner->marks[i];
	grown = realloc(planner->marks, (planner->mark_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	planner->marks = grown;
	grown[planner->mark_count] = (struct mark){.campaign = campaign};
	return &grown[planner->mark_count++];
}

static bool read_board(struct planner *planner, uint32_t campaign, uint64_t *version)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(planner->pg), (int16_t)campaign);
	if (pg_run(planner->pg, "SELECT version FROM board WHERE campaign_id = $1", &rows, deadline()) != PG_OK)
		return false;
	*version = PQntuples(rows) == 1 ? (uint64_t)pg_get_i64(rows, 0, 0) : 0;
	return true;
}

/* False: again at the next look. */
static bool is_done(struct planner *planner, enum pg_status status)
{
	if (status == PG_REFUSED) /* a fault of ours or of the grants */
		log_error("officers_not_told", KV_TEXT("why", pg_error(planner->pg)));
	return status == PG_OK;
}

static void plan_campaign(
	struct planner *planner, const struct reference_campaign *campaign, uint64_t reference, int64_t now)
{
	const struct notice_rules *rules = &campaign->campaign->notices;
	struct officer_plan plan = {.pg = planner->pg,
		.campaign = campaign,
		.targets = planner->targets,
		.now = now,
		.closing = &planner->closing};
	int64_t due = rules->by_event[NOTICE_WEEKLY] ? officer_weekly_due(campaign->campaign, now) : 0;
	struct mark *mark = mark_of(planner, campaign->id);
	uint64_t board;

	if (!mark || !read_board(planner, campaign->id, &board))
		return;
	if (mark->reference != reference || mark->board != board || mark->hour != now / HOUR_US)
		mark->targets_made = false;
	if (mark->reference != reference || mark->weekly_at != due)
		mark->weekly_made = false;
	*mark = (struct mark){
		campaign->id, reference, board, now / HOUR_US, due, mark->targets_made, mark->weekly_made};
	if (!mark->targets_made && (rules->by_event[NOTICE_QUOTA_MET] || rules->by_event[NOTICE_BEHIND]))
		mark->targets_made = is_done(planner, officer_plan_targets(&plan));
	if (!mark->weekly_made && due != 0)
		mark->weekly_made = is_done(planner, officer_plan_weekly(&plan, due));
	if (plan.made == 0)
		return;
	metric_add(planner->made, plan.made);
	log_info("officers_told", KV_TEXT("campaign", campaign->campaign->code), KV_U64("notices", plan.made));
	deliverer_wake(planner->options.deliverer);
}

static bool tells_officers(const struct reference_campaign *campaign)
{
	const struct notice_rules *rules = &campaign->campaign->notices;

	return campaign->units &&
	       (rules->by_event[NOTICE_QUOTA_MET] || rules->by_event[NOTICE_BEHIND] || rules->by_event[NOTICE_WEEKLY]);
}

static void plan_all(struct planner *planner, const struct reference *reference)
{
	int64_t now = clock_now_us(), epoch;
	uint32_t lease_ms = LEASE_LOOKS * planner->options.every_ms;
	bool any = false;

	for (size_t i = 0; i < reference->campaign_count; i++)
		any |= tells_officers(&reference->campaigns[i]);
	if (!any || !pg_ready(planner->pg, clock_monotonic_ms() + CONNECT_MS))
		return;
	lease_ms = lease_ms > LEASE_LEAST_MS ? lease_ms : LEASE_LEAST_MS;
	if (role_lease_take(planner->pg, ROLE, &planner->holder, lease_ms, &epoch, deadline()) != PG_OK || epoch == 0 ||
		!follow_targets(planner, reference->version, now))
		return;
	for (size_t i = 0; i < reference->campaign_count && !atomic_load(&planner->closing); i++)
		if (tells_officers(&reference->campaigns[i]))
			plan_campaign(planner, &reference->campaigns[i], reference->version, now);
}

static void *plan_on(void *context)
{
	struct planner *planner = context;
	int64_t look_at_ms = 0;

	while (!atomic_load(&planner->closing)) {
		const struct reference *reference =
			clock_monotonic_ms() < look_at_ms ? NULL : reference_acquire(planner->options.references);
		if (!reference) {
			nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000L}, NULL);
			continue;
		}
		plan_all(planner, reference);
		reference_release(planner->options.references, &reference);
		look_at_ms = clock_monotonic_ms() + planner->options.every_ms;
	}
	if (pg_connected(planner->pg) &&
		role_lease_end(planner->pg, ROLE, &planner->holder, clock_monotonic_ms() + CONNECT_MS) != PG_OK)
		log_info("planner_not_resigned");
	return NULL;
}

struct planner *planner_open(const struct planner_options *options)
{
	struct planner *planner = calloc(1, sizeof(*planner));

	if (!planner)
		return NULL;
	planner->options = *options;
	planner->holder = service_boot_id(options->service);
	planner->made = metrics_counter(service_metrics(options->service), "sangkien_notification_officers_told_total",
		NULL, "notices made for officers");
	planner->pg = pg_open(options->conninfo, "notification planner");
	if (planner->pg && pthread_create(&planner->thread, NULL, plan_on, planner) == 0) {
		pthread_setname_np(planner->thread, "planner");
		return planner;
	}
	pg_close(&planner->pg);
	free(planner);
	return NULL;
}

void planner_close(struct planner **handle)
{
	struct planner *planner = *handle;

	*handle = NULL;
	if (!planner)
		return;
	atomic_store(&planner->closing, true);
	pthread_join(planner->thread, NULL);
	pg_close(&planner->pg);
	targets_release(&planner->targets);
	free(planner->marks);
	free(planner);
}
