/* The SQL of looking after submissions without a decision: the anti-join, their rows, quarantine. */
#ifndef SANGKIEN_INTAKE_SWEEP_H
#define SANGKIEN_INTAKE_SWEEP_H

#include "common/runtime/pg.h"
#include "services/intake/dispatch.h"
#include "services/intake/sweep_walk.h"

/* Where a span of at most SWEEP_SPAN_ROWS submissions from `from` ends: the first id beyond it, at most `until`. */
enum pg_status sweep_span(struct pg *pg, const struct id128 *from, const struct id128 *until, struct id128 *end,
	int64_t deadline_ms) MUST_CHECK;
/* Ids in [from, end) without a decision and not in quarantine, ascending. `ids` has room for SWEEP_SPAN_ROWS. */
enum pg_status sweep_undecided(struct pg *pg, const struct id128 *from, const struct id128 *end, struct id128 *ids,
	size_t *count, int64_t deadline_ms) MUST_CHECK;
/* The same of all before `before` that an operator let go from quarantine. */
enum pg_status sweep_released(
	struct pg *pg, const struct id128 *before, struct id128 *ids, size_t *count, int64_t deadline_ms) MUST_CHECK;
/* Of these ids the undecided ones (see above) to the front, the others behind them. */
enum pg_status sweep_judge(
	struct pg *pg, struct id128 *ids, size_t count, size_t *undecided, int64_t deadline_ms) MUST_CHECK;
/* Calls `take` with a parcel (the taker's) for each undecided one of at most SWEEP_ROWS_MAX ids. Never personal data.
 */
enum pg_status sweep_rows(struct pg *pg, const struct id128 *ids, size_t count,
	void (*take)(struct parcel *parcel, void *context), void *context, int64_t deadline_ms) MUST_CHECK;

enum pg_status sweep_quarantine(
	struct pg *pg, const struct id128 *id, const char *reason, int64_t deadline_ms) MUST_CHECK;

#endif
