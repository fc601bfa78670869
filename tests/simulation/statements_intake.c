/* intake's keys, receipts and sweeper, and what a review looks up. */
#include "tests/simulation/shell.h"
#include "tests/simulation/statement.h"

#include <stdlib.h>
#include <string.h>

static const int64_t epoch_2000_us = INT64_C(946684800000000);

/* The server's clock is the true one. */
static int64_t server_now(void)
{
	return INT64_C(1793584800000000) + world_now() - epoch_2000_us;
}

/* Receipts -------------------------------------------------------------------------------------------------------- */

static enum pg_status keys_find(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell key[] = {element(statement, 1, i), element(statement, 2, i)};
		const struct cell *k = row_seen(statement->transaction, table_find(IDEMPOTENCY_KEY, key));

		if (!k)
			continue;
		const struct cell cells[] = {
			cell_number((int64_t)i + 1, 8), k[K_DIGEST], k[K_SUBMISSION], k[K_RECEIVED_AT]};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

static enum pg_status keys_add(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[K_COLUMNS];
		bool inserted;

		for (size_t column = 0; column < K_COLUMNS; column++)
			cells[column] = element(statement, column + 1, i);
		TRY(insert_row(statement, IDEMPOTENCY_KEY, cells, &inserted));
		if (inserted)
			give(statement, &cells[K_SUBMISSION], 1);
	}
	return PG_OK;
}

static enum pg_status submissions_count(struct statement *statement)
{
	int64_t count = 0;

	for (size_t i = 0; i < elements(statement, 1); i++)
		count += submission_seen(statement, element(statement, 1, i)) != NULL;
	struct cell cell = cell_number(count, 8);
	give(statement, &cell, 1);
	return PG_OK;
}

/* It takes part in the commit, no more. */
static enum pg_status message_emit(struct statement *statement)
{
	struct cell cell = cell_number(0, 8);

	statement->transaction->wrote = true;
	give(statement, &cell, 1);
	return PG_OK;
}

static enum pg_status decisions_find(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell *d =
			row_seen(statement->transaction, latest_decision(statement, element(statement, 1, i)));

		if (!d)
			continue;
		const struct cell cells[] = {cell_number((int64_t)i + 1, 8), d[D_STATUS], d[D_PHASE], d[D_DECIDED_AT],
			d[D_REASONS], d[D_SCORE]};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

/* The sweeper ----------------------------------------------------------------------------------------------------- */

static bool is_quarantined(const struct statement *statement, struct cell id)
{
	for (size_t i = 0; i < tables[QUARANTINE].count; i++)
		if (cell_equal(tables[QUARANTINE].rows[i]->key[Q_SUBMISSION], id) &&
			row_seen(statement->transaction, tables[QUARANTINE].rows[i]))
			return true;
	return false;
}

static bool is_undecided(const struct statement *statement, struct cell id)
{
	const struct cell first[] = {id, cell_number(1, 4)};

	return !row_seen(statement->transaction, table_find(DECISION, first)) && !is_quarantined(statement, id);
}

static enum pg_status span_end(struct statement *statement)
{
	int64_t skip = cell_value(value(statement, 3));

	for (size_t i = 0; i < tables[SUBMISSION].count; i++) {
		const struct cell *s = row_seen(statement->transaction, tables[SUBMISSION].rows[i]);

		if (!s || cell_compare(s[S_ID], value(statement, 1)) < 0 ||
			cell_compare(s[S_ID], value(statement, 2)) >= 0 || skip-- > 0)
			continue;
		give(statement, s, 1);
		break;
	}
	return PG_OK;
}

static enum pg_status span_undecided(struct statement *statement)
{
	for (size_t i = 0; i < tables[SUBMISSION].count; i++) {
		const struct cell *s = row_seen(statement->transaction, tables[SUBMISSION].rows[i]);

		if (s && cell_compare(s[S_ID], value(statement, 1)) >= 0 &&
			cell_compare(s[S_ID], value(statement, 2)) < 0 && is_undecided(statement, s[S_ID]))
			give(statement, s, 1);
	}
	return PG_OK;
}

static enum pg_status ids_undecided(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell id = element(statement, 1, i);

		if (submission_seen(statement, id) && is_undecided(statement, id))
			give(statement, &id, 1);
	}
	return PG_OK;
}

static enum pg_status rows_undecided(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell id = element(statement, 1, i);
		const struct cell *s = submission_seen(statement, id);

		if (!s || !is_undecided(statement, id))
			continue;
		const struct cell cells[] = {s[S_ID], s[S_CAMPAIGN], s[S_UNIT], s[S_RECEIVED_AT], s[S_PERSON],
			s[S_BLOCK], s[S_CATEGORY], s[S_KIND], s[S_TITLE], s[S_DESCRIPTION], s[S_APPLIED_ON],
			s[S_RECOGNIZED_ON], s[S_RECOGNIZED_BY], s[S_BENEFIT_VND], s[S_BENEFIT_SOCIAL],
			s[S_EVIDENCE_URL], s[S_IP_PROTECTED], s[S_AUTHORS], s[S_LEAD_AUTHOR], s[S_ACCEPTED_ON],
			s[S_HAS_NATIONAL_ID], s[S_TRACE_PARENT]};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

/* The auditor mends what it finds wrong, and the oracle must see that: here somebody else has its role. */
static enum pg_status role_take(struct statement *statement)
{
	struct cell cells[L_COLUMNS] = {value(statement, 1), cell_number(1, 8), value(statement, 2),
		cell_number(server_now() + cell_value(value(statement, 3)) * MS, 8)};
	struct row *row = table_place(ROLE_LEASE, cells);
	const struct cell *before;

	if (cell_equal(cells[L_ROLE], cell_text("auditor")))
		return PG_OK;
	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	before = row_latest(statement->transaction, row);
	if (before) {
		bool own = cell_equal(before[L_HOLDER], cells[L_HOLDER]);

		if (!own && cell_value(before[L_EXPIRES]) >= server_now())
			return PG_OK;
		cells[L_EPOCH] = cell_number(cell_value(before[L_EPOCH]) + !own, 8);
	}
	row_write(statement->transaction, ROLE_LEASE, row, cells);
	give(statement, &cells[L_EPOCH], 1);
	return PG_OK;
}

static enum pg_status role_end(struct statement *statement)
{
	struct cell role = value(statement, 1);
	struct row *row = table_find(ROLE_LEASE, &role);
	const struct cell *before = row_seen(statement->transaction, row);

	if (!before || !cell_equal(before[L_HOLDER], value(statement, 2)))
		return PG_OK;
	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	before = row_latest(statement->transaction, row);
	const struct cell cells[] = {before[L_ROLE], before[L_EPOCH], before[L_HOLDER], cell_number(server_now(), 8)};
	row_write(statement->transaction, ROLE_LEASE, row, cells);
	return PG_OK;
}

/* Nobody lets anything go from quarantine here. */
static enum pg_status released(struct statement *statement)
{
	(void)statement;
	return PG_OK;
}

static enum pg_status quarantine(struct statement *statement)
{
	bool by_intake = statement->parameter_count == 2;
	const struct cell cells[] = {value(statement, 1), by_intake ? cell_text("intake") : value(statement, 2),
		value(statement, by_intake ? 2 : 3)};
	struct row *row = table_place(QUARANTINE, cells);

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	row_write(statement->transaction, QUARANTINE, row, cells);
	return PG_OK;
}

/* Reviews --------------------------------------------------------------------------------------------------------- */

static enum pg_status review_look_up(struct statement *statement)
{
	const struct cell *s = submission_seen(statement, value(statement, 1));
	const struct cell none = {-1, NULL};
	size_t given = 0;

	for (size_t i = 0; s && i < tables[DECISION].count; i++) {
		const struct cell *d = row_seen(statement->transaction, tables[DECISION].rows[i]);

		if (!d || !cell_equal(d[D_ID], s[S_ID]))
			continue;
		const struct cell cells[] = {
			s[S_CAMPAIGN], s[S_UNIT], s[S_RECEIVED_AT], d[D_REVISION], d[D_STATUS], d[D_DECIDED_AT]};
		give(statement, cells, ARRAY_LENGTH(cells));
		given++;
	}
	if (s && given == 0) {
		const struct cell cells[] = {s[S_CAMPAIGN], s[S_UNIT], s[S_RECEIVED_AT], none, none, none};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

static enum pg_status tokens_version(struct statement *statement)
{
	struct cell cell = cell_number(1, 8);

	give(statement, &cell, 1);
	return PG_OK;
}

const struct statement_entry intake_statements[] = {
	{"JOIN idempotency_key i", keys_find, true},
	{"INSERT INTO idempotency_key", keys_add, false},
	{"SELECT count(*) FROM submission WHERE id = ANY", submissions_count, true},
	{"pg_logical_emit_message", message_emit, true},
	{"SELECT DISTINCT ON (w.n) w.n, d.status", decisions_find, true},
	{"SELECT id FROM submission WHERE id >= $1", span_end, true},
	{"SELECT s.id FROM submission s WHERE s.id >= $1", span_undecided, true},
	{"SELECT s.id FROM submission s WHERE s.id = ANY", ids_undecided, true},
	{"SELECT s.id, s.campaign_id, s.unit_id, s.received_at, s.person, s.block", rows_undecided, true},
	{"INSERT INTO role_lease", role_take, false},
	{"UPDATE role_lease", role_end, false},
	{"SELECT DISTINCT s.submission_id AS id FROM quarantine", released, true},
	{"INSERT INTO quarantine", quarantine, false},
	{"SELECT s.campaign_id, s.unit_id, s.received_at, d.revision", review_look_up, true},
	{"SELECT version FROM token_version", tokens_version, true},
	{NULL, NULL, false},
};
