#include "common/domain/quarantine.h"

bool quarantine_put(struct pg *pg, const struct id128 *id, const char *stage, const char *reason, int64_t deadline_ms)
{
	if (!pg_ready(pg, deadline_ms))
		return false;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, id);
	pg_cstr(p, stage);
	pg_cstr(p, reason);
	return pg_run(pg,
		       "INSERT INTO quarantine AS q (submission_id, stage, reason) VALUES ($1, $2, $3) "
		       "ON CONFLICT (submission_id, stage) DO UPDATE SET "
		       "attempts = q.attempts + 1, reason = excluded.reason, at = now(), released_at = NULL",
		       NULL, deadline_ms) == PG_OK;
}
