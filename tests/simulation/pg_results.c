/* What a statement returned, as libpq gives it. */
#include "tests/simulation/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pg_result *result_new(void)
{
	struct pg_result *result = calloc(1, sizeof(*result));

	assert(result != NULL);
	return result;
}

void give(struct statement *statement, const struct cell *cells, size_t count)
{
	struct pg_result *result = statement->result;

	assert(result->columns == 0 || result->columns == count);
	result->columns = count;
	if ((result->rows + 1) * count > result->capacity) {
		result->capacity = (result->rows + 1) * count * 2;
		result->cells = realloc(result->cells, result->capacity * sizeof(*result->cells));
		assert(result->cells != NULL);
	}
	for (size_t i = 0; i < count; i++)
		result->cells[result->rows * count + i] = cell_copy(cells[i]);
	result->rows++;
}

static const struct cell *cell_at(const PGresult *result, int row, int column)
{
	return &result->cells[(size_t)row * result->columns + (size_t)column];
}

int PQntuples(const PGresult *result)
{
	return (int)result->rows;
}

int PQnfields(const PGresult *result)
{
	return (int)result->columns;
}

char *PQgetvalue(const PGresult *result, int row, int column)
{
	const struct cell *cell = cell_at(result, row, column);

	return cell->data ? (char *)(uintptr_t)cell->data : (char *)(uintptr_t) "";
}

int PQgetlength(const PGresult *result, int row, int column)
{
	int32_t size = cell_at(result, row, column)->size;

	return size < 0 ? 0 : size;
}

int PQgetisnull(const PGresult *result, int row, int column)
{
	return cell_at(result, row, column)->size < 0;
}

char *PQcmdTuples(PGresult *result)
{
	snprintf(result->affected, sizeof(result->affected), "%zu", result->affected_count);
	return result->affected;
}

void PQclear(PGresult *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->rows * result->columns; i++)
		free((void *)(uintptr_t)result->cells[i].data);
	free(result->cells);
	free(result);
}
