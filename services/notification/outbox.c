#include "services/notification/outbox.h"

#include <string.h>

/* event_key is 'verdict:<submission>:<revision>': the notice tells of that revision, whatever has come since. */
static const char claim_sql[] =
	"WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE state = 0 AND campaign_id = $1 AND channel = $2 "
	"AND next_at <= now() ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED), "
	"claimed AS (UPDATE outbox o SET next_at = now() + $4 * interval '1 ms', attempts = o.attempts + 1 "
	"FROM due WHERE o.id = due.id RETURNING o.*) "
	"SELECT c.id, c.attempts, c.attempts - c.forgiven, c.created_at, c.event, c.submission_id, s.sealed, "
	"s.unit_id, "
	"s.received_at, d.status, d.reasons, d.decided_at, c.officer_id, f.sealed, f.english, c.facts::text "
	"FROM claimed c LEFT JOIN submission s ON s.id = c.submission_id "
	"LEFT JOIN decision d ON d.submission_id = c.submission_id AND c.event = 'verdict' "
	"AND d.revision::text = split_part(c.event_key, ':', 3) LEFT JOIN officer f ON f.id = c.officer_id "
	"ORDER BY c.created_at, c.id";
enum {
	ID,
	ATTEMPTS,
	TRIES,
	CREATED_AT,
	EVENT,
	SUBMISSION,
	SEALED,
	UNIT,
	RECEIVED_AT,
	STATUS,
	REASONS,
	DECIDED_AT,
	OFFICER,
	OFFICER_SEALED,
	ENGLISH,
	FACTS
};

static const char sent_sql[] = "UPDATE outbox SET state = 1, sent_at = now(), last_error = NULL "
			       "WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char later_sql[] = "UPDATE outbox SET next_at = now() + $3 * interval '1 ms', last_error = $4 "
				"WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char dead_sql[] = "UPDATE outbox SET state = 2, last_error = $3 "
			       "WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char untried_sql[] = "UPDATE outbox SET next_at = now(), attempts = attempts - 1 "
				  "WHERE id = $1 AND attempts = $2 AND state = 0 RETURNING 1";
static const char backlog_sql[] =
	"SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE state = 0 LIMIT $1) AS few), "
	"coalesce((SELECT extract(epoch FROM now() - min(next_at)) * 1000 FROM outbox WHERE state = 0), 0)::bigint";

enum pg_status outbox_claim(struct pg *pg, uint32_t campaign, const char *channel, uint32_t most, uint32_t claim_ms,
	PGresult **rows, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)campaign);
	pg_cstr(p, channel);
	pg_i64(p, most);
	pg_real(p, claim_ms);
	return pg_run(pg, claim_sql, rows, deadline_ms);
}

static void read_submission(const PGresult *rows, int index, struct outbox_row *row)
{
	row->is_told = !pg_get_null(rows, index, SEALED) &&
		       (row->event == NOTICE_RECEIPT || !pg_get_null(rows, index, STATUS));
	if (!row->is_told)
		return;
	row->submission = row->sealed_for = pg_get_uuid(rows, index, SUBMISSION);
	row->sealed = pg_get_bytes(rows, index, SEALED);
	row->unit = (uint32_t)pg_get_i32(rows, index, UNIT);
	row->received_at = pg_get_instant(rows, index, RECEIVED_AT);
	if (row->event == NOTICE_RECEIPT)
		return;
	row->status = (enum submission_status)pg_get_i16(rows, index, STATUS);
	row->reasons = pg_get_bytes(rows, index, REASONS);
	row->decided_at = pg_get_instant(rows, index, DECIDED_AT);
}

static void read_officer(const PGresult *rows, int index, struct outbox_row *row)
{
	row->is_told = !pg_get_null(rows, index, OFFICER_SEALED) && !pg_get_null(rows, index, FACTS);
	if (!row->is_told)
		return;
	row->sealed_for = pg_get_uuid(rows, index, OFFICER);
	row->sealed = pg_get_bytes(rows, index, OFFICER_SEALED);
	row->english = pg_get_bool(rows, index, ENGLISH);
	row->facts = pg_get_bytes(rows, index, FACTS);
}

void outbox_read(const PGresult *rows, int index, struct outbox_row *row)
{
	*row = (struct outbox_row){
		.claim = {.id = pg_get_uuid(rows, index, ID),
			.attempt = pg_get_i32(rows, index, ATTEMPTS),
			.tries = pg_get_i32(rows, index, TRIES),
			.created_at = pg_get_instant(rows, index, CREATED_AT)},
	};
	row->is_known = notice_event_parse(pg_get_bytes(rows, index, EVENT), &row->event);
	if (row->is_known && row->event <= NOTICE_VERDICT)
		read_submission(rows, index, row);
	else if (row->is_known)
		read_officer(rows, index, row);
}

enum pg_status outbox_end(struct pg *pg, const struct outbox_claim *claim, enum outbox_end end, uint32_t delay_ms,
	const char *error, bool *ours, int64_t deadline_ms)
{
	static const char *const statements[] = {[OUTBOX_SENT] = sent_sql,
		[OUTBOX_LATER] = later_sql,
		[OUTBOX_DEAD] = dead_sql,
		[OUTBOX_UNTRIED] = untried_sql};
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	enum pg_status status;

	pg_uuid(p, &claim->id);
	pg_i32(p, claim->attempt);
	if (end == OUTBOX_LATER)
		pg_real(p, delay_ms);
	if (end == OUTBOX_LATER || end == OUTBOX_DEAD)
		pg_cstr(p, error);
	status = pg_run(pg, statements[end], &rows, deadline_ms);
	*ours = status == PG_OK && PQntuples(rows) == 1;
	return status;
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
