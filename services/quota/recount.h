/* The slow half of the audit in the background: every decision is read again, a slice at a time, and summed up beside
 * the totals as they stood when the pass began.
 *
 * A snapshot that is held for minutes would keep PostgreSQL from clearing away old versions of the totals' rows, which
 * change with every transaction, and slow down all of them. So none is held: the first step copies the totals and notes
 * its snapshot; each slice has a snapshot of its own and leaves out what the noted one did not show. Decisions are only
 * ever added, so that what is left is what the first step would have read, whatever was written since. */
#ifndef SANGKIEN_QUOTA_RECOUNT_H
#define SANGKIEN_QUOTA_RECOUNT_H

#include "common/runtime/pg.h"
#include "services/quota/audit.h"

struct recount;

struct recount *recount_new(void) MUST_CHECK;
void recount_free(struct recount **recount);

enum recount_progress {
	RECOUNT_GOES_ON,
	RECOUNT_DONE,    /* the pass is over; the next step begins another */
	RECOUNT_CUT_OFF, /* PostgreSQL failed; the next step begins another */
};
/* One step, of tens of milliseconds but for the first and the last of a pass. The connection is the recount's own: it
 * keeps temporary tables. */
enum recount_progress recount_step(
	struct recount *recount, struct pg *pg, const struct audit_listener *listener) MUST_CHECK;
uint64_t recount_decisions(const struct recount *recount); /* read in this pass */

#endif
