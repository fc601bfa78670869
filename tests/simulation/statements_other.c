/* deduplication's index and snapshots, leaderboard's reads, tokens. */
#include "tests/simulation/statement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MOST = 8, STATUS_OF_DUPLICATE = 4, TOKEN_HASH_BYTES = 32 };

static const struct cell null_cell = {-1, NULL};

/* The index ------------------------------------------------------------------------------------------------------- */

static enum pg_status shard_claim(struct statement *statement)
{
	struct cell cells[I_COLUMNS] = {value(statement, 1), cell_number(1, 8), value(statement, 2)};
	struct row *row = table_place(INDEX_SHARD, cells);
	const struct cell *before;

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	before = row_latest(statement->transaction, row);
	if (before)
		cells[I_EPOCH] = cell_number(cell_value(before[I_EPOCH]) + 1, 8);
	row_write(statement->transaction, INDEX_SHARD, row, cells);
	give(statement, &cells[I_EPOCH], 1);
	return PG_OK;
}

static enum pg_status shard_raise(struct statement *statement)
{
	struct cell cells[I_COLUMNS] = {value(statement, 1)};
	struct row *row = table_place(INDEX_SHARD, cells);
	const struct cell *before;

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	before = row_latest(statement->transaction, row);
	if (!before || !cell_equal(before[I_EPOCH], value(statement, 2)))
		return PG_OK;
	cells[I_EPOCH] = cell_number(cell_value(before[I_EPOCH]) + 1, 8);
	cells[I_OWNER] = before[I_OWNER];
	row_write(statement->transaction, INDEX_SHARD, row, cells);
	give(statement, &cells[I_EPOCH], 1);
	return PG_OK;
}

static enum pg_status shard_epoch(struct statement *statement)
{
	struct cell shard = value(statement, 1);
	const struct cell *s = row_seen(statement->transaction, table_find(INDEX_SHARD, &shard));

	if (s)
		give(statement, &s[I_EPOCH], 1);
	return PG_OK;
}

static enum pg_status signatures_page(struct statement *statement)
{
	int64_t left = cell_value(value(statement, 2));

	for (size_t i = 0; i < tables[SIGNATURE].count && left > 0; i++) {
		const struct cell *g = row_seen(statement->transaction, tables[SIGNATURE].rows[i]);

		if (!g || cell_compare(g[G_SUBMISSION], value(statement, 1)) <= 0)
			continue;
		const struct cell cells[] = {g[G_SUBMISSION], g[G_CAMPAIGN], g[G_SCOPE], g[G_DIGEST], g[G_SKETCH]};
		give(statement, cells, ARRAY_LENGTH(cells));
		left--;
	}
	return PG_OK;
}

static enum pg_status texts_page(struct statement *statement)
{
	int64_t left = cell_value(value(statement, 2));

	for (size_t i = 0; i < tables[SIGNATURE].count && left > 0; i++) {
		const struct cell *g = row_seen(statement->transaction, tables[SIGNATURE].rows[i]);
		const struct cell *s = g ? submission_seen(statement, g[G_SUBMISSION]) : NULL;

		if (!s || g[G_SKETCH].size <= 0 || cell_compare(g[G_SUBMISSION], value(statement, 1)) <= 0)
			continue;
		const struct cell cells[] = {s[S_ID], s[S_DESCRIPTION]};
		give(statement, cells, 2);
		left--;
	}
	return PG_OK;
}

static enum pg_status snapshot_newest(struct statement *statement)
{
	const struct table *table = &tables[FREQUENCY_SNAPSHOT];

	for (size_t i = table->count; i-- > 0;) {
		const struct cell *f = row_seen(statement->transaction, table->rows[i]);

		if (!f || cell_value(f[F_NUMBER]) <= cell_value(value(statement, 1)))
			continue;
		const struct cell cells[] = {f[F_NUMBER], f[F_COUNTERS]};
		give(statement, cells, 2);
		break;
	}
	return PG_OK;
}

static enum pg_status snapshot_publish(struct statement *statement)
{
	const struct cell cells[] = {value(statement, 1), value(statement, 2), value(statement, 3)};
	const struct cell *there;
	struct cell same;
	bool inserted;

	TRY(insert_row(statement, FREQUENCY_SNAPSHOT, cells, &inserted));
	there = row_latest(statement->transaction, table_find(FREQUENCY_SNAPSHOT, cells));
	same = cell_number(inserted || (there && cell_equal(there[F_COUNTERS], cells[F_COUNTERS])), 1);
	give(statement, &same, 1);
	return PG_OK;
}

/* Records of rivals ----------------------------------------------------------------------------------------------- */

static const struct cell *decision_seen(const struct statement *statement, struct cell id)
{
	return row_seen(statement->transaction, latest_decision(statement, id));
}

static bool stands(const struct cell *decision)
{
	return decision && (cell_value(decision[D_STATUS]) == 1 || cell_value(decision[D_STATUS]) == 2);
}

/* The text that stands for this one: itself, the head of its chain, or a duplicate of that head which a reviewer let
 * stand. */
static struct cell original_of(const struct statement *statement, struct cell id)
{
	const struct cell *d = decision_seen(statement, id);
	struct cell head = id;

	if (!d || stands(d))
		return id;
	for (int depth = 0;
		depth < CHAIN_MOST && d && cell_value(d[D_STATUS]) == STATUS_OF_DUPLICATE && d[D_DUPLICATE_OF].size > 0;
		depth++) {
		head = d[D_DUPLICATE_OF];
		d = decision_seen(statement, head);
	}
	if (stands(d))
		return head;
	for (size_t i = 0; i < tables[DECISION].count; i++) {
		const struct cell *e = row_seen(statement->transaction, tables[DECISION].rows[i]);

		if (e && cell_equal(e[D_DUPLICATE_OF], head) && stands(decision_seen(statement, e[D_ID])))
			return e[D_ID];
	}
	return null_cell;
}

static int compare_pointers(const void *a, const void *b)
{
	return cell_compare((*(const struct cell *const *)a)[S_ID], (*(const struct cell *const *)b)[S_ID]);
}

static enum pg_status records_fetch(struct statement *statement)
{
	size_t count = 0, all = elements(statement, 1);
	const struct cell **found = calloc(all + 1, sizeof(*found));

	assert(found != NULL);
	for (size_t i = 0; i < all; i++) {
		const struct cell *s = submission_seen(statement, element(statement, 1, i));

		if (s)
			found[count++] = s;
	}
	qsort(found, count, sizeof(*found), compare_pointers);
	for (size_t i = 0; i < count; i++) {
		const struct cell *s = found[i], *d = decision_seen(statement, s[S_ID]);
		struct cell original = original_of(statement, s[S_ID]);
		const struct cell *o = original.size > 0 ? submission_seen(statement, original) : NULL;
		bool wants_text = false;

		for (size_t k = 0; k < all; k++)
			wants_text |= cell_equal(element(statement, 1, k), s[S_ID]) &&
				      cell_value(element(statement, 2, k)) != 0;
		const struct cell cells[] = {s[S_ID], s[S_CAMPAIGN], s[S_RECEIVED_AT], cell_number(d != NULL, 1),
			original.size > 0 ? cell_number(1, 1) : null_cell, o ? o[S_ID] : null_cell,
			o ? o[S_UNIT] : null_cell, o ? o[S_PERSON] : null_cell,
			wants_text ? s[S_DESCRIPTION] : null_cell};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	free(found);
	return PG_OK;
}

/* leaderboard ----------------------------------------------------------------------------------------------------- */

static int64_t board_version(const struct statement *statement)
{
	const struct table *table = &tables[BOARD];
	const struct cell *b = table->count > 0 ? row_seen(statement->transaction, table->rows[0]) : NULL;

	return b ? cell_value(b[B_VERSION]) : 0;
}

static enum pg_status watch_versions(struct statement *statement)
{
	const struct cell cells[] = {cell_number(1, 8), cell_number(7, 2), cell_number(board_version(statement), 8)};

	give(statement, cells, ARRAY_LENGTH(cells));
	return PG_OK;
}

static enum pg_status board_read(struct statement *statement)
{
	const struct table *table = &tables[UNIT_TOTAL];
	struct cell version = cell_number(board_version(statement), 8), tree = cell_number(0, 8);
	size_t given = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct cell *t = row_seen(statement->transaction, table->rows[i]);
		bool asked = false;

		for (size_t k = 0; t && k < elements(statement, 3); k++)
			asked |= cell_equal(element(statement, 3, k), t[T_UNIT]);
		if (!asked || !cell_equal(t[T_PHASE], value(statement, 2)))
			continue;
		const struct cell cells[] = {
			version, t[T_UNIT], t[T_ENTERED], t[T_COUNTED], t[T_PEOPLE], cell_number(0, 8), tree};
		give(statement, cells, ARRAY_LENGTH(cells));
		given++;
	}
	if (given == 0) {
		const struct cell cells[] = {version, null_cell, null_cell, null_cell, null_cell, null_cell, tree};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

static enum pg_status nothing(struct statement *statement)
{
	(void)statement;
	return PG_OK;
}

static enum pg_status tokens_read(struct statement *statement)
{
	uint8_t hash[TOKEN_HASH_BYTES];
	uint8_t id[16] = {0};

	for (size_t reviewer = 1; reviewer <= 2; reviewer++) {
		char secret[] = "reviewer-0";

		secret[9] = (char)('0' + reviewer);
		crypto_generichash(hash, sizeof(hash), (const uint8_t *)secret, strlen(secret), NULL, 0);
		id[15] = (uint8_t)reviewer;
		const struct cell cells[] = {{16, id}, {sizeof(hash), hash}, cell_text("reviewer"), cell_number(0, 2),
			cell_number(0, 4), cell_number(INT64_MAX, 8)};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

const struct statement_entry other_statements[] = {
	{"INSERT INTO index_shard AS s", shard_claim, false},
	{"UPDATE index_shard SET epoch", shard_raise, false},
	{"SELECT epoch FROM index_shard", shard_epoch, true},
	{"SELECT submission_id, campaign_id, scope, digest, sketch FROM signature", signatures_page, true},
	{"SELECT s.id, s.description FROM signature g", texts_page, true},
	{"SELECT number, counters FROM frequency_snapshot", snapshot_newest, true},
	{"INSERT INTO frequency_snapshot", snapshot_publish, false},
	{"SELECT s.id, s.campaign_id, s.received_at, d.status IS NOT NULL", records_fetch, true},
	{"SELECT r.version, c.id", watch_versions, true},
	{"SELECT coalesce(b.version, 0), t.unit_id", board_read, true},
	{"FROM quota_target", nothing, true},
	{"FROM quota_round", nothing, true},
	{"FROM quota_", nothing, true},
	{"FROM token WHERE", tokens_read, true},
	{NULL, NULL, false},
};
