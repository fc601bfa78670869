/* The audit log and its head. */
#include "tests/simulation/statement.h"

static enum pg_status audit_recall(struct statement *statement)
{
	const struct table *log = &tables[AUDIT_LOG];

	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell id = element(statement, 1, i), status = element(statement, 2, i);
		const struct cell *made = NULL;
		bool overtaken = false;

		for (size_t k = 0; k < log->count; k++) {
			const struct cell *a = row_seen(statement->transaction, log->rows[k]);

			if (a && cell_equal(a[A_SUBMISSION], id) && cell_equal(a[A_TOKEN], value(statement, 3)) &&
				cell_equal(a[A_TO], status) && cell_equal(a[A_REASON], value(statement, 4)) &&
				(!made || cell_value(a[A_REVISION]) > cell_value(made[A_REVISION])))
				made = a;
		}
		for (size_t k = 0; made && k < log->count; k++) {
			const struct cell *a = row_seen(statement->transaction, log->rows[k]);

			overtaken |= a && cell_equal(a[A_SUBMISSION], id) &&
				     cell_value(a[A_REVISION]) > cell_value(made[A_REVISION]) &&
				     !cell_equal(a[A_TOKEN], value(statement, 3));
		}
		if (!made)
			continue;
		const struct cell cells[] = {id, made[A_REVISION], cell_number(overtaken, 1)};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

static enum pg_status audit_lock_head(struct statement *statement)
{
	struct row *row = tables[AUDIT_HEAD].rows[0];

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	give(statement, row_latest(statement->transaction, row) + H_NUMBER, 2);
	return PG_OK;
}

static enum pg_status audit_append(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[A_COLUMNS];
		bool inserted;

		for (size_t column = 0; column < A_AT; column++)
			cells[column] = element(statement, column + 1, i);
		for (size_t column = A_AT; column < A_COLUMNS; column++)
			cells[column] = value(statement, column + 1);
		TRY(insert_row(statement, AUDIT_LOG, cells, &inserted));
		if (!inserted) {
			statement->sqlstate = "23505";
			return PG_REFUSED;
		}
	}
	return PG_OK;
}

static enum pg_status audit_move_head(struct statement *statement)
{
	struct row *row = tables[AUDIT_HEAD].rows[0];
	const struct cell cells[] = {row->key[0], value(statement, 1), value(statement, 2)};

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	row_write(statement->transaction, AUDIT_HEAD, row, cells);
	return PG_OK;
}

const struct statement_entry audit_statements[] = {
	{"max(revision) AS revision FROM audit_log", audit_recall, true},
	{"FROM audit_head FOR UPDATE", audit_lock_head, true},
	{"INSERT INTO audit_log", audit_append, false},
	{"UPDATE audit_head", audit_move_head, false},
	{NULL, NULL, false},
};
