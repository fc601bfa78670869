#include "services/deduplication/snapshots.h"

#include "common/runtime/log.h"

static bool failed(struct pg *pg, const char *what)
{
	log_warn("snapshot_failed", KV_TEXT("doing", what), KV_TEXT("why", pg_error(pg)));
	return false;
}

static bool unreadable(uint32_t number)
{
	log_error("snapshot_unreadable", KV_U64("snapshot", number));
	return false;
}

/* One row or none. */
static bool read_newest(struct pg *pg, uint32_t above, PGresult **rows, int64_t deadline_ms)
{
	if (!pg_ready(pg, deadline_ms))
		return false;
	pg_i32(pg_params(pg), (int32_t)above);
	return pg_run(pg,
		       "SELECT number, counters FROM frequency_snapshot WHERE number > $1 ORDER BY number DESC LIMIT 1",
		       rows, deadline_ms) == PG_OK ||
	       failed(pg, "read");
}

bool snapshots_take_newest(struct pg *pg, struct weights **weights, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	if (!read_newest(pg, (*weights)->number, &rows, deadline_ms))
		return false;
	if (PQntuples(rows) == 0)
		return true;
	uint32_t number = (uint32_t)pg_get_i32(rows, 0, 0);
	struct weights *newer = weights_new(number, pg_get_bytes(rows, 0, 1));
	if (newer == NULL)
		return unreadable(number);
	weights_free(weights);
	*weights = newer;
	log_info("snapshot_taken", KV_U64("snapshot", number), KV_U64("documents", newer->documents));
	return true;
}

bool snapshots_resume(struct pg *pg, struct frequency *frequency, struct id128 *last, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	*last = (struct id128){0};
	if (!read_newest(pg, 0, &rows, deadline_ms))
		return false;
	if (PQntuples(rows) == 0)
		return true;
	uint32_t number = (uint32_t)pg_get_i32(rows, 0, 0);
	if (!frequency_resume(frequency, number, pg_get_bytes(rows, 0, 1), last))
		return unreadable(number);
	log_info("snapshot_resumed", KV_U64("snapshot", number), KV_U64("documents", frequency_documents(frequency)));
	return true;
}

/* The outcome of an INSERT may be unknown; asked again, the very same row is as good as a new one. */
static const char publish_sql[] =
	"WITH made AS (INSERT INTO frequency_snapshot (number, documents, counters) VALUES ($1, $2, $3) "
	"ON CONFLICT (number) DO NOTHING RETURNING 1) "
	"SELECT EXISTS (SELECT FROM made) OR "
	"EXISTS (SELECT FROM frequency_snapshot WHERE number = $1 AND counters = $3)";

enum publication snapshots_publish(struct pg *pg, struct frequency *frequency, int64_t deadline_ms)
{
	CLEANUP(buffer_deinit) struct buffer snapshot = {0};
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	uint32_t number = frequency_number(frequency) + 1;

	if (!pg_ready(pg, deadline_ms))
		return PUBLISH_LATER;
	frequency_write(frequency, &snapshot);
	if (snapshot.failed)
		return PUBLISH_LATER;
	struct pg_params *params = pg_params(pg);
	pg_i32(params, (int32_t)number);
	pg_i64(params, (int64_t)frequency_documents(frequency));
	pg_bytea(params, buffer_bytes(&snapshot));
	if (pg_run(pg, publish_sql, &rows, deadline_ms) != PG_OK) {
		(void)failed(pg, "publish");
		return PUBLISH_LATER;
	}
	if (!pg_get_bool(rows, 0, 0))
		return PUBLISHED_BY_OTHER;
	frequency_published(frequency);
	log_info("snapshot_published", KV_U64("snapshot", number), KV_U64("documents", frequency_documents(frequency)),
		KV_U64("bytes", snapshot.size));
	return PUBLISHED;
}
