#include "common/runtime/pg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

static const int64_t epoch_us = INT64_C(946684800000000); /* 2000-01-01 */
enum { EPOCH_DAY = 10957 };

void pg_result_clear(PGresult **rows)
{
	PQclear(*rows);
	*rows = NULL;
}

bool pg_get_null(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column);
}

/* A column that is missing, NULL or of another type is a bug of the statement's writer. */
static void get(const PGresult *rows, int row, int column, void *value, size_t size)
{
	assert(row < PQntuples(rows) && column < PQnfields(rows));
	assert(!PQgetisnull(rows, row, column) && (size_t)PQgetlength(rows, row, column) == size);
	memcpy(value, PQgetvalue(rows, row, column), size);
}

int16_t pg_get_i16(const PGresult *rows, int row, int column)
{
	uint16_t raw;

	get(rows, row, column, &raw, sizeof(raw));
	return (int16_t)ntohs(raw);
}

int32_t pg_get_i32(const PGresult *rows, int row, int column)
{
	uint32_t raw;

	get(rows, row, column, &raw, sizeof(raw));
	return (int32_t)ntohl(raw);
}

int64_t pg_get_i64(const PGresult *rows, int row, int column)
{
	uint64_t raw;

	get(rows, row, column, &raw, sizeof(raw));
	return (int64_t)be64toh(raw);
}

double pg_get_real(const PGresult *rows, int row, int column)
{
	double value;

	if (PQgetlength(rows, row, column) == (int)sizeof(float)) {
		uint32_t raw = (uint32_t)pg_get_i32(rows, row, column);
		float narrow;

		memcpy(&narrow, &raw, sizeof(narrow));
		return (double)narrow;
	}
	uint64_t raw = (uint64_t)pg_get_i64(rows, row, column);
	memcpy(&value, &raw, sizeof(value));
	return value;
}

bool pg_get_bool(const PGresult *rows, int row, int column)
{
	uint8_t raw;

	get(rows, row, column, &raw, sizeof(raw));
	return raw != 0;
}

struct bytes pg_get_bytes(const PGresult *rows, int row, int column)
{
	assert(row < PQntuples(rows) && column < PQnfields(rows));
	return (struct bytes){
		.data = (const uint8_t *)PQgetvalue(rows, row, column),
		.size = (size_t)PQgetlength(rows, row, column),
	};
}

struct id128 pg_get_uuid(const PGresult *rows, int row, int column)
{
	struct id128 id;

	get(rows, row, column, id.octet, sizeof(id.octet));
	return id;
}

int64_t pg_get_instant(const PGresult *rows, int row, int column)
{
	int64_t raw = pg_get_i64(rows, row, column);

	/* 'infinity' and '-infinity' stay the ends of time. */
	return raw == INT64_MAX || raw == INT64_MIN ? raw : raw + epoch_us;
}

int32_t pg_get_day(const PGresult *rows, int row, int column)
{
	int32_t raw = pg_get_i32(rows, row, column);

	return raw == INT32_MAX || raw == INT32_MIN ? raw : raw + EPOCH_DAY;
}
