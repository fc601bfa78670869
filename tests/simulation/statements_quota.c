/* quota's decisions, people, totals, boards and the audit log. */
#include "tests/simulation/happened.h"
#include "tests/simulation/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BY_REVIEWER = 1 };

enum pg_status insert_row(struct statement *statement, enum table_name table, const struct cell *cells, bool *inserted)
{
	struct row *row = table_place(table, cells);

	*inserted = false;
	if (!row->writer && row_now(row))
		return PG_OK;
	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	if (row_latest(statement->transaction, row))
		return PG_OK;
	row_write(statement->transaction, table, row, cells);
	*inserted = true;
	return PG_OK;
}

struct row *latest_decision(const struct statement *statement, struct cell id)
{
	const struct table *table = &tables[DECISION];
	struct row *latest = NULL;

	for (size_t i = 0; i < table->count; i++)
		if (cell_equal(table->rows[i]->key[D_ID], id) && row_seen(statement->transaction, table->rows[i]))
			latest = table->rows[i];
	return latest;
}

const struct cell *submission_seen(const struct statement *statement, struct cell id)
{
	return row_seen(statement->transaction, table_find(SUBMISSION, &id));
}

/* Fencing and history --------------------------------------------------------------------------------------------- */

static enum pg_status fence(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell key = element(statement, 1, i);
		struct row *row = table_find(INDEX_SHARD, &key);

		if (!row_seen(statement->transaction, row))
			continue;
		TRY(row_lock(statement->transaction, row, LOCK_SHARE, statement->until));
		give(statement, row_latest(statement->transaction, row), I_OWNER);
	}
	return PG_OK;
}

static void give_decision(struct statement *statement, const struct cell *d, const struct cell *submission)
{
	const struct cell cells[] = {d[D_ID], d[D_REVISION], d[D_CAMPAIGN], d[D_UNIT], d[D_PHASE], d[D_RULES],
		d[D_STATUS], d[D_DECIDED_BY], d[D_REASONS], d[D_DUPLICATE_OF], d[D_SCORE], d[D_DECIDED_AT],
		submission ? submission[S_PERSON] : (struct cell){-1, NULL},
		submission ? submission[S_RECEIVED_AT] : (struct cell){-1, NULL}};

	give(statement, cells, submission ? 14 : 12);
}

/* A verdict on what is decided is found so; what is read again was locked before. */
static void note_verdict(const struct statement *statement, const struct row *row)
{
	const struct transaction_model *transaction = statement->transaction;

	for (size_t i = 0; i < transaction->held_count; i++)
		if (transaction->held[i] == row)
			return;
	happened(VERDICT_AGAIN);
	if (cell_value(row_seen(transaction, row)[D_DECIDED_BY]) == BY_REVIEWER)
		happened(VERDICT_AFTER_REVIEW);
}

static enum pg_status history_read(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *row = latest_decision(statement, element(statement, 1, i));

		if (!row)
			continue;
		note_verdict(statement, row);
		give_decision(statement, row_seen(statement->transaction, row), NULL);
	}
	return PG_OK;
}

/* Who waited gets the row that was the latest when the statement began. */
static enum pg_status history_lock(struct statement *statement, enum lock_mode mode)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell id = element(statement, 1, i);
		struct row *row = latest_decision(statement, id);

		if (!row || !submission_seen(statement, id))
			continue;
		TRY(row_lock(statement->transaction, row, mode, statement->until));
		give_decision(statement, row_latest(statement->transaction, row), submission_seen(statement, id));
	}
	return PG_OK;
}

static enum pg_status history_lock_to_change(struct statement *statement)
{
	return history_lock(statement, LOCK_UPDATE);
}

static enum pg_status history_lock_to_keep(struct statement *statement)
{
	return history_lock(statement, LOCK_SHARE);
}

static enum pg_status history_add(struct statement *statement)
{
	size_t added = 0;

	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[D_COLUMNS];
		bool inserted;

		for (size_t column = 0; column < D_DECIDED_AT; column++)
			cells[column] = element(statement, column + 1, i);
		cells[D_DECIDED_AT] = value(statement, 12);
		TRY(insert_row(statement, DECISION, cells, &inserted));
		added += inserted;
	}
	statement->result->affected_count = added;
	return PG_OK;
}

/* People ---------------------------------------------------------------------------------------------------------- */

static enum pg_status persons_add(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell cells[] = {element(statement, 1, i), element(statement, 2, i)};
		bool inserted;

		TRY(insert_row(statement, PERSON, cells, &inserted));
		if (inserted)
			give(statement, cells, P_COLUMNS);
	}
	return PG_OK;
}

static enum pg_status persons_lock(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell key[] = {element(statement, 1, i), element(statement, 2, i)};
		struct row *row = table_find(PERSON, key);

		if (!row_seen(statement->transaction, row))
			continue;
		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		struct cell number = cell_number((int64_t)i + 1, 8);
		give(statement, &number, 1);
	}
	return PG_OK;
}

static enum pg_status participation_read(struct statement *statement)
{
	const struct table *table = &tables[PARTICIPATION];

	for (size_t i = 0; i < elements(statement, 1); i++)
		for (size_t k = 0; k < table->count; k++) {
			const struct cell *r = row_seen(statement->transaction, table->rows[k]);

			if (!r || !cell_equal(r[R_CAMPAIGN], element(statement, 1, i)) ||
				!cell_equal(r[R_PERSON], element(statement, 2, i)))
				continue;
			const struct cell cells[] = {
				cell_number((int64_t)i + 1, 8), r[R_UNIT], r[R_PHASE], r[R_DAY], r[R_COUNTED]};
			give(statement, cells, ARRAY_LENGTH(cells));
		}
	return PG_OK;
}

static enum pg_status participation_write(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[R_COLUMNS];
		struct row *row;

		for (size_t column = 0; column < R_COLUMNS; column++)
			cells[column] = element(statement, column + 1, i);
		row = table_place(PARTICIPATION, cells);
		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		row_write(statement->transaction, PARTICIPATION, row, cells);
	}
	return PG_OK;
}

/* Totals and versions --------------------------------------------------------------------------------------------- */

/* `key` columns, then differences that are added to what is there. */
static enum pg_status add_up(
	struct statement *statement, enum table_name name, size_t key, size_t columns, size_t at, struct cell *after)
{
	struct cell cells[COLUMNS_MAX];
	struct row *row;
	const struct cell *before;

	for (size_t column = 0; column < columns; column++)
		cells[column] = element(statement, column + 1, at);
	row = table_place(name, cells);
	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	before = row_latest(statement->transaction, row);
	for (size_t column = key; before && column < columns; column++)
		cells[column] = cell_number(cell_value(before[column]) + cell_value(cells[column]), 8);
	row_write(statement->transaction, name, row, cells);
	memcpy(after, cells, columns * sizeof(*cells));
	return PG_OK;
}

static enum pg_status totals_add(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell after[COLUMNS_MAX + 1];

		TRY(add_up(statement, UNIT_TOTAL, T_ENTERED, T_COLUMNS, i, after));
		after[T_COLUMNS] = cell_number(0, 8); /* awarded */
		give(statement, after + T_ENTERED, T_COLUMNS - T_ENTERED + 1);
	}
	return PG_OK;
}

static enum pg_status days_add(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell after[COLUMNS_MAX], least;

		TRY(add_up(statement, UNIT_DAY, Y_COUNTED, Y_COLUMNS, i, after));
		least = after[Y_COUNTED];
		for (size_t column = Y_PEOPLE; column < Y_COLUMNS; column++)
			if (cell_value(after[column]) < cell_value(least))
				least = after[column];
		give(statement, &least, 1);
	}
	return PG_OK;
}

/* The hours of the last days, which come with it, are a picture for the page and not kept here. */
static enum pg_status versions_raise(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[B_COLUMNS] = {element(statement, 1, i)};
		struct row *row = table_place(BOARD, cells);
		const struct cell *before;

		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		before = row_latest(statement->transaction, row);
		cells[B_VERSION] = cell_number(before ? cell_value(before[B_VERSION]) + 1 : 1, 8);
		row_write(statement->transaction, BOARD, row, cells);
		const struct cell given[] = {cells[B_VERSION], cell_number(0, 8)};
		give(statement, given, 2);
	}
	return PG_OK;
}

static int64_t version_seen(const struct statement *statement, struct cell campaign)
{
	const struct cell *board = row_seen(statement->transaction, table_find(BOARD, &campaign));

	return board ? cell_value(board[B_VERSION]) : 0;
}

static enum pg_status versions_read(struct statement *statement)
{
	for (size_t i = 0; i < tables[BOARD].count; i++) {
		const struct cell *board = row_seen(statement->transaction, tables[BOARD].rows[i]);

		if (board)
			give(statement, board, B_COLUMNS);
	}
	return PG_OK;
}

static enum pg_status rebuild_version(struct statement *statement)
{
	const struct cell cells[] = {cell_number(version_seen(statement, value(statement, 1)), 8), cell_number(0, 8)};

	give(statement, cells, 2);
	return PG_OK;
}

static enum pg_status rebuild_page(struct statement *statement)
{
	const struct table *table = &tables[UNIT_TOTAL];

	for (size_t i = 0; i < table->count; i++) {
		const struct cell *t = row_seen(statement->transaction, table->rows[i]);

		if (!t || cell_value(t[T_UNIT]) < cell_value(value(statement, 2)) ||
			(cell_value(t[T_UNIT]) == cell_value(value(statement, 2)) &&
				cell_value(t[T_PHASE]) <= cell_value(value(statement, 3))))
			continue;
		const struct cell cells[] = {
			t[T_UNIT], t[T_PHASE], t[T_ENTERED], t[T_COUNTED], t[T_PEOPLE], cell_number(0, 8)};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

const struct statement_entry quota_statements[] = {
	{"FROM index_shard WHERE shard = ANY ($1)", fence, true},
	{"ORDER BY revision DESC LIMIT 1) AS d", history_read, true},
	{"LIMIT 1 FOR UPDATE) AS d JOIN submission", history_lock_to_change, true},
	{"LIMIT 1 FOR SHARE) AS d JOIN submission", history_lock_to_keep, true},
	{"INSERT INTO decision", history_add, false},
	{"INSERT INTO person ", persons_add, false},
	{"JOIN person AS p USING", persons_lock, true},
	{"JOIN participation AS r", participation_read, true},
	{"INSERT INTO participation", participation_write, false},
	{"INSERT INTO unit_total AS t", totals_add, false},
	{"INSERT INTO unit_day AS t", days_add, false},
	{"INSERT INTO board AS b", versions_raise, false},
	{"SELECT campaign_id, version FROM board", versions_read, true},
	{"SELECT coalesce(b.version, 0), coalesce(t.version, 0) FROM campaign", rebuild_version, true},
	{"AND (unit_id, phase) > ($2, $3)", rebuild_page, true},
	{NULL, NULL, false},
};
