/* The SQL of what has become of submissions. */
#ifndef SANGKIEN_INTAKE_FIND_DECISIONS_H
#define SANGKIEN_INTAKE_FIND_DECISIONS_H

#include "common/runtime/pg.h"
#include "services/intake/decision.h"

/* Calls `take` with the newest decision (the taker's; NULL without memory) of each that has one, and its place in
 * `submissions`. */
enum pg_status find_decisions(struct pg *pg, const struct id128 *submissions, size_t count,
	void (*take)(size_t at, struct decision *decision, void *context), void *context,
	int64_t deadline_ms) MUST_CHECK;

#endif
