/* How far a unit is in a phase, a round or the whole campaign, and whether it will get there. Pure: time is an
 * argument, days are those of Asia/Ho_Chi_Minh and count in full. */
#ifndef SANGKIEN_DOMAIN_PROGRESS_H
#define SANGKIEN_DOMAIN_PROGRESS_H

#include "common/domain/targets.h"

enum { PROGRESS_PACE_DAYS = 7, PROGRESS_SCALE = 100 /* rates are in hundredths */ };

/* 1000 · done / target, rounded half up: tenths of a percent. False: no target to measure by (0 is none). */
bool progress_permille(uint64_t done, uint64_t target, uint64_t *permille) MUST_CHECK;

/* Instants, [starts_at, ends_at). */
struct progress_window {
	int64_t starts_at, ends_at;
};
/* The days of the last seven, today with them, that lie in the window and have begun; 0 before and after it. */
struct progress_days {
	int32_t first, last;
	uint32_t count;
};
struct progress_days progress_pace_days(const struct progress_window *window, int64_t now);
/* Days that are left to count in, today with them: all of them before the window, 0 after it. */
uint32_t progress_days_left(const struct progress_window *window, int64_t now);

struct progress_figures {
	uint64_t counted, people;
	uint64_t recent_counted, recent_people; /* of these, received on the days of progress_pace_days() */
};
struct progress {
	uint64_t done; /* initiatives or people, whichever the target counts */
	bool has_target, has_percent, met;
	uint64_t target;
	uint64_t permille; /* 1000 · done / target, never capped (R19) */
	uint32_t days_left;
	bool has_required;
	uint64_t required;  /* a day from now on, in hundredths, rounded up: who keeps it gets there */
	uint64_t pace;      /* a day, in hundredths */
	uint64_t projected; /* at the end of the window, if the pace stays */
};
/* `target` NULL: none; then it is about initiatives. */
struct progress progress_of(const struct progress_window *window, const struct progress_figures *figures,
	const struct target *target, int64_t now);

/* Negative: `a` lags more. The lesser share of its target first, then who lacks more; without a target last. */
int progress_compare(const struct progress *a, const struct progress *b);

#endif
