#include "services/intake/sweep_walk.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/mutant.h"

#include <stdlib.h>
#include <string.h>

enum {
	ELECT_EVERY_MS = 1500,
	FEW = SWEEP_ROWS_MAX / 4,
	PATIENCE_MS = 500, /* how long it waits for room for more than a few */
	REST_LEAST_MS = 1000,
	REST_SHARE = 20, /* looking is followed by a rest of as many times its length */
	REST_MOST_MS = 60000,
	SLOP_MS = 15000, /* how much later than its id a submission may appear: the writers' deadlines */
	DEEP_EVERY_MS = 600000,
	MS_US = 1000,
	SECOND_US = 1000000,
};

/* One walk over the ids, oldest first. Each starts anew at the oldest undecided one less a slop, never at the last one
 * seen: a commit may appear with an earlier id (a poller that remembered saw 2 before 1). */
struct pass {
	enum { RESTING, BEGINNING, WALKING } stage;
	struct id128 cursor, until;
	int64_t worked_ms;
	size_t undecided;
	int64_t oldest_us;   /* 0: none found yet */
	int64_t released_us; /* the oldest that an operator let go from quarantine, before the walk's beginning; or 0 */
};

/* While a long backlog is fed a pass takes as long as that: what is left is counted apart. */
struct survey {
	bool under_way;
	struct id128 cursor, until;
	int64_t worked_ms;
	size_t undecided;
};

struct sweep_walk {
	int64_t lease_us;
	struct sweep_step asked;
	int64_t asked_ms;
	bool failed;
	bool backlog_was_fed; /* then it is the walk's turn */
	int64_t epoch, elected_until_ms, elect_at_ms;
	struct pass pass;
	struct survey survey;
	int64_t floor_us;   /* nothing older is undecided, as far as is known */
	int64_t deep_at_ms; /* then from the very first one, whatever is known */
	int64_t pass_at_ms, survey_at_ms, few_at_ms;
	size_t id_count, id_next;
	struct id128 ids[SWEEP_SPAN_ROWS]; /* of one span, not under way */
};

struct sweep_walk *sweep_walk_new(uint32_t lease_ms)
{
	struct sweep_walk *walk = calloc(1, sizeof(*walk));
	if (walk != NULL)
		walk->lease_us = (int64_t)lease_ms * MS_US;
	return walk;
}

void sweep_walk_free(struct sweep_walk **walk)
{
	free(*walk);
	*walk = NULL;
}

size_t sweep_walk_left(const struct sweep_walk *walk)
{
	return walk->id_count - walk->id_next;
}

/* The role -------------------------------------------------------------------------------------------------------- */

bool sweep_walk_holds_role(const struct sweep_walk *walk, int64_t now_ms)
{
	return walk->epoch != 0 && now_ms < walk->elected_until_ms;
}

/* Another instance may have walked since: from the very first id. */
static void change_role(struct sweep_walk *walk, int64_t epoch)
{
	walk->epoch = epoch;
	walk->pass = (struct pass){0};
	walk->survey = (struct survey){0};
	walk->id_count = walk->id_next = 0;
	walk->deep_at_ms = walk->pass_at_ms = 0;
}

bool sweep_walk_elected(struct sweep_walk *walk, int64_t epoch)
{
	assert(walk->asked.action == SWEEP_ELECT);
	/* Counted from before the question, so that it ends here before it ends there. */
	walk->elected_until_ms = walk->asked_ms + SWEEP_ROLE_MS;
	if (epoch == walk->epoch)
		return false;
	change_role(walk, epoch);
	return true;
}

/* Feeding --------------------------------------------------------------------------------------------------------- */

/* How many of `left` to read whole now. Not one by one as places come free: each query has its price. But what fills
 * the window may all be waiting for the first of these, so a few are fed too, now and then. */
static size_t worth_feeding(const struct sweep_walk *walk, size_t left, const struct sweep_sight *sight)
{
	size_t part = left < sight->room ? left : sight->room;
	part = part < SWEEP_ROWS_MAX ? part : SWEEP_ROWS_MAX;
	return part < left && part < FEW && sight->now_ms < walk->few_at_ms ? 0 : part;
}

/* What found no room in the window, as soon as there is some: it does not wait for its age. */
static bool feed_backlog(const struct sweep_walk *walk, const struct sweep_sight *sight, struct sweep_step *step)
{
	size_t part = worth_feeding(walk, sight->backlog, sight);
	if (part > 0)
		*step = (struct sweep_step){.action = SWEEP_FEED_BACKLOG, .count = part};
	return part > 0;
}

static bool feed(const struct sweep_walk *walk, const struct sweep_sight *sight, struct sweep_step *step)
{
	size_t part = worth_feeding(walk, sweep_walk_left(walk), sight);
	if (part > 0)
		*step = (struct sweep_step){.action = SWEEP_FEED, .ids = walk->ids + walk->id_next, .count = part};
	return part > 0;
}

void sweep_walk_fed(struct sweep_walk *walk, int64_t now_ms)
{
	assert(walk->asked.action == SWEEP_FEED || walk->asked.action == SWEEP_FEED_BACKLOG);
	walk->few_at_ms = now_ms + PATIENCE_MS;
	walk->backlog_was_fed = walk->asked.action == SWEEP_FEED_BACKLOG;
	if (!walk->backlog_was_fed)
		walk->id_next += walk->asked.count;
}

/* Passes and surveys ---------------------------------------------------------------------------------------------- */

static bool is_before(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a, b, sizeof(*a)) < 0;
}

static struct id128 horizon(const struct sweep_walk *walk, const struct sweep_sight *sight)
{
	return submission_id_floor(sight->now_us - walk->lease_us);
}

/* So that looking costs PostgreSQL a twentieth of its time at most. */
static int64_t rest_ms(int64_t worked_ms)
{
	int64_t rest = worked_ms * REST_SHARE;
	rest = rest > REST_LEAST_MS ? rest : REST_LEAST_MS;
	return rest < REST_MOST_MS ? rest : REST_MOST_MS;
}

static struct sweep_step show(const struct sweep_walk *walk, const struct sweep_sight *sight, size_t pending)
{
	const struct pass *pass = &walk->pass;
	int64_t oldest_us = pass->released_us != 0 ? pass->released_us : pass->oldest_us;
	return (struct sweep_step){
		.action = SWEEP_SHOW,
		.pending = pending,
		.age_s = oldest_us == 0 ? 0 : (sight->now_us - oldest_us) / SECOND_US,
	};
}

static void begin_pass(struct sweep_walk *walk, const struct sweep_sight *sight)
{
	bool deep = sight->now_ms >= walk->deep_at_ms;
	if (deep)
		walk->deep_at_ms = sight->now_ms + DEEP_EVERY_MS;
	walk->pass = (struct pass){.stage = BEGINNING, .until = horizon(walk, sight)};
	if (!deep)
		walk->pass.cursor = submission_id_floor(walk->floor_us);
}

static void end_survey(struct sweep_walk *walk, const struct sweep_sight *sight)
{
	walk->survey.under_way = false;
	walk->survey_at_ms = sight->now_ms + rest_ms(walk->survey.worked_ms);
}

static struct sweep_step end_pass(struct sweep_walk *walk, const struct sweep_sight *sight)
{
	struct pass *pass = &walk->pass;
	int64_t until_us = submission_id_time_us(&pass->until);
	int64_t oldest_us = pass->oldest_us != 0 && pass->oldest_us < until_us ? pass->oldest_us : until_us;
	walk->floor_us = MUTANT_SWEEP_AFTER_LAST_SEEN ? until_us : oldest_us - (int64_t)SLOP_MS * MS_US;
	walk->pass_at_ms = sight->now_ms + rest_ms(pass->worked_ms);
	if (walk->survey.under_way)
		end_survey(walk, sight);
	pass->stage = RESTING;
	return show(walk, sight, pass->undecided);
}

/* False: it rests, or has no room for what it found. */
static bool walk_on(struct sweep_walk *walk, const struct sweep_sight *sight, struct sweep_step *step)
{
	struct pass *pass = &walk->pass;
	if (walk->epoch == 0 || (pass->stage == RESTING && sight->now_ms < walk->pass_at_ms))
		return false;
	if (pass->stage == RESTING)
		begin_pass(walk, sight);
	if (pass->stage == BEGINNING)
		*step = (struct sweep_step){.action = SWEEP_READ_RELEASED, .from = pass->cursor};
	else if (sweep_walk_left(walk) > 0)
		return feed(walk, sight, step);
	else if (is_before(&pass->cursor, &pass->until))
		*step = (struct sweep_step){.action = SWEEP_READ_SPAN, .from = pass->cursor, .until = pass->until};
	else
		*step = end_pass(walk, sight);
	return true;
}

static void count_on(struct sweep_walk *walk, const struct sweep_sight *sight, struct sweep_step *step)
{
	struct survey *survey = &walk->survey;
	if (sweep_walk_left(walk) == 0 || (!survey->under_way && sight->now_ms < walk->survey_at_ms))
		return;
	if (!survey->under_way)
		*survey = (struct survey){.under_way = true,
			.cursor = walk->pass.cursor,
			.until = horizon(walk, sight),
			.undecided = sweep_walk_left(walk)};
	if (is_before(&survey->cursor, &survey->until)) {
		*step = (struct sweep_step){
			.action = SWEEP_SURVEY_SPAN, .from = survey->cursor, .until = survey->until};
		return;
	}
	end_survey(walk, sight);
	*step = show(walk, sight, survey->undecided);
}

/* `*oldest_us` stays what an earlier span has given. */
static void take_found(struct sweep_walk *walk, const struct sweep_found *found, int64_t *oldest_us)
{
	if (found->undecided > 0 && *oldest_us == 0)
		*oldest_us = submission_id_time_us(&found->oldest);
	walk->pass.undecided += found->undecided;
	memcpy(walk->ids, found->ids, found->count * sizeof(*walk->ids));
	walk->id_count = found->count;
	walk->id_next = 0;
	walk->backlog_was_fed = false;
}

void sweep_walk_found(struct sweep_walk *walk, const struct sweep_found *found, int64_t now_ms)
{
	struct pass *pass = &walk->pass;
	struct survey *survey = &walk->survey;
	int64_t took_ms = now_ms - walk->asked_ms;
	assert(found->count <= found->undecided && found->undecided <= SWEEP_SPAN_ROWS);
	switch (walk->asked.action) {
	case SWEEP_READ_RELEASED:
		/* The floor stays where it is: the walk need not go over all that lies between. */
		take_found(walk, found, &pass->released_us);
		pass->stage = WALKING;
		pass->worked_ms += took_ms;
		break;
	case SWEEP_READ_SPAN:
		take_found(walk, found, &pass->oldest_us);
		pass->cursor = found->end;
		pass->worked_ms += took_ms;
		break;
	case SWEEP_SURVEY_SPAN:
		survey->cursor = found->end;
		survey->undecided += found->undecided;
		survey->worked_ms += took_ms;
		break;
	default:
		assert(!"nothing was looked for");
	}
}

/* Steps ----------------------------------------------------------------------------------------------------------- */

/* What came in and what was left over take turns, so that a long one does not hold up the other. */
static void choose(struct sweep_walk *walk, const struct sweep_sight *sight, struct sweep_step *step)
{
	bool found = walk->backlog_was_fed ? walk_on(walk, sight, step) || feed_backlog(walk, sight, step)
					   : feed_backlog(walk, sight, step) || walk_on(walk, sight, step);
	if (!found)
		count_on(walk, sight, step);
}

struct sweep_step sweep_walk_next(struct sweep_walk *walk, const struct sweep_sight *sight)
{
	struct sweep_step step = {.action = SWEEP_WAIT, .wait_ms = SWEEP_STEP_MS};
	if (walk->epoch != 0 && !sweep_walk_holds_role(walk, sight->now_ms))
		change_role(walk, 0);
	if (walk->failed) {
		walk->failed = false;
	} else if (sight->now_ms >= walk->elect_at_ms) {
		walk->elect_at_ms = sight->now_ms + ELECT_EVERY_MS;
		step = (struct sweep_step){.action = SWEEP_ELECT};
	} else {
		choose(walk, sight, &step);
	}
	walk->asked = step;
	walk->asked_ms = sight->now_ms;
	return step;
}

void sweep_walk_failed(struct sweep_walk *walk)
{
	walk->failed = true;
	/* What is held of the role runs out by itself; what was let go from quarantine is for the next pass. */
	if (walk->asked.action == SWEEP_READ_RELEASED)
		walk->pass.stage = WALKING;
}
