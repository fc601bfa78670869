#include "services/intake/find_decisions.h"

static struct decision *read_decision(const PGresult *rows, int row)
{
	struct decision *decision = decision_new(pg_get_bytes(rows, row, 4));
	if (decision == NULL)
		return NULL;
	decision->status = (enum submission_status)pg_get_i16(rows, row, 1);
	decision->phase = (uint32_t)pg_get_i16(rows, row, 2);
	decision->decided_at = pg_get_instant(rows, row, 3);
	if (!pg_get_null(rows, row, 5)) {
		decision->similar[0] = pg_get_real(rows, row, 5);
		decision->similar_count = 1;
	}
	return decision;
}

enum pg_status find_decisions(struct pg *pg, const struct id128 *submissions, size_t count,
	void (*take)(size_t at, struct decision *decision, void *context), void *context, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &submissions[i]);
	pg_array_end(p);
	enum pg_status status = pg_run(pg,
		"SELECT DISTINCT ON (w.n) w.n, d.status, d.phase, d.decided_at, d.reasons, d.score "
		"FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, n) JOIN decision d ON d.submission_id = w.id "
		"ORDER BY w.n, d.revision DESC",
		&rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++)
		take((size_t)pg_get_i64(rows, row, 0) - 1, read_decision(rows, row), context);
	return status;
}
