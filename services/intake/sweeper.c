#include "services/intake/sweeper.h"

#include "common/domain/role_lease.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/intake/sweep.h"
#include "services/intake/sweep_walk.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATEMENT_MS = 30000,
	CONNECT_MS = 1000,
	MS_US = 1000,
};

#define ROLE "sweeper"

struct sweeper {
	struct sweeper_options options;
	pthread_t thread;
	atomic_bool closing;
	struct pg *pg;
	struct id128 holder;
	struct sweep_walk *walk;
	struct id128 *ids;         /* SWEEP_SPAN_ROWS, as they were read */
	struct errand *unfinished; /* PostgreSQL was away */
};

static int64_t deadline(void)
{
	return clock_monotonic_ms() + STATEMENT_MS;
}

/* Errands --------------------------------------------------------------------------------------------------------- */

static void offer_again(struct parcel *parcel, void *context)
{
	struct sweeper *sweeper = context;
	parcel->again = true;
	if (!dispatch_offer(sweeper->options.dispatch, parcel))
		free(parcel);
}

static enum pg_status send_again(struct sweeper *sweeper, const struct id128 *ids, size_t count)
{
	enum pg_status status = PG_OK;
	for (size_t done = 0; status == PG_OK && done < count; done += SWEEP_ROWS_MAX) {
		size_t part = count - done < SWEEP_ROWS_MAX ? count - done : SWEEP_ROWS_MAX;
		status = sweep_rows(sweeper->pg, ids + done, part, offer_again, sweeper, deadline());
	}
	return status;
}

static enum pg_status look(struct sweeper *sweeper, struct errand *errand)
{
	size_t undecided;
	enum pg_status status = sweep_judge(sweeper->pg, errand->ids, errand->count, &undecided, deadline());
	if (status != PG_OK)
		return status;
	if (undecided < errand->count)
		dispatch_settle(sweeper->options.dispatch, errand->ids + undecided, errand->count - undecided);
	return errand->kind == ERRAND_LOOK ? PG_OK : send_again(sweeper, errand->ids, undecided);
}

static enum pg_status quarantine(struct sweeper *sweeper, const struct errand *errand)
{
	enum pg_status status = sweep_quarantine(sweeper->pg, &errand->ids[0], errand->reason, deadline());
	if (status != PG_OK)
		return status;
	metric_add(sweeper->options.metrics->poisoned, 1);
	dispatch_settle(sweeper->options.dispatch, errand->ids, 1);
	return PG_OK;
}

/* False: PostgreSQL is away or full, the same again later. */
static bool do_errand(struct sweeper *sweeper, struct errand *errand)
{
	if (!pg_ready(sweeper->pg, clock_monotonic_ms() + CONNECT_MS))
		return false;
	enum pg_status status = errand->kind == ERRAND_QUARANTINE ? quarantine(sweeper, errand) : look(sweeper, errand);
	if (status == PG_REFUSED) /* a fault of ours or of the grants: again would be the same */
		log_error("errand_refused", KV_TEXT("why", pg_error(sweeper->pg)));
	return status == PG_OK || status == PG_REFUSED;
}

static void do_errands(struct sweeper *sweeper, int wait_ms)
{
	struct mailbox *errands = dispatch_errands(sweeper->options.dispatch);
	void *letter = sweeper->unfinished;
	sweeper->unfinished = NULL;
	if (letter != NULL)
		poll(NULL, 0, wait_ms);
	else if (mailbox_wait(errands, &letter, 1, wait_ms) == 0)
		return;
	do {
		if (!do_errand(sweeper, letter)) {
			sweeper->unfinished = letter;
			return;
		}
		free(letter);
	} while (mailbox_take(errands, &letter, 1) == 1);
}

/* Steps of the walk ----------------------------------------------------------------------------------------------- */

static bool elect(struct sweeper *sweeper)
{
	int64_t epoch;
	if (role_lease_take(sweeper->pg, ROLE, &sweeper->holder, SWEEP_ROLE_MS, &epoch,
		    clock_monotonic_ms() + SWEEP_ROLE_MS) != PG_OK)
		return false;
	metric_set(sweeper->options.metrics->sweeper_epoch, epoch);
	if (sweep_walk_elected(sweeper->walk, epoch))
		log_info(epoch != 0 ? "sweeper_elected" : "sweeper_lost", KV_I64("epoch", epoch));
	return true;
}

static void offer_swept(struct parcel *parcel, void *context)
{
	struct sweeper *sweeper = context;
	parcel->swept = true;
	if (dispatch_offer(sweeper->options.dispatch, parcel))
		return;
	/* What has just come in has taken the room meanwhile. */
	dispatch_put_off(sweeper->options.dispatch, &parcel->id);
	free(parcel);
}

static bool feed(struct sweeper *sweeper, const struct sweep_step *step)
{
	struct dispatch *dispatch = sweeper->options.dispatch;
	struct id128 ids[SWEEP_ROWS_MAX];
	size_t count = step->count;
	if (step->action == SWEEP_FEED)
		memcpy(ids, step->ids, count * sizeof(*ids));
	else /* where PostgreSQL fails the walk finds them */
		count = dispatch_backlog_take(dispatch, ids, count);
	/* What has been sent since these were found is not sent twice. */
	size_t missing = dispatch_missing(dispatch, ids, count);
	if (missing > 0 && sweep_rows(sweeper->pg, ids, missing, offer_swept, sweeper, deadline()) != PG_OK)
		return false;
	sweep_walk_fed(sweeper->walk, clock_monotonic_ms());
	return true;
}

static enum pg_status read_ids(struct sweeper *sweeper, const struct sweep_step *step, struct sweep_found *found)
{
	struct pg *pg = sweeper->pg;
	if (step->action == SWEEP_READ_RELEASED)
		return sweep_released(pg, &step->from, sweeper->ids, &found->undecided, deadline());
	enum pg_status status = sweep_span(pg, &step->from, &step->until, &found->end, deadline());
	if (status == PG_OK)
		status = sweep_undecided(pg, &step->from, &found->end, sweeper->ids, &found->undecided, deadline());
	return status;
}

static bool look_for(struct sweeper *sweeper, const struct sweep_step *step)
{
	struct sweep_found found = {.ids = sweeper->ids};
	if (read_ids(sweeper, step, &found) != PG_OK)
		return false;
	found.oldest = sweeper->ids[0];
	if (step->action != SWEEP_SURVEY_SPAN)
		found.count = dispatch_missing(sweeper->options.dispatch, sweeper->ids, found.undecided);
	sweep_walk_found(sweeper->walk, &found, clock_monotonic_ms());
	return true;
}

static bool show(struct sweeper *sweeper, const struct sweep_step *step)
{
	metric_set(sweeper->options.metrics->pending, (int64_t)step->pending);
	metric_set(sweeper->options.metrics->pending_age, step->age_s);
	return true;
}

/* False: PostgreSQL failed. */
static bool carry_out(struct sweeper *sweeper, const struct sweep_step *step)
{
	switch (step->action) {
	case SWEEP_WAIT:
		return true;
	case SWEEP_ELECT:
		return elect(sweeper);
	case SWEEP_FEED_BACKLOG:
	case SWEEP_FEED:
		return feed(sweeper, step);
	case SWEEP_READ_RELEASED:
	case SWEEP_READ_SPAN:
	case SWEEP_SURVEY_SPAN:
		return look_for(sweeper, step);
	case SWEEP_SHOW:
		return show(sweeper, step);
	}
	return false;
}

static struct sweep_sight look_round(const struct sweeper *sweeper)
{
	int64_t now_ms = clock_monotonic_ms();
	return (struct sweep_sight){
		.now_ms = now_ms,
		.now_us = receipt_clock_now(sweeper->options.clock, clock_now_us(), now_ms * MS_US),
		.room = dispatch_room(sweeper->options.dispatch),
		.backlog = dispatch_backlog(sweeper->options.dispatch),
	};
}

/* The thread ------------------------------------------------------------------------------------------------------ */

static void *run(void *context)
{
	struct sweeper *sweeper = context;
	int wait_ms = SWEEP_STEP_MS;
	while (!atomic_load(&sweeper->closing)) {
		do_errands(sweeper, wait_ms);
		wait_ms = SWEEP_STEP_MS;
		if (!pg_ready(sweeper->pg, clock_monotonic_ms() + CONNECT_MS))
			continue;
		struct sweep_sight sight = look_round(sweeper);
		struct sweep_step step = sweep_walk_next(sweeper->walk, &sight);
		dispatch_reserve(sweeper->options.dispatch, sweep_walk_left(sweeper->walk));
		if (!carry_out(sweeper, &step))
			sweep_walk_failed(sweeper->walk);
		wait_ms = step.wait_ms;
	}
	if (sweep_walk_holds_role(sweeper->walk, clock_monotonic_ms()) &&
		role_lease_end(sweeper->pg, ROLE, &sweeper->holder, clock_monotonic_ms() + CONNECT_MS) != PG_OK)
		log_info("sweeper_not_resigned");
	return NULL;
}

static void sweeper_free(struct sweeper *sweeper)
{
	pg_close(&sweeper->pg);
	sweep_walk_free(&sweeper->walk);
	free(sweeper->unfinished);
	free(sweeper->ids);
	free(sweeper);
}

struct sweeper *sweeper_open(const struct sweeper_options *options)
{
	struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
	if (sweeper == NULL)
		return NULL;
	sweeper->options = *options;
	sweeper->holder = service_boot_id(options->service);
	sweeper->pg = pg_open_by_key(options->conninfo, "intake sweeper");
	sweeper->walk = sweep_walk_new(options->lease_ms);
	sweeper->ids = calloc(SWEEP_SPAN_ROWS, sizeof(*sweeper->ids));
	if (sweeper->pg != NULL && sweeper->walk != NULL && sweeper->ids != NULL &&
		pthread_create(&sweeper->thread, NULL, run, sweeper) == 0) {
		pthread_setname_np(sweeper->thread, "sweeper");
		return sweeper;
	}
	sweeper_free(sweeper);
	return NULL;
}

void sweeper_close(struct sweeper **handle)
{
	struct sweeper *sweeper = *handle;
	*handle = NULL;
	if (sweeper == NULL)
		return;
	atomic_store(&sweeper->closing, true);
	pthread_join(sweeper->thread, NULL);
	sweeper_free(sweeper);
}
