#include "services/intake/sweeper.h"

#include "common/domain/role_lease.h"
#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mutant.h"
#include "services/intake/sweep.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATEMENT_MS = 30000,
	CONNECT_MS = 1000,
	ROLE_LEASE_MS = 5000,
	ELECT_EVERY_MS = 1500,
	STEP_MS = 50,      /* wait while there is something to feed and no room for it */
	PATIENCE_MS = 500, /* how long it waits for room for many; then a few are fed, on which the others may depend */
	PASS_LEAST_MS = 1000,
	PASS_SHARE = 20, /* a pass or a count is followed by a rest of as many times its length */
	PASS_MOST_MS = 60000,
	SLOP_MS = 15000, /* how much later than its id a submission may appear: the writers' deadlines */
	DEEP_EVERY_MS = 600000,
	MS_US = 1000,
	SECOND_US = 1000000,
};

#define ROLE "sweeper"

/* One walk over the ids, oldest first. Each starts anew at the oldest undecided one less a slop, never at the last one
 * seen: a commit may appear with an earlier id (a poller that remembered saw 2 before 1). */
struct pass {
	bool walking;
	struct id128 cursor, until;
	int64_t begun_ms, worked_ms;
	size_t undecided;
	int64_t oldest_us;   /* 0: none found yet */
	int64_t released_us; /* the oldest that an operator let go from quarantine, before the walk's beginning; 0: none
			      */
};

struct sweeper {
	struct sweeper_options options;
	pthread_t thread;
	atomic_bool closing;
	struct pg *pg;
	struct id128 holder;
	int64_t epoch, elected_until_ms, elect_at_ms;
	struct pass pass;
	int64_t floor_us;   /* nothing older is undecided, as far as is known */
	int64_t deep_at_ms; /* then from the very first one, whatever is known */
	int64_t pass_at_ms, survey_at_ms, few_at_ms;
	struct id128 *ids; /* SWEEP_SPAN_ROWS of one span */
	size_t id_count, id_next;
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

/* The role -------------------------------------------------------------------------------------------------------- */

static bool holds_role(const struct sweeper *sweeper)
{
	return sweeper->epoch != 0 && clock_monotonic_ms() < sweeper->elected_until_ms;
}

static void elect(struct sweeper *sweeper)
{
	int64_t now_ms = clock_monotonic_ms(), before = holds_role(sweeper) ? sweeper->epoch : 0, epoch;
	if (now_ms < sweeper->elect_at_ms)
		return;
	sweeper->elect_at_ms = now_ms + ELECT_EVERY_MS;
	if (role_lease_take(sweeper->pg, ROLE, &sweeper->holder, ROLE_LEASE_MS, &epoch, now_ms + ROLE_LEASE_MS) !=
		PG_OK)
		return; /* what is held runs out by itself */
	sweeper->epoch = epoch;
	/* Counted from before the question, so that it ends here before it ends there. */
	sweeper->elected_until_ms = now_ms + ROLE_LEASE_MS;
	metric_set(sweeper->options.metrics->sweeper_epoch, epoch);
	if (epoch == before)
		return;
	log_info(epoch != 0 ? "sweeper_elected" : "sweeper_lost", KV_I64("epoch", epoch));
	sweeper->pass = (struct pass){0};
	sweeper->id_count = sweeper->id_next = 0;
	sweeper->deep_at_ms = sweeper->pass_at_ms = 0;
	dispatch_reserve(sweeper->options.dispatch, 0);
}

/* The walk -------------------------------------------------------------------------------------------------------- */

static int64_t now_us(const struct sweeper *sweeper)
{
	return receipt_clock_now(sweeper->options.clock, clock_now_us(), clock_monotonic_ms() * MS_US);
}

static int64_t horizon_us(const struct sweeper *sweeper)
{
	return now_us(sweeper) - (int64_t)sweeper->options.lease_ms * MS_US;
}

/* These are undecided; what is not under way is to be fed. */
static void take_span(struct sweeper *sweeper, int64_t *oldest_us)
{
	if (sweeper->id_count > 0 && *oldest_us == 0)
		*oldest_us = submission_id_time_us(&sweeper->ids[0]);
	sweeper->pass.undecided += sweeper->id_count;
	sweeper->id_count = dispatch_missing(sweeper->options.dispatch, sweeper->ids, sweeper->id_count);
	sweeper->id_next = 0;
}

/* The floor stays where it is: the walk need not go over all that lies between. Where PostgreSQL fails it is for the
 * next pass. */
static void take_released(struct sweeper *sweeper)
{
	struct pass *pass = &sweeper->pass;
	if (sweep_released(sweeper->pg, &pass->cursor, sweeper->ids, &sweeper->id_count, deadline()) != PG_OK)
		sweeper->id_count = 0;
	take_span(sweeper, &pass->released_us);
}

static void begin_pass(struct sweeper *sweeper, int64_t now_ms)
{
	bool deep = now_ms >= sweeper->deep_at_ms;
	if (deep)
		sweeper->deep_at_ms = now_ms + DEEP_EVERY_MS;
	sweeper->pass = (struct pass){.walking = true, .begun_ms = now_ms};
	if (!deep && sweeper->floor_us > 0)
		sweeper->pass.cursor = submission_id_floor(sweeper->floor_us);
	sweeper->pass.until = submission_id_floor(horizon_us(sweeper));
	sweeper->id_count = sweeper->id_next = 0;
	take_released(sweeper);
}

static void show_pending(struct sweeper *sweeper, size_t undecided)
{
	const struct pass *pass = &sweeper->pass;
	int64_t oldest_us = pass->released_us != 0 ? pass->released_us : pass->oldest_us;
	metric_set(sweeper->options.metrics->pending, (int64_t)undecided);
	metric_set(
		sweeper->options.metrics->pending_age, oldest_us == 0 ? 0 : (now_us(sweeper) - oldest_us) / SECOND_US);
}

/* So that looking costs PostgreSQL a twentieth of its time at most. */
static int64_t rest_ms(int64_t worked_ms)
{
	int64_t rest = worked_ms * PASS_SHARE;
	rest = rest > PASS_LEAST_MS ? rest : PASS_LEAST_MS;
	return rest < PASS_MOST_MS ? rest : PASS_MOST_MS;
}

static void end_pass(struct sweeper *sweeper, int64_t now_ms)
{
	struct pass *pass = &sweeper->pass;
	int64_t until_us = submission_id_time_us(&pass->until);
	int64_t oldest_us = pass->oldest_us != 0 && pass->oldest_us < until_us ? pass->oldest_us : until_us;
	sweeper->floor_us = MUTANT_SWEEP_AFTER_LAST_SEEN ? until_us : oldest_us - (int64_t)SLOP_MS * MS_US;
	sweeper->pass_at_ms = now_ms + rest_ms(pass->worked_ms);
	show_pending(sweeper, pass->undecided);
	dispatch_reserve(sweeper->options.dispatch, 0);
	pass->walking = false;
}

/* The next span's undecided ids. False: PostgreSQL failed, or the pass is at its end. */
static bool next_span(struct sweeper *sweeper)
{
	struct pass *pass = &sweeper->pass;
	struct id128 end;
	int64_t begun_ms = clock_monotonic_ms();
	if (sweep_span(sweeper->pg, &pass->cursor, &pass->until, &end, deadline()) != PG_OK ||
		sweep_undecided(sweeper->pg, &pass->cursor, &end, sweeper->ids, &sweeper->id_count, deadline()) !=
			PG_OK)
		return false;
	pass->cursor = end;
	take_span(sweeper, &pass->oldest_us);
	pass->worked_ms += clock_monotonic_ms() - begun_ms;
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

/* How many of `left` to read whole now. Not one by one as places come free: each query has its price. But what fills
 * the window may all be waiting for the first of these, so a few are fed too, now and then. */
static size_t worth_feeding(struct sweeper *sweeper, size_t left, size_t room)
{
	int64_t now_ms = clock_monotonic_ms();
	size_t part = left < room ? left : room;
	part = part < SWEEP_ROWS_MAX ? part : SWEEP_ROWS_MAX;
	if (part == 0 || (part < left && part < SWEEP_ROWS_MAX / 4 && now_ms < sweeper->few_at_ms))
		return 0;
	sweeper->few_at_ms = now_ms + PATIENCE_MS;
	return part;
}

/* Feeds what the window takes. False: no room, or PostgreSQL failed. */
static bool feed(struct sweeper *sweeper)
{
	size_t left = sweeper->id_count - sweeper->id_next;
	size_t part = worth_feeding(sweeper, left, dispatch_room(sweeper->options.dispatch));
	dispatch_reserve(sweeper->options.dispatch, left);
	if (part == 0)
		return false;
	/* What has been sent since the span was read is not sent twice. */
	struct id128 *ids = sweeper->ids + sweeper->id_next;
	size_t missing = dispatch_missing(sweeper->options.dispatch, ids, part);
	if (missing > 0 && sweep_rows(sweeper->pg, ids, missing, offer_swept, sweeper, deadline()) != PG_OK)
		return false;
	sweeper->id_next += part;
	return true;
}

/* What found no room in the window, as soon as there is some: it does not wait for its age. False: nothing was fed. */
static bool feed_backlog(struct sweeper *sweeper)
{
	struct dispatch *dispatch = sweeper->options.dispatch;
	struct id128 ids[SWEEP_ROWS_MAX];
	size_t waiting = dispatch_backlog(dispatch), part = worth_feeding(sweeper, waiting, dispatch_room(dispatch));
	if (part == 0)
		return false;
	size_t count = dispatch_backlog_take(dispatch, ids, part);
	size_t missing = dispatch_missing(dispatch, ids, count);
	/* Where PostgreSQL fails the walk finds them. */
	return missing == 0 || sweep_rows(sweeper->pg, ids, missing, offer_swept, sweeper, deadline()) == PG_OK;
}

/* While a long backlog is fed a pass takes as long as that: what is left is counted apart. */
static void survey(struct sweeper *sweeper, int64_t now_ms)
{
	struct id128 cursor = sweeper->pass.cursor, until = submission_id_floor(horizon_us(sweeper)), end;
	size_t count, total = sweeper->id_count - sweeper->id_next;
	struct id128 *ids = now_ms < sweeper->survey_at_ms ? NULL : malloc(SWEEP_SPAN_ROWS * sizeof(*ids));
	if (ids == NULL)
		return;
	while (memcmp(&cursor, &until, sizeof(cursor)) < 0 && !atomic_load(&sweeper->closing) && holds_role(sweeper)) {
		if (sweep_span(sweeper->pg, &cursor, &until, &end, deadline()) != PG_OK ||
			sweep_undecided(sweeper->pg, &cursor, &end, ids, &count, deadline()) != PG_OK)
			break;
		total += count;
		cursor = end;
		elect(sweeper);
	}
	free(ids);
	show_pending(sweeper, total);
	int64_t ended_ms = clock_monotonic_ms();
	sweeper->survey_at_ms = ended_ms + rest_ms(ended_ms - now_ms);
}

/* Walks on as far as there is room. Gives how long to wait before the next step. */
static int walk(struct sweeper *sweeper)
{
	int64_t now_ms = clock_monotonic_ms();
	if (!sweeper->pass.walking) {
		if (now_ms < sweeper->pass_at_ms)
			return STEP_MS;
		begin_pass(sweeper, now_ms);
	}
	while (sweeper->id_next < sweeper->id_count) {
		if (!feed(sweeper)) {
			survey(sweeper, now_ms);
			return STEP_MS;
		}
	}
	if (memcmp(&sweeper->pass.cursor, &sweeper->pass.until, ID128_SIZE) >= 0)
		end_pass(sweeper, now_ms);
	else if (!next_span(sweeper))
		return STEP_MS;
	return 0;
}

/* The thread ------------------------------------------------------------------------------------------------------ */

static void *run(void *context)
{
	struct sweeper *sweeper = context;
	int wait_ms = STEP_MS;
	while (!atomic_load(&sweeper->closing)) {
		do_errands(sweeper, wait_ms);
		wait_ms = STEP_MS; /* unless there is more to do at once */
		if (!pg_ready(sweeper->pg, clock_monotonic_ms() + CONNECT_MS))
			continue;
		elect(sweeper);
		if (feed_backlog(sweeper))
			wait_ms = 0;
		if (holds_role(sweeper) && walk(sweeper) == 0)
			wait_ms = 0;
	}
	if (holds_role(sweeper) &&
		role_lease_end(sweeper->pg, ROLE, &sweeper->holder, clock_monotonic_ms() + CONNECT_MS) != PG_OK)
		log_info("sweeper_not_resigned");
	return NULL;
}

struct sweeper *sweeper_open(const struct sweeper_options *options)
{
	struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
	if (sweeper == NULL)
		return NULL;
	sweeper->options = *options;
	sweeper->holder = service_boot_id(options->service);
	sweeper->pg = pg_open_by_key(options->conninfo, "intake sweeper");
	sweeper->ids = malloc(SWEEP_SPAN_ROWS * sizeof(*sweeper->ids));
	if (sweeper->pg != NULL && sweeper->ids != NULL && pthread_create(&sweeper->thread, NULL, run, sweeper) == 0) {
		pthread_setname_np(sweeper->thread, "sweeper");
		return sweeper;
	}
	pg_close(&sweeper->pg);
	free(sweeper->ids);
	free(sweeper);
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
	pg_close(&sweeper->pg);
	free(sweeper->unfinished);
	free(sweeper->ids);
	free(sweeper);
}
