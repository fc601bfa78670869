#include "tests/simulation/database.h"

#include "tests/simulation/oracle.h"

#include <stdlib.h>
#include <string.h>

enum { DEADLOCK_DEPTH_MAX = 32 };

struct table tables[TABLE_COUNT] = {
	[SUBMISSION] = {1, S_COLUMNS},
	[IDEMPOTENCY_KEY] = {2, K_COLUMNS},
	[DECISION] = {2, D_COLUMNS},
	[EXACT_TEXT] = {3, E_COLUMNS},
	[SIGNATURE] = {1, G_COLUMNS},
	[CANDIDATE] = {2, W_COLUMNS},
	[PERSON] = {2, P_COLUMNS},
	[PARTICIPATION] = {5, R_COLUMNS},
	[UNIT_TOTAL] = {3, T_COLUMNS},
	[UNIT_DAY] = {4, Y_COLUMNS},
	[BOARD] = {1, B_COLUMNS},
	[AUDIT_LOG] = {1, A_COLUMNS},
	[AUDIT_HEAD] = {1, H_COLUMNS},
	[INDEX_SHARD] = {1, I_COLUMNS},
	[ROLE_LEASE] = {1, L_COLUMNS},
	[QUARANTINE] = {2, Q_COLUMNS},
	[FREQUENCY_SNAPSHOT] = {1, F_COLUMNS},
	[ADVISORY_LOCK] = {1, 1},
};
static uint64_t commits, transactions;

/* Cells ----------------------------------------------------------------------------------------------------------- */

struct cell cell_copy(struct cell from)
{
	uint8_t *data = from.size > 0 ? malloc((size_t)from.size) : NULL;

	if (data)
		memcpy(data, from.data, (size_t)from.size);
	return (struct cell){from.size, data};
}

struct cell cell_number(int64_t value, int32_t size)
{
	uint8_t *data = malloc((size_t)size);

	assert(data != NULL);
	for (int32_t i = 0; i < size; i++)
		data[i] = (uint8_t)((uint64_t)value >> 8 * (size - 1 - i));
	return (struct cell){size, data};
}

struct cell cell_text(const char *text)
{
	return (struct cell){(int32_t)strlen(text), (const uint8_t *)text};
}

int64_t cell_value(struct cell cell)
{
	uint64_t value = cell.size > 0 && (cell.data[0] & 0x80) ? UINT64_MAX : 0;

	for (int32_t i = 0; i < cell.size; i++)
		value = value << 8 | cell.data[i];
	return (int64_t)value;
}

int cell_compare(struct cell a, struct cell b)
{
	size_t size = (size_t)(a.size < b.size ? a.size : b.size);
	int order = size > 0 && a.size > 0 && b.size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool cell_equal(struct cell a, struct cell b)
{
	return a.size == b.size && (a.size <= 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
}

static const struct cell *cells_copy(const struct cell *from, size_t count)
{
	struct cell *cells = malloc(count * sizeof(*cells));

	assert(cells != NULL);
	for (size_t i = 0; i < count; i++)
		cells[i] = cell_copy(from[i]);
	return cells;
}

/* Rows, in the order of their keys -------------------------------------------------------------------------------- */

static size_t lower_bound(const struct table *table, const struct cell *key, bool *found)
{
	size_t low = 0, high = table->count;

	*found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = 0;

		for (size_t i = 0; order == 0 && i < table->key; i++)
			order = cell_compare(table->rows[middle]->key[i], key[i]);
		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct row *table_find(enum table_name name, const struct cell *key)
{
	bool found;
	size_t at = lower_bound(&tables[name], key, &found);

	return found ? tables[name].rows[at] : NULL;
}

struct row *table_place(enum table_name name, const struct cell *key)
{
	struct table *table = &tables[name];
	bool found;
	size_t at = lower_bound(table, key, &found);

	if (found)
		return table->rows[at];
	if (table->count == table->capacity) {
		table->capacity = table->capacity == 0 ? 32 : table->capacity * 2;
		table->rows = realloc(table->rows, table->capacity * sizeof(struct row *));
		assert(table->rows != NULL);
	}
	struct row *row = calloc(1, sizeof(*row));
	assert(row != NULL);
	row->key = cells_copy(key, table->key);
	memmove(table->rows + at + 1, table->rows + at, (table->count++ - at) * sizeof(struct row *));
	table->rows[at] = row;
	return row;
}

const struct cell *row_now(const struct row *row)
{
	return row && row->newest ? row->newest->cells : NULL;
}

const struct cell *row_latest(const struct transaction_model *transaction, const struct row *row)
{
	if (row && row->writer == transaction)
		return row->pending;
	return row_now(row);
}

const struct cell *row_seen(const struct transaction_model *transaction, const struct row *row)
{
	const struct version *version = row ? row->newest : NULL;

	if (row && row->writer == transaction)
		return row->pending;
	while (version && version->commit > transaction->snapshot)
		version = version->before;
	return version ? version->cells : NULL;
}

/* Locks ----------------------------------------------------------------------------------------------------------- */

static bool shares(const struct row *row, const struct transaction_model *transaction)
{
	for (size_t i = 0; i < row->sharing_count; i++)
		if (row->sharing[i] == transaction)
			return true;
	return false;
}

/* Does this row's lock, asked by `asker`, end only when `target` ends? */
static bool leads_to(
	const struct row *row, const struct transaction_model *asker, const struct transaction_model *target, int depth)
{
	const struct transaction_model *holders[17];
	size_t count = 0;

	if (!row || depth == DEADLOCK_DEPTH_MAX)
		return false;
	if (row->exclusive && row->exclusive != asker)
		holders[count++] = row->exclusive;
	for (size_t i = 0; i < row->sharing_count; i++)
		if (row->sharing[i] != asker)
			holders[count++] = row->sharing[i];
	for (size_t i = 0; i < count; i++)
		if (holders[i] == target || leads_to(holders[i]->waits, holders[i], target, depth + 1))
			return true;
	return false;
}

static bool is_free(const struct row *row, const struct transaction_model *transaction, enum lock_mode mode)
{
	bool shared_by_others = row->sharing_count > (shares(row, transaction) ? 1 : 0);

	if (row->exclusive && row->exclusive != transaction)
		return false;
	return mode == LOCK_SHARE || !shared_by_others;
}

static void hold(struct transaction_model *transaction, struct row *row)
{
	for (size_t i = 0; i < transaction->held_count; i++)
		if (transaction->held[i] == row)
			return;
	if (transaction->held_count == transaction->held_capacity) {
		transaction->held_capacity = transaction->held_capacity == 0 ? 32 : transaction->held_capacity * 2;
		transaction->held = realloc(transaction->held, transaction->held_capacity * sizeof(struct row *));
		assert(transaction->held != NULL);
	}
	transaction->held[transaction->held_count++] = row;
}

enum pg_status row_lock(struct transaction_model *transaction, struct row *row, enum lock_mode mode, int64_t until)
{
	while (!is_free(row, transaction, mode)) {
		if (transaction->broken)
			return PG_DOWN;
		if (world_now() >= until)
			return PG_RETRY; /* 57014 */
		if (leads_to(row, transaction, transaction, 0))
			return PG_RETRY; /* 40P01 */
		transaction->waits = row;
		fiber_wait(&row->waiters, until);
		transaction->waits = NULL;
	}
	if (transaction->broken)
		return PG_DOWN;
	if (mode == LOCK_UPDATE)
		row->exclusive = transaction;
	else if (row->exclusive != transaction && !shares(row, transaction)) {
		assert(row->sharing_count < ARRAY_LENGTH(row->sharing));
		row->sharing[row->sharing_count++] = transaction;
	}
	hold(transaction, row);
	return PG_OK;
}

void row_write(struct transaction_model *transaction, enum table_name table, struct row *row, const struct cell *cells)
{
	assert(row->exclusive == transaction);
	row->writer = transaction;
	row->pending = cells ? cells_copy(cells, tables[table].columns) : NULL;
	transaction->wrote = true;
}

/* Transactions ---------------------------------------------------------------------------------------------------- */

void database_begin(void)
{
	struct cell one = cell_number(1, 2);
	struct cell head[] = {one, cell_number(0, 8), {32, calloc(1, 32)}};
	struct transaction_model *transaction = transaction_begin(false);
	struct row *row = table_place(AUDIT_HEAD, &one);
	enum pg_status locked = row_lock(transaction, row, LOCK_UPDATE, INT64_MAX);

	assert(locked == PG_OK);
	row_write(transaction, AUDIT_HEAD, row, head);
	transaction_commit(transaction);
}

struct transaction_model *transaction_begin(bool one_snapshot)
{
	struct transaction_model *transaction = calloc(1, sizeof(*transaction));

	assert(transaction != NULL);
	transaction->number = ++transactions;
	transaction->one_snapshot = one_snapshot;
	return transaction;
}

void transaction_statement(struct transaction_model *transaction)
{
	if (!transaction->one_snapshot || transaction->snapshot == 0)
		transaction->snapshot = commits;
}

static void let_go(struct transaction_model *transaction)
{
	for (size_t i = 0; i < transaction->held_count; i++) {
		struct row *row = transaction->held[i];
		size_t kept = 0;

		if (row->exclusive == transaction)
			row->exclusive = NULL;
		for (size_t k = 0; k < row->sharing_count; k++)
			if (row->sharing[k] != transaction)
				row->sharing[kept++] = row->sharing[k];
		row->sharing_count = kept;
		waiters_wake_all(&row->waiters);
	}
	transaction->held_count = 0;
	transaction->over = true;
}

void transaction_commit(struct transaction_model *transaction)
{
	assert(!transaction->over);
	if (transaction->wrote)
		commits++;
	for (size_t i = 0; i < transaction->held_count; i++) {
		struct row *row = transaction->held[i];
		struct version *version;

		if (row->writer != transaction)
			continue;
		version = malloc(sizeof(*version));
		assert(version != NULL);
		*version = (struct version){commits, row->pending, row->newest};
		row->newest = version;
		row->writer = NULL;
	}
	let_go(transaction);
	if (transaction->wrote)
		oracle_on_commit();
}

void transaction_abort(struct transaction_model *transaction)
{
	if (transaction->over)
		return;
	for (size_t i = 0; i < transaction->held_count; i++)
		if (transaction->held[i]->writer == transaction)
			transaction->held[i]->writer = NULL;
	let_go(transaction);
}
