/* What the sweeper's thread asks of PostgreSQL next: the role, what found no room in the window, and the walk over the
 * ids, oldest first. Pure: it gives one step at a time and is told what came of it; time and the window's room are
 * arguments. A step that nothing came of is given again. */
#ifndef SANGKIEN_INTAKE_SWEEP_WALK_H
#define SANGKIEN_INTAKE_SWEEP_WALK_H

#include "common/runtime/base.h"

enum {
	SWEEP_SPAN_ROWS = 20000, /* submissions looked at by one step */
	SWEEP_ROWS_MAX = 256,    /* read whole by one step */
	SWEEP_ROLE_MS = 5000,    /* the role's lease */
	SWEEP_STEP_MS = 50,      /* wait while there is nothing to do, or no room for it */
};

enum sweep_action {
	SWEEP_WAIT,          /* for wait_ms */
	SWEEP_ELECT,         /* take or renew the role: sweep_walk_elected() */
	SWEEP_FEED_BACKLOG,  /* offer the window `count` of what found no room: sweep_walk_fed() */
	SWEEP_FEED,          /* offer the window `count` submissions of `ids`: sweep_walk_fed() */
	SWEEP_READ_RELEASED, /* what is before `from` and was let go from quarantine: sweep_walk_found() */
	SWEEP_READ_SPAN,     /* a span of [from, until): sweep_walk_found() */
	SWEEP_SURVEY_SPAN,   /* the same, to be counted alone: sweep_walk_found() */
	SWEEP_SHOW,          /* so many are pending, the oldest of them for age_s */
};

struct sweep_step {
	enum sweep_action action;
	int wait_ms;
	struct id128 from, until;
	const struct id128 *ids; /* the walk's own, until the next call */
	size_t count;
	size_t pending;
	int64_t age_s;
};

struct sweep_sight {
	int64_t now_ms; /* monotonic */
	int64_t now_us; /* the time of day, by which ids are made */
	size_t room;    /* in the window */
	size_t backlog; /* what waits there for room */
};

/* What one span holds. */
struct sweep_found {
	struct id128 end;        /* the first id beyond it */
	size_t undecided;        /* at most SWEEP_SPAN_ROWS */
	struct id128 oldest;     /* of these */
	const struct id128 *ids; /* those of them that are not under way, ascending */
	size_t count;
};

struct sweep_walk;
/* Takes the ids of one span. A submission is looked after when it is older than `lease_ms`. */
struct sweep_walk *sweep_walk_new(uint32_t lease_ms) MUST_CHECK;
void sweep_walk_free(struct sweep_walk **walk);

struct sweep_step sweep_walk_next(struct sweep_walk *walk, const struct sweep_sight *sight) MUST_CHECK;

/* What came of the last step. `epoch` 0: another instance holds the role. True: the role was taken or lost. */
bool sweep_walk_elected(struct sweep_walk *walk, int64_t epoch);
void sweep_walk_found(struct sweep_walk *walk, const struct sweep_found *found, int64_t now_ms);
void sweep_walk_fed(struct sweep_walk *walk, int64_t now_ms);
void sweep_walk_failed(struct sweep_walk *walk); /* PostgreSQL would not */

/* Found and not fed yet: places to be kept for it. */
size_t sweep_walk_left(const struct sweep_walk *walk);
bool sweep_walk_holds_role(const struct sweep_walk *walk, int64_t now_ms);

#endif
