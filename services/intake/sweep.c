#include "services/intake/sweep.h"

#include <stdlib.h>
#include <string.h>

/* A decision's first revision is a machine's or a reviewer's, but every decided submission has one. Subqueries and not
 * NOT EXISTS, so that each row is one look into an index: before PostgreSQL has statistics it takes these tables for
 * empty, and an anti-join then reads all of them for every row. */
#define UNDECIDED                                                                                                      \
	"(SELECT 1 FROM decision d WHERE d.submission_id = s.id AND d.revision = 1) IS NULL "                          \
	"AND (SELECT 1 FROM quarantine q WHERE q.submission_id = s.id AND q.released_at IS NULL LIMIT 1) IS NULL "

enum pg_status sweep_span(
	struct pg *pg, const struct id128 *from, const struct id128 *until, struct id128 *end, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, from);
	pg_uuid(p, until);
	pg_i64(p, SWEEP_SPAN_ROWS);
	enum pg_status status =
		pg_run(pg, "SELECT id FROM submission WHERE id >= $1 AND id < $2 ORDER BY id OFFSET $3 LIMIT 1", &rows,
			deadline_ms);
	*end = *until;
	if (status == PG_OK && PQntuples(rows) == 1)
		*end = pg_get_uuid(rows, 0, 0);
	return status;
}

enum pg_status sweep_undecided(struct pg *pg, const struct id128 *from, const struct id128 *end, struct id128 *ids,
	size_t *count, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, from);
	pg_uuid(p, end);
	pg_i64(p, SWEEP_SPAN_ROWS);
	*count = 0;
	enum pg_status status = pg_run(pg,
		"SELECT s.id FROM submission s WHERE s.id >= $1 AND s.id < $2 AND " UNDECIDED "ORDER BY s.id LIMIT $3",
		&rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++)
		ids[(*count)++] = pg_get_uuid(rows, row, 0);
	return status;
}

enum pg_status sweep_released(
	struct pg *pg, const struct id128 *before, struct id128 *ids, size_t *count, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, before);
	pg_i64(p, SWEEP_SPAN_ROWS);
	*count = 0;
	enum pg_status status = pg_run(pg,
		"SELECT DISTINCT s.submission_id AS id FROM quarantine s WHERE s.submission_id < $1 AND s.released_at "
		"IS "
		"NOT NULL AND NOT EXISTS (SELECT FROM decision d WHERE d.submission_id = s.submission_id AND "
		"d.revision = 1) AND NOT EXISTS (SELECT FROM quarantine q WHERE q.submission_id = s.submission_id AND "
		"q.released_at IS NULL) ORDER BY id LIMIT $2",
		&rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++)
		ids[(*count)++] = pg_get_uuid(rows, row, 0);
	return status;
}

static void add_ids(struct pg_params *p, const struct id128 *ids, size_t count)
{
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &ids[i]);
	pg_array_end(p);
}

static void move_to(struct id128 *ids, size_t count, size_t to, const struct id128 *id)
{
	for (size_t i = to; i < count; i++) {
		if (!id128_equal(&ids[i], id))
			continue;
		ids[i] = ids[to];
		ids[to] = *id;
		return;
	}
}

enum pg_status sweep_judge(struct pg *pg, struct id128 *ids, size_t count, size_t *undecided, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	add_ids(pg_params(pg), ids, count);
	*undecided = 0;
	enum pg_status status = pg_run(
		pg, "SELECT s.id FROM submission s WHERE s.id = ANY ($1::uuid[]) AND " UNDECIDED, &rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++) {
		struct id128 id = pg_get_uuid(rows, row, 0);
		move_to(ids, count, (*undecided)++, &id);
	}
	return status;
}

/* Columns as sweep_rows() asks for them. */
enum column {
	COLUMN_ID,
	COLUMN_CAMPAIGN,
	COLUMN_UNIT,
	COLUMN_RECEIVED_AT,
	COLUMN_PERSON,
	COLUMN_BLOCK,
	COLUMN_CATEGORY,
	COLUMN_KIND,
	COLUMN_TITLE,
	COLUMN_DESCRIPTION,
	COLUMN_APPLIED_ON,
	COLUMN_RECOGNIZED_ON,
	COLUMN_RECOGNIZED_BY,
	COLUMN_BENEFIT_VND,
	COLUMN_BENEFIT_SOCIAL,
	COLUMN_EVIDENCE_URL,
	COLUMN_IP_PROTECTED,
	COLUMN_AUTHORS,
	COLUMN_LEAD_AUTHOR,
	COLUMN_ACCEPTED_ON,
	COLUMN_HAS_NATIONAL_ID,
	COLUMN_TRACE_PARENT,
};

static struct bytes text_of(const PGresult *rows, int row, int column)
{
	return pg_get_null(rows, row, column) ? (struct bytes){0} : pg_get_bytes(rows, row, column);
}

static bool day_of(const PGresult *rows, int row, int column, int32_t *day)
{
	bool given = !pg_get_null(rows, row, column);
	*day = given ? pg_get_day(rows, row, column) : 0;
	return given;
}

static void read_fields(const PGresult *rows, int row, struct submission_fields *fields)
{
	*fields = (struct submission_fields){
		.block = (enum submission_block)pg_get_i16(rows, row, COLUMN_BLOCK),
		.category = text_of(rows, row, COLUMN_CATEGORY),
		.kind = text_of(rows, row, COLUMN_KIND),
		.title = text_of(rows, row, COLUMN_TITLE),
		.description = text_of(rows, row, COLUMN_DESCRIPTION),
		.recognized_by = text_of(rows, row, COLUMN_RECOGNIZED_BY),
		.benefit_social = text_of(rows, row, COLUMN_BENEFIT_SOCIAL),
		.evidence_url = text_of(rows, row, COLUMN_EVIDENCE_URL),
		.has_benefit_vnd = !pg_get_null(rows, row, COLUMN_BENEFIT_VND),
		.ip_protected =
			!pg_get_null(rows, row, COLUMN_IP_PROTECTED) && pg_get_bool(rows, row, COLUMN_IP_PROTECTED),
		.authors = (uint32_t)pg_get_i16(rows, row, COLUMN_AUTHORS),
		.lead_author = pg_get_bool(rows, row, COLUMN_LEAD_AUTHOR),
	};
	if (fields->has_benefit_vnd)
		fields->benefit_vnd = pg_get_i64(rows, row, COLUMN_BENEFIT_VND);
	fields->has_applied_on = day_of(rows, row, COLUMN_APPLIED_ON, &fields->applied_on);
	fields->has_recognized_on = day_of(rows, row, COLUMN_RECOGNIZED_ON, &fields->recognized_on);
	fields->has_accepted_on = day_of(rows, row, COLUMN_ACCEPTED_ON, &fields->accepted_on);
}

static struct parcel *read_parcel(const PGresult *rows, int row)
{
	struct submission submission = {
		.id = pg_get_uuid(rows, row, COLUMN_ID),
		.campaign = (uint32_t)pg_get_i16(rows, row, COLUMN_CAMPAIGN),
		.unit = (uint32_t)pg_get_i32(rows, row, COLUMN_UNIT),
		.received_at = pg_get_instant(rows, row, COLUMN_RECEIVED_AT),
		.has_national_id = pg_get_bool(rows, row, COLUMN_HAS_NATIONAL_ID),
	};
	char trace_parent[TRACE_PARENT_SIZE];
	struct bytes person = pg_get_bytes(rows, row, COLUMN_PERSON), trace = text_of(rows, row, COLUMN_TRACE_PARENT);
	if (person.size == PERSON_SIZE)
		memcpy(submission.person, person.data, PERSON_SIZE);
	size_t size = trace.size < TRACE_PARENT_SIZE ? trace.size : 0;
	if (size > 0)
		memcpy(trace_parent, trace.data, size);
	trace_parent[size] = '\0';
	read_fields(rows, row, &submission.fields);
	return parcel_new(&submission, trace_parent);
}

enum pg_status sweep_rows(struct pg *pg, const struct id128 *ids, size_t count,
	void (*take)(struct parcel *parcel, void *context), void *context, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	assert(count <= SWEEP_ROWS_MAX);
	add_ids(pg_params(pg), ids, count);
	enum pg_status status = pg_run(pg,
		"SELECT s.id, s.campaign_id, s.unit_id, s.received_at, s.person, s.block, s.category, s.kind, s.title, "
		"s.description, s.applied_on, s.recognized_on, s.recognized_by, s.benefit_vnd, s.benefit_social, "
		"s.evidence_url, s.ip_protected, s.authors, s.lead_author, s.accepted_on, s.has_national_id, "
		"s.trace_parent FROM submission s WHERE s.id = ANY ($1::uuid[]) AND " UNDECIDED "ORDER BY s.id",
		&rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++) {
		struct parcel *parcel = read_parcel(rows, row);
		if (parcel != NULL)
			take(parcel, context);
	}
	return status;
}

enum pg_status sweep_quarantine(struct pg *pg, const struct id128 *id, const char *reason, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, id);
	pg_cstr(p, reason);
	return pg_run(pg,
		"INSERT INTO quarantine AS q (submission_id, stage, reason) VALUES ($1, 'intake', $2) "
		"ON CONFLICT (submission_id, stage) DO UPDATE SET attempts = q.attempts + 1, reason = EXCLUDED.reason, "
		"at = now(), released_at = NULL",
		NULL, deadline_ms);
}
