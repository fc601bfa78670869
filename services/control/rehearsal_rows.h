/* What was decided, from PostgreSQL into a rehearsal: page by page in the order of ids, in one snapshot of the data. */
#ifndef SANGKIEN_CONTROL_REHEARSAL_ROWS_H
#define SANGKIEN_CONTROL_REHEARSAL_ROWS_H

#include "common/runtime/pg.h"
#include "services/control/rehearsal.h"

/* Within a transaction that reads one state. `undecided`: those that the new rules will judge when their turn comes.
 * False: PostgreSQL failed, pg_error() says how. */
bool rehearsal_read(struct pg *pg, int16_t campaign_id, struct rehearsal *rehearsal, uint64_t *undecided) MUST_CHECK;

#endif
