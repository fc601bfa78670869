/* The log of what persons decided, read from its first row to its head: is each row as it was written, in its place,
 * and the decision it made there? */
#ifndef SANGKIEN_CONTROL_AUDIT_LOG_H
#define SANGKIEN_CONTROL_AUDIT_LOG_H

#include "common/runtime/pg.h"
#include "services/control/audit_report.h"

/* Within the audit's snapshot. A drift names the row by its number. False with a line on stderr. */
bool audit_log_check(struct pg *pg, struct audit_report *report) MUST_CHECK;

#endif
