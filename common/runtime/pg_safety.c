#include "common/runtime/pg_safety.h"

#include "common/runtime/config.h"
#include "common/runtime/log.h"
#include "common/runtime/pg_connection.h"

#include <stdatomic.h>
#include <unistd.h>

/* Of the session's defaults: the session itself has switched synchronous_commit on. */
static const char unsafe_sql[] = "SELECT string_agg(name || '=off', ', ' ORDER BY name) FROM pg_settings "
				 "WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') "
				 "AND reset_val = 'off'";

static atomic_bool required;

void pg_require_safe_server(void)
{
	atomic_store(&required, true);
}

bool pg_check_server(struct pg *pg, int64_t deadline_ms)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	if (!atomic_load(&required))
		return true;
	if (!PQsendQuery(pg->connection, unsafe_sql) || pg_finish(pg, &rows, false, deadline_ms) != PG_OK)
		return false;
	if (PQgetisnull(rows, 0, 0))
		return true;
	/* Nothing that this process could do with such a server is right, so it does nothing more. */
	log_error("postgresql_unsafe", KV_TEXT("settings", PQgetvalue(rows, 0, 0)),
		KV_TEXT("why", "receipts could be lost with the machine; set them on, or SANGKIEN_PRODUCTION=0"));
	_exit(CONFIG_EXIT_BAD);
}
