#include "services/deduplication/records.h"

#include <stdlib.h>
#include <string.h>

struct records {
	PGresult *rows;
	size_t count;
	struct record record[]; /* ascending by id */
};

enum column {
	COLUMN_ID,
	COLUMN_CAMPAIGN,
	COLUMN_RECEIVED_AT,
	COLUMN_DECIDED,
	COLUMN_COUNTS,
	COLUMN_ORIGINAL,
	COLUMN_UNIT,
	COLUMN_PERSON,
	COLUMN_TEXT,
};

/* The chain of duplicates is followed to its head (an original that was displaced leaves a link behind it). A head
 * that does not count any more is represented by a duplicate of it that a reviewer let stand, if there is one. Most
 * rivals are undecided or count, and have no chain. Lateral: one look into an index a rival, never a join of lists. */
static const char fetch_sql[] =
	"SELECT s.id, s.campaign_id, s.received_at, d.status IS NOT NULL, n.original IS NOT NULL, o.id, o.unit_id, "
	"o.person, CASE WHEN w.text THEN s.description END "
	"FROM unnest($1::uuid[], $2::bool[]) AS w(id, text) "
	"JOIN submission s ON s.id = w.id "
	"LEFT JOIN LATERAL (SELECT status, duplicate_of FROM decision WHERE submission_id = w.id"
	" ORDER BY revision DESC LIMIT 1) d ON true "
	"LEFT JOIN LATERAL (SELECT CASE WHEN d.status IS NULL OR d.status IN (1, 2) THEN w.id ELSE ("
	" WITH RECURSIVE chain AS ("
	"  SELECT w.id AS head, d.status, d.duplicate_of, 0 AS depth"
	"  UNION ALL"
	"  SELECT c.duplicate_of, e.status, e.duplicate_of, c.depth + 1 FROM chain c LEFT JOIN LATERAL"
	"   (SELECT status, duplicate_of FROM decision WHERE submission_id = c.duplicate_of"
	"    ORDER BY revision DESC LIMIT 1) e ON true"
	"  WHERE c.status = 4 AND c.duplicate_of IS NOT NULL AND c.depth < 8), "
	" last AS (SELECT head, status FROM chain ORDER BY depth DESC LIMIT 1)"
	" SELECT CASE WHEN status IN (1, 2) THEN head"
	"  ELSE (SELECT e.submission_id FROM decision e WHERE e.duplicate_of = last.head AND"
	"   (SELECT status FROM decision WHERE submission_id = e.submission_id ORDER BY revision DESC LIMIT 1) IN (1, "
	"2)"
	"   ORDER BY e.submission_id LIMIT 1) END FROM last) END AS original) n ON true "
	"LEFT JOIN LATERAL (SELECT id, unit_id, person FROM submission WHERE id = n.original LIMIT 1) o ON true "
	"ORDER BY s.id";

static void read_row(const PGresult *rows, int row, struct record *record)
{
	record->id = pg_get_uuid(rows, row, COLUMN_ID);
	record->campaign = (uint32_t)pg_get_i16(rows, row, COLUMN_CAMPAIGN);
	record->received_at = pg_get_instant(rows, row, COLUMN_RECEIVED_AT);
	record->decided = pg_get_bool(rows, row, COLUMN_DECIDED);
	record->original_counts = !pg_get_null(rows, row, COLUMN_ORIGINAL);
	if (record->original_counts) {
		struct bytes person = pg_get_bytes(rows, row, COLUMN_PERSON);
		record->original = pg_get_uuid(rows, row, COLUMN_ORIGINAL);
		record->original_unit = (uint32_t)pg_get_i32(rows, row, COLUMN_UNIT);
		if (person.size == sizeof(record->original_person))
			memcpy(&record->original_person, person.data, sizeof(record->original_person));
	}
	record->has_text = !pg_get_null(rows, row, COLUMN_TEXT);
	if (record->has_text)
		record->text = pg_get_bytes(rows, row, COLUMN_TEXT);
}

enum pg_status records_fetch(
	struct pg *pg, const struct records_wish *wishes, size_t count, struct records **records, int64_t deadline_ms)
{
	PGresult *rows = NULL;

	if (!pg_ready(pg, deadline_ms))
		return PG_DOWN;
	struct pg_params *params = pg_params(pg);
	pg_array_begin(params, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(params, &wishes[i].id);
	pg_array_end(params);
	pg_array_begin(params, PG_OID_BOOL);
	for (size_t i = 0; i < count; i++)
		pg_bool(params, wishes[i].text);
	pg_array_end(params);
	enum pg_status status = pg_run(pg, fetch_sql, &rows, deadline_ms);
	if (status != PG_OK)
		return status;
	int found = PQntuples(rows);
	*records = calloc(1, sizeof(**records) + (size_t)found * sizeof((*records)->record[0]));
	if (*records == NULL) {
		PQclear(rows);
		return PG_FULL;
	}
	(*records)->rows = rows;
	(*records)->count = (size_t)found;
	for (int row = 0; row < found; row++)
		read_row(rows, row, &(*records)->record[row]);
	return PG_OK;
}

void records_free(struct records **records)
{
	if (*records == NULL)
		return;
	for (size_t i = 0; i < (*records)->count; i++)
		shingle_set_free(&(*records)->record[i].shingles);
	PQclear((*records)->rows);
	free(*records);
	*records = NULL;
}

size_t records_count(const struct records *records)
{
	return records->count;
}

struct record *records_at(struct records *records, size_t index)
{
	return &records->record[index];
}

static int compare_ids(const void *key, const void *record)
{
	return memcmp(key, &((const struct record *)record)->id, sizeof(struct id128));
}

struct record *records_find(struct records *records, const struct id128 *id)
{
	return bsearch(id, records->record, records->count, sizeof(records->record[0]), compare_ids);
}
