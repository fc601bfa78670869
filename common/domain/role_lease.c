#include "common/domain/role_lease.h"

enum pg_status role_lease_take(struct pg *pg, const char *role, const struct id128 *holder, uint32_t lease_ms,
	int64_t *epoch, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_cstr(p, role);
	pg_uuid(p, holder);
	pg_i32(p, (int32_t)lease_ms);
	*epoch = 0;
	enum pg_status status = pg_run(pg,
		"INSERT INTO role_lease AS r (role, epoch, holder, expires_at) "
		"VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond') "
		"ON CONFLICT (role) DO UPDATE SET epoch = r.epoch + (r.holder <> EXCLUDED.holder)::int, "
		"holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at "
		"WHERE r.holder = EXCLUDED.holder OR r.expires_at < clock_timestamp() RETURNING epoch",
		&rows, deadline_ms);
	if (status == PG_OK && PQntuples(rows) == 1)
		*epoch = pg_get_i64(rows, 0, 0);
	return status;
}

enum pg_status role_lease_end(struct pg *pg, const char *role, const struct id128 *holder, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(pg);
	pg_cstr(p, role);
	pg_uuid(p, holder);
	return pg_run(pg, "UPDATE role_lease SET expires_at = clock_timestamp() WHERE role = $1 AND holder = $2", NULL,
		deadline_ms);
}
