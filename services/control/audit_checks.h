/* The recount: what must stand in PostgreSQL, computed from submission and decision alone. */
#ifndef SANGKIEN_CONTROL_AUDIT_CHECKS_H
#define SANGKIEN_CONTROL_AUDIT_CHECKS_H

#include "common/runtime/pg.h"
#include "services/control/audit_report.h"

/* Opens the snapshot (REPEATABLE READ, read only) that all that follows is read in: writes going on give no false
 * drift. False with a line on stderr. */
bool audit_snapshot_open(struct pg *pg) MUST_CHECK;
/* Every check within the snapshot. */
bool audit_checks_run(struct pg *pg, struct audit_report *report) MUST_CHECK;

int64_t audit_deadline(void); /* from now, for one statement over everything */

#endif
