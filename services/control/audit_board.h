/* The boards in Redis against the totals in PostgreSQL, at one version. */
#ifndef SANGKIEN_CONTROL_AUDIT_BOARD_H
#define SANGKIEN_CONTROL_AUDIT_BOARD_H

#include "common/runtime/pg.h"
#include "common/runtime/redis.h"
#include "services/control/audit_report.h"

struct audit_boards;

/* Reads versions and totals within the snapshot; NULL with a line on stderr. */
struct audit_boards *audit_boards_read(struct pg *pg) MUST_CHECK;
void audit_boards_free(struct audit_boards **boards);

/* A row that Redis has at the snapshot's version or an older one must be equal, and one for which PostgreSQL has no
 * total must not be there; one that has moved on since is left out and counted, as far as PostgreSQL has the version by
 * now: one beyond that is nobody's. A board may take `patience_ms` to reach the snapshot's version. Sets
 * report->redis_away where Redis does not answer. False with a line on stderr: PostgreSQL does not. */
bool audit_boards_compare(struct audit_boards *boards, struct pg *pg, struct redis *redis, int64_t patience_ms,
	struct audit_report *report) MUST_CHECK;

#endif
