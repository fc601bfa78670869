/* Poison is put aside, not retried for ever and not dropped (law 9): a submission that a stage refused for good waits
 * in `quarantine` for an operator; the sweeper leaves it alone until it is released. */
#ifndef SANGKIEN_DOMAIN_QUARANTINE_H
#define SANGKIEN_DOMAIN_QUARANTINE_H

#include "common/runtime/pg.h"

/* `stage` is where it failed, `reason` is for people and holds no personal data. Again for the same submission and
 * stage: one attempt more, and it waits anew. False: PostgreSQL could not; nothing is lost, for the submission stays
 * undecided and the sweeper brings it round again. */
bool quarantine_put(
	struct pg *pg, const struct id128 *id, const char *stage, const char *reason, int64_t deadline_ms) MUST_CHECK;

#endif
