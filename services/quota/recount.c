#include "services/quota/recount.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/quota/recount_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLICE_SUBMISSIONS = 10000,
	SLICE_PERSONS = 5000,
	ROWS_LISTED = 20,
	STATEMENT_MS = 1800 * 1000, /* the first and the last step read everything once */
	SNAPSHOT_SIZE = 8192,
	PERSON_BYTES = 64,
	WHAT_SIZE = 64,
};

enum stage { STAGE_COPY, STAGE_SLICES, STAGE_PEOPLE, STAGE_COMPARE };

struct recount {
	enum stage stage;
	char snapshot[SNAPSHOT_SIZE]; /* of the copy */
	int64_t next_transaction, taken_at;
	struct id128 cursor; /* the last submission looked at */
	int16_t campaign;    /* the last person looked at */
	uint8_t person[PERSON_BYTES];
	size_t person_size;
	uint64_t decisions;
};

static const struct {
	enum audit_check check;
	const char *sql;
} comparisons[] = {
	{AUDIT_TOTALS, RECOUNT_TOTALS_SQL},
	{AUDIT_DAYS, RECOUNT_DAYS_SQL},
	{AUDIT_PARTICIPATION, RECOUNT_PARTICIPATION_SQL},
	{AUDIT_PEOPLE, RECOUNT_PEOPLE_DIFFER_SQL},
	{AUDIT_ROUNDS, RECOUNT_ROUNDS_SQL},
};

struct recount *recount_new(void)
{
	return calloc(1, sizeof(struct recount));
}

void recount_free(struct recount **recount)
{
	free(*recount);
	*recount = NULL;
}

uint64_t recount_decisions(const struct recount *recount)
{
	return recount->decisions;
}

static int64_t deadline(void)
{
	return clock_monotonic_ms() + STATEMENT_MS;
}

static bool note_moment(struct recount *recount, struct pg *pg)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_params(pg);
	if (pg_run(pg, RECOUNT_MOMENT_SQL, &rows, deadline()) != PG_OK || PQntuples(rows) != 1)
		return false;
	struct bytes snapshot = pg_get_bytes(rows, 0, 0);
	if (snapshot.size >= sizeof(recount->snapshot)) /* thousands of transactions at once: another time */
		return false;
	memcpy(recount->snapshot, snapshot.data, snapshot.size);
	recount->snapshot[snapshot.size] = '\0';
	recount->next_transaction = pg_get_i64(rows, 0, 1);
	recount->taken_at = pg_get_instant(rows, 0, 2);
	return true;
}

static bool copy(struct recount *recount, struct pg *pg)
{
	*recount = (struct recount){.stage = STAGE_SLICES};
	return pg_script(pg, RECOUNT_TABLES_SQL, deadline()) == PG_OK &&
	       pg_script(pg, RECOUNT_COPY_SQL, deadline()) == PG_OK && note_moment(recount, pg) &&
	       pg_script(pg, RECOUNT_ANALYZE_SQL, deadline()) == PG_OK;
}

static void tell_count(const struct audit_listener *listener, enum audit_check check, int64_t count)
{
	if (count > 0)
		listener->more(check, (uint64_t)count, listener->context);
}

/* Where the next slice ends: behind so many submissions, or behind all there can be. */
static bool find_end(const struct recount *recount, struct pg *pg, struct id128 *end, bool *last)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);

	pg_uuid(p, &recount->cursor);
	pg_i64(p, SLICE_SUBMISSIONS - 1);
	if (pg_run(pg, RECOUNT_SPAN_SQL, &rows, deadline()) != PG_OK)
		return false;
	*last = PQntuples(rows) == 0;
	memset(end, 0xff, sizeof(*end));
	if (!*last)
		*end = pg_get_uuid(rows, 0, 0);
	return true;
}

static bool read_slice(struct recount *recount, struct pg *pg, const struct audit_listener *listener)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct id128 end;
	bool last;

	if (!find_end(recount, pg, &end, &last))
		return false;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, &recount->cursor);
	pg_uuid(p, &end);
	pg_cstr(p, recount->snapshot);
	pg_i64(p, recount->next_transaction);
	pg_instant(p, recount->taken_at);
	if (pg_run(pg, RECOUNT_SLICE_SQL, &rows, deadline()) != PG_OK)
		return false;
	tell_count(listener, AUDIT_VERDICTS, pg_get_i64(rows, 0, 0));
	tell_count(listener, AUDIT_PLACES, pg_get_i64(rows, 0, 1));
	recount->decisions += (uint64_t)pg_get_i64(rows, 0, 2);
	recount->cursor = end;
	if (last)
		recount->stage = STAGE_PEOPLE;
	return true;
}

static bool read_people(struct recount *recount, struct pg *pg)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, recount->campaign);
	pg_bytea(p, (struct bytes){recount->person, recount->person_size});
	pg_i64(p, SLICE_PERSONS);
	if (pg_run(pg, RECOUNT_PEOPLE_SQL, &rows, deadline()) != PG_OK)
		return false;
	if (PQntuples(rows) == 0) {
		recount->stage = STAGE_COMPARE;
		return true;
	}
	struct bytes person = pg_get_bytes(rows, 0, 1);
	if (person.size > sizeof(recount->person))
		return false;
	recount->campaign = pg_get_i16(rows, 0, 0);
	recount->person_size = person.size;
	memcpy(recount->person, person.data, person.size);
	return true;
}

static void tell_row(const struct audit_listener *listener, enum audit_check check, const PGresult *rows, int row)
{
	struct bytes text = pg_get_bytes(rows, row, 3);
	char what[WHAT_SIZE];
	const struct audit_drift drift = {.check = check,
		.campaign = (uint32_t)pg_get_i16(rows, row, 0),
		.unit = (uint32_t)pg_get_i32(rows, row, 1),
		.phase = (uint32_t)pg_get_i16(rows, row, 2),
		.what = what,
		.expected = pg_get_i64(rows, row, 4),
		.found = pg_get_i64(rows, row, 5)};

	snprintf(what, sizeof(what), "%.*s", (int)text.size, (const char *)text.data);
	listener->drift(&drift, listener->context);
}

static bool compare(struct pg *pg, const struct audit_listener *listener)
{
	for (size_t i = 0; i < ARRAY_LENGTH(comparisons); i++) {
		CLEANUP(pg_result_clear) PGresult *rows = NULL;
		char sql[4096];
		int size = snprintf(sql, sizeof(sql),
			"SELECT campaign_id, unit_id, phase, what::text, coalesce(expected, 0)::int8, "
			"coalesce(found, 0)::int8, count(*) OVER () FROM (%s) AS d(campaign_id, unit_id, phase, what, "
			"expected, found) ORDER BY 1, 2, 3, 4 LIMIT %d",
			comparisons[i].sql, ROWS_LISTED);

		assert(size > 0 && (size_t)size < sizeof(sql));
		pg_params(pg);
		if (pg_run(pg, sql, &rows, deadline()) != PG_OK)
			return false;
		for (int row = 0; row < PQntuples(rows); row++)
			tell_row(listener, comparisons[i].check, rows, row);
		if (PQntuples(rows) == ROWS_LISTED)
			tell_count(listener, comparisons[i].check, pg_get_i64(rows, 0, 6) - ROWS_LISTED);
	}
	return true;
}

enum recount_progress recount_step(struct recount *recount, struct pg *pg, const struct audit_listener *listener)
{
	bool good = false, done = recount->stage == STAGE_COMPARE;

	switch (recount->stage) {
	case STAGE_COPY:
		good = copy(recount, pg);
		break;
	case STAGE_SLICES:
		good = read_slice(recount, pg, listener);
		break;
	case STAGE_PEOPLE:
		good = read_people(recount, pg);
		break;
	case STAGE_COMPARE:
		good = compare(pg, listener);
		break;
	}
	if (!good) {
		log_warn("audit_cut_off", KV_TEXT("state", pg_sqlstate(pg)), KV_TEXT("why", pg_error(pg)));
		pg_rollback(pg, deadline());
	}
	if (!good || done)
		recount->stage = STAGE_COPY;
	return !good ? RECOUNT_CUT_OFF : done ? RECOUNT_DONE : RECOUNT_GOES_ON;
}
