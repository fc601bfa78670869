#include "services/notification/outbox.h"

#include <string.h>

/* event_key is 'verdict:<submission>:<revision>': the notice tells of that revision, whatever has come since. */
static const char claim_sql[] =
	"WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE state = 0 AND channel = 'smtp' AND next_at <= now() "
	"ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED), "
	"claimed AS (UPDATE outbox o SET next_at = now() + $2 * interval '1 ms', attempts = o.attempts + 1 "
	"FROM due WHERE o.id = due.id RETURNING o.*) "
	"SELECT c.id, c.submission_id, c.attempts, c.campaign_id, c.created_at, s.sealed, s.received_at, d.status, "
	"d.reasons, d.decided_at FROM claimed c LEFT JOIN submission s ON s.id = c.submission_id "
	"LEFT JOIN decision d ON d.submission_id = c.submission_id AND c.event = 'verdict' "
	"AND d.revision::text = split_part(c.event_key, ':', 3) ORDER BY c.created_at, c.id";

static const char sent_sql[] = "UPDATE outbox SET state = 1, sent_at = now(), last_error = NULL "
			       "WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char later_sql[] = "UPDATE outbox SET next_at = now() + $3 * interval '1 ms', last_error = $4 "
				"WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char dead_sql[] = "UPDATE outbox SET state = 2, last_error = $3 "
			       "WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char hand_back_sql[] = "UPDATE outbox o SET next_at = now(), attempts = o.attempts - 1 "
				    "FROM unnest($1, $2) AS k(id, attempt) "
				    "WHERE o.id = k.id AND o.attempts = k.attempt AND o.state = 0";
static const char backlog_sql[] =
	"SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE state = 0 LIMIT $1) AS some), "
	"coalesce((SELECT extract(epoch FROM now() - min(next_at)) * 1000 FROM outbox WHERE state = 0), 0)::bigint";

enum { ID, SUBMISSION, ATTEMPTS, CAMPAIGN, CREATED_AT, SEALED, RECEIVED_AT, STATUS, REASONS, DECIDED_AT };

enum pg_status outbox_claim(struct pg *pg, uint32_t most, uint32_t claim_ms, PGresult **rows, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(pg);

	pg_i64(p, most);
	pg_real(p, claim_ms);
	return pg_run(pg, claim_sql, rows, deadline_ms);
}

void outbox_read(const PGresult *rows, int index, struct outbox_row *row)
{
	*row = (struct outbox_row){
		.id = pg_get_uuid(rows, index, ID),
		.attempt = pg_get_i32(rows, index, ATTEMPTS),
		.campaign = (uint32_t)pg_get_i16(rows, index, CAMPAIGN),
		.created_at = pg_get_instant(rows, index, CREATED_AT),
		.is_told = !pg_get_null(rows, index, SEALED) && !pg_get_null(rows, index, STATUS),
	};
	if (!row->is_told)
		return;
	row->submission = pg_get_uuid(rows, index, SUBMISSION);
	row->sealed = pg_get_bytes(rows, index, SEALED);
	row->received_at = pg_get_instant(rows, index, RECEIVED_AT);
	row->status = (enum submission_status)pg_get_i16(rows, index, STATUS);
	row->reasons = pg_get_bytes(rows, index, REASONS);
	row->decided_at = pg_get_instant(rows, index, DECIDED_AT);
}

enum pg_status outbox_end(struct pg *pg, const struct outbox_row *row, enum outbox_end end, uint32_t delay_ms,
	const char *error, bool *ours, int64_t deadline_ms)
{
	static const char *const statements[] = {
		[OUTBOX_SENT] = sent_sql, [OUTBOX_LATER] = later_sql, [OUTBOX_DEAD] = dead_sql};
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	enum pg_status status;

	pg_uuid(p, &row->id);
	pg_i32(p, row->attempt);
	if (end == OUTBOX_LATER)
		pg_real(p, delay_ms);
	if (end != OUTBOX_SENT)
		pg_cstr(p, error);
	status = pg_run(pg, statements[end], &rows, deadline_ms);
	*ours = status == PG_OK && PQntuples(rows) == 1;
	return status;
}

enum pg_status outbox_hand_back(struct pg *pg, const PGresult *rows, int first, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(pg);

	pg_array_begin(p, PG_OID_UUID);
	for (int i = first; i < PQntuples(rows); i++) {
		struct id128 id = pg_get_uuid(rows, i, ID);

		pg_uuid(p, &id);
	}
	pg_array_end(p);
	pg_array_begin(p, PG_OID_INT4);
	for (int i = first; i < PQntuples(rows); i++)
		pg_i32(p, pg_get_i32(rows, i, ATTEMPTS));
	pg_array_end(p);
	return pg_run(pg, hand_back_sql, NULL, deadline_ms);
}

enum pg_status outbox_backlog(struct pg *pg, uint32_t most, int64_t *count, int64_t *overdue_ms, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;

	pg_i64(pg_params(pg), most);
	status = pg_run(pg, backlog_sql, &rows, deadline_ms);
	if (status != PG_OK)
		return status;
	*count = pg_get_i64(rows, 0, 0);
	*overdue_ms = pg_get_i64(rows, 0, 1);
	if (*overdue_ms < 0)
		*overdue_ms = 0;
	return PG_OK;
}
