#include "services/quota/history.h"

#include "common/runtime/mutant.h"

#include <stdlib.h>
#include <string.h>

/* LATERAL keeps it at one look into the primary key for each id, whatever the planner thinks of the table's size. */
#define LATEST_COLUMNS                                                                                                 \
	"d.submission_id, d.revision, d.campaign_id, d.unit_id, d.phase, d.rules_version, d.status, d.decided_by, "    \
	"d.reasons, d.duplicate_of, d.score, d.decided_at"
#define LATEST_OF(lock)                                                                                                \
	"unnest($1) WITH ORDINALITY AS k(id, n) CROSS JOIN LATERAL (SELECT * FROM decision "                           \
	"WHERE submission_id = k.id ORDER BY revision DESC LIMIT 1" lock ") AS d"

static const char read_sql[] = "SELECT " LATEST_COLUMNS " FROM " LATEST_OF("");
static const char lock_to_change_sql[] = "SELECT " LATEST_COLUMNS ", s.person, s.received_at FROM " LATEST_OF(
	" FOR UPDATE") " JOIN submission AS s ON s.id = k.id";
static const char lock_to_keep_sql[] = "SELECT " LATEST_COLUMNS ", s.person, s.received_at FROM " LATEST_OF(
	" FOR SHARE") " JOIN submission AS s ON s.id = k.id";

/* Chains are short: a displaced text points to its successor, whose own place may be lost later. */
static const char heads_sql[] =
	"WITH RECURSIVE chain (named, id, depth) AS (SELECT k.id, k.id, 0 FROM unnest($1) AS k(id) "
	"UNION ALL SELECT c.named, d.duplicate_of, c.depth + 1 FROM chain AS c CROSS JOIN LATERAL (SELECT status, "
	"duplicate_of FROM decision WHERE submission_id = c.id ORDER BY revision DESC LIMIT 1) AS d "
	"WHERE d.status = 4 AND d.duplicate_of IS NOT NULL AND c.depth < 64) "
	"SELECT DISTINCT ON (named) named, id FROM chain ORDER BY named, depth DESC";

/* The index is on all revisions; only a latest one that is a duplicate still stands behind its original. */
static const char followers_sql[] =
	"WITH RECURSIVE follower (id) AS (SELECT k.id FROM unnest($1) AS k(id) "
	"UNION SELECT d.submission_id FROM follower AS f JOIN decision AS d ON d.duplicate_of = f.id AND d.status = 4 "
	"WHERE NOT EXISTS (SELECT FROM decision AS l WHERE l.submission_id = d.submission_id "
	"AND l.revision = d.revision + 1)) "
	"SELECT id FROM follower WHERE id <> ALL ($1) ORDER BY id";

static const char add_sql[] =
	"INSERT INTO decision (submission_id, revision, campaign_id, unit_id, status, phase, rules_version, reasons, "
	"duplicate_of, score, decided_by, decided_at) SELECT n.*, $12 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	"$10, $11) AS n ON CONFLICT DO NOTHING";

static void put_ids(struct pg_params *p, const struct id128 *ids, size_t count)
{
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &ids[i]);
	pg_array_end(p);
}

static bool copy_text(struct arena *arena, struct bytes from, struct bytes *to)
{
	to->size = from.size;
	to->data = arena_copy(arena, from.data, from.size);
	return to->data != NULL;
}

static bool read_decision(const PGresult *rows, int row, struct arena *arena, struct decision *to)
{
	*to = (struct decision){.id = pg_get_uuid(rows, row, 0),
		.revision = (uint32_t)pg_get_i32(rows, row, 1),
		.campaign = (uint32_t)pg_get_i16(rows, row, 2),
		.unit = (uint32_t)pg_get_i32(rows, row, 3),
		.phase = (uint32_t)pg_get_i16(rows, row, 4),
		.rules_version = (uint32_t)pg_get_i32(rows, row, 5),
		.status = (enum submission_status)pg_get_i16(rows, row, 6),
		.decided_by = (enum decided_by)pg_get_i16(rows, row, 7),
		.has_duplicate_of = !pg_get_null(rows, row, 9),
		.has_score = !pg_get_null(rows, row, 10),
		.decided_at = pg_get_instant(rows, row, 11)};
	if (to->has_duplicate_of)
		to->duplicate_of = pg_get_uuid(rows, row, 9);
	if (to->has_score)
		to->score = pg_get_real(rows, row, 10);
	if (PQnfields(rows) > 12) {
		struct bytes person = pg_get_bytes(rows, row, 12);

		assert(person.size == sizeof(to->person));
		memcpy(&to->person, person.data, sizeof(to->person));
		to->received_at = pg_get_instant(rows, row, 13);
	}
	return copy_text(arena, pg_get_bytes(rows, row, 8), &to->reasons);
}

static enum pg_status run(struct transaction *transaction, const char *sql, const struct id128 *ids, size_t count,
	struct decision **found, size_t *found_count)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;

	*found = NULL;
	*found_count = 0;
	if (count == 0)
		return PG_OK;
	put_ids(pg_params(transaction->pg), ids, count);
	status = pg_run(transaction->pg, sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	*found_count = (size_t)PQntuples(rows);
	*found = arena_alloc(transaction->arena, *found_count * sizeof(**found));
	if (*found == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < *found_count; i++)
		if (!read_decision(rows, (int)i, transaction->arena, &(*found)[i]))
			return PG_REFUSED;
	return PG_OK;
}

enum pg_status history_read(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct decision **found, size_t *found_count)
{
	return run(transaction, read_sql, ids, count, found, found_count);
}

enum pg_status history_lock(struct transaction *transaction, const struct id128 *ids, size_t count, bool change,
	struct decision **found, size_t *found_count)
{
	struct decision *again;
	size_t again_count;
	enum pg_status status =
		run(transaction, change ? lock_to_change_sql : lock_to_keep_sql, ids, count, found, found_count);

	/* Who waited for a lock got the row that was the latest when the statement began. */
	if (status == PG_OK)
		status = run(transaction, read_sql, ids, count, &again, &again_count);
	if (status != PG_OK)
		return status;
	if (again_count != *found_count)
		return PG_RETRY;
	for (size_t i = 0; i < again_count; i++)
		if (again[i].revision != (*found)[i].revision || !id128_equal(&again[i].id, &(*found)[i].id))
			return PG_RETRY;
	return PG_OK;
}

enum pg_status history_heads(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct named_text **found, size_t *found_count)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;

	*found = NULL;
	*found_count = 0;
	if (count == 0)
		return PG_OK;
	put_ids(pg_params(transaction->pg), ids, count);
	status = pg_run(transaction->pg, heads_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	*found_count = (size_t)PQntuples(rows);
	*found = arena_alloc(transaction->arena, *found_count * sizeof(**found));
	if (*found == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < *found_count; i++)
		(*found)[i] =
			(struct named_text){.id = pg_get_uuid(rows, (int)i, 0), .head = pg_get_uuid(rows, (int)i, 1)};
	return PG_OK;
}

enum pg_status history_followers(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct id128 **found, size_t *found_count)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;

	*found_count = 0;
	put_ids(pg_params(transaction->pg), ids, count);
	status = pg_run(transaction->pg, followers_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	*found_count = (size_t)PQntuples(rows);
	*found = arena_alloc(transaction->arena, *found_count * sizeof(**found));
	if (*found == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < *found_count; i++)
		(*found)[i] = pg_get_uuid(rows, (int)i, 0);
	return PG_OK;
}

/* One array a column. */
#define PUT_COLUMN(p, type, value) PG_PUT_EACH(p, type, d, &changes[i].decision, count, value)

enum pg_status history_add(struct transaction *transaction, const struct change *changes, size_t count)
{
	CLEANUP(pg_result_clear) PGresult *answer = NULL;
	struct pg_params *p = pg_params(transaction->pg);
	enum pg_status status;

	PUT_COLUMN(p, PG_OID_UUID, pg_uuid(p, &d->id));
	PUT_COLUMN(p, PG_OID_INT4, pg_i32(p, (int32_t)d->revision));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->campaign));
	PUT_COLUMN(p, PG_OID_INT4, pg_i32(p, (int32_t)d->unit));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->status));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->phase));
	PUT_COLUMN(p, PG_OID_INT4, pg_i32(p, (int32_t)d->rules_version));
	PUT_COLUMN(p, PG_OID_TEXT, pg_text(p, d->reasons));
	PUT_COLUMN(p, PG_OID_UUID, d->has_duplicate_of ? pg_uuid(p, &d->duplicate_of) : pg_null(p, PG_OID_UUID));
	PUT_COLUMN(p, PG_OID_FLOAT8, d->has_score ? pg_real(p, d->score) : pg_null(p, PG_OID_FLOAT8));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->decided_by));
	pg_instant(p, transaction->now_us);
	status = pg_run(transaction->pg, add_sql, &answer, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	return strtoull(PQcmdTuples(answer), NULL, 10) == count || MUTANT_NO_CONFLICT_ON_EFFECTS ? PG_OK : PG_RETRY;
}
