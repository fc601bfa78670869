/* PostgreSQL, with deadlines: every call waits at most until its deadline, on a non-blocking libpq.
 * One `struct pg` is one connection and belongs to one thread. */
#ifndef SANGKIEN_RUNTIME_PG_H
#define SANGKIEN_RUNTIME_PG_H

#include "common/runtime/base.h"

#include <libpq-fe.h>

struct pg;

enum pg_status {
	PG_OK,
	PG_RETRY,   /* 40001, 40P01, 55P03, 57014: the transaction did nothing; run it again */
	PG_REFUSED, /* the statement is wrong or forbidden (a bug, a constraint); pg_sqlstate() says which */
	PG_FULL,    /* 53xxx: disk, memory or connections exhausted; nothing was kept */
	PG_DOWN,    /* not connected or connection lost before COMMIT was sent: nothing was kept */
	PG_UNKNOWN, /* connection lost or deadline passed after COMMIT was sent: nobody knows (law 1) */
};

/* `conninfo` as libpq reads it. Connects at first use; NULL only without memory. */
struct pg *pg_open(const char *conninfo, const char *application_name) MUST_CHECK;
/* The same for statements that look up single rows by their keys. A plan is made once a connection, perhaps while the
 * tables are empty and reading the whole of one is cheapest; that is switched off in the session. */
struct pg *pg_open_by_key(const char *conninfo, const char *application_name) MUST_CHECK;
void pg_close(struct pg **pg);

/* Connects if need be, within the deadline and not before the backoff has run out. Says the loss and the
 * return once each in the log. The session gets: synchronous_commit on, timezone UTC, statement_timeout. */
bool pg_ready(struct pg *pg, int64_t deadline_ms) MUST_CHECK;
bool pg_connected(const struct pg *pg);
void pg_drop(struct pg *pg);                  /* closes the connection; the next pg_ready() opens a new one */
const char *pg_sqlstate(const struct pg *pg); /* of the last failure, "" where there was none */
#define PG_UNIQUE_VIOLATION "23505"
const char *pg_error(const struct pg *pg); /* the server's words, for the log */

/* Parameters in binary form. Builders fail sticky. Bytes are copied. */
struct pg_params;
struct pg_params *pg_params(struct pg *pg); /* the connection's own, emptied; not to be freed */
void pg_i16(struct pg_params *p, int16_t v);
void pg_i32(struct pg_params *p, int32_t v);
void pg_i64(struct pg_params *p, int64_t v);
void pg_real(struct pg_params *p, double v); /* float8; float4 in an array of PG_OID_FLOAT4 */
void pg_bool(struct pg_params *p, bool v);
void pg_text(struct pg_params *p, struct bytes v); /* text */
void pg_cstr(struct pg_params *p, const char *v);  /* text; NULL is NULL */
void pg_bytea(struct pg_params *p, struct bytes v);
void pg_uuid(struct pg_params *p, const struct id128 *v); /* NULL is NULL */
void pg_instant(struct pg_params *p, int64_t unix_us);    /* timestamptz */
void pg_day(struct pg_params *p, int32_t unix_day);       /* date */
void pg_null(struct pg_params *p, Oid type);
/* Arrays for unnest(): begin, the elements by the calls above (pg_null allowed), end. */
void pg_array_begin(struct pg_params *p, Oid element_type);
void pg_array_end(struct pg_params *p);
/* A whole array: for each `i` below `count`, `value` puts the element of `row`, which points at `at`. */
#define PG_PUT_EACH(p, type, row, at, count, value)                                                                    \
	do {                                                                                                           \
		pg_array_begin(p, type);                                                                               \
		for (size_t i = 0; i < (count); i++) {                                                                 \
			const __typeof__(*(at)) *row = (at);                                                           \
			(void)row;                                                                                     \
			(value);                                                                                       \
		}                                                                                                      \
		pg_array_end(p);                                                                                       \
	} while (0)

enum {
	PG_OID_BOOL = 16,
	PG_OID_BYTEA = 17,
	PG_OID_INT8 = 20,
	PG_OID_INT2 = 21,
	PG_OID_INT4 = 23,
	PG_OID_TEXT = 25,
	PG_OID_FLOAT4 = 700,
	PG_OID_FLOAT8 = 701,
	PG_OID_DATE = 1082,
	PG_OID_TIMESTAMPTZ = 1184,
	PG_OID_UUID = 2950
};

/* Runs one statement (prepared once a connection under its text's address when `sql` is a literal) with the
 * parameters built by pg_params(). Results are binary. `*rows` may be NULL where none are wanted; else it is
 * the caller's to PQclear (CLEANUP(pg_result_clear)). Outside a transaction a statement commits by itself: unless it
 * begins with SELECT, a loss is then PG_UNKNOWN. Within one that was cut off nothing runs until pg_rollback(). */
enum pg_status pg_run(struct pg *pg, const char *sql, PGresult **rows, int64_t deadline_ms) MUST_CHECK;
/* Several statements without parameters in one round trip ("BEGIN; SET LOCAL …"). */
enum pg_status pg_script(struct pg *pg, const char *sql, int64_t deadline_ms) MUST_CHECK;
enum pg_status pg_begin(struct pg *pg, int64_t deadline_ms) MUST_CHECK; /* READ COMMITTED */
/* A lost connection or a warning of a cancelled synchronous wait is PG_UNKNOWN. */
enum pg_status pg_commit(struct pg *pg, int64_t deadline_ms) MUST_CHECK;
void pg_rollback(struct pg *pg, int64_t deadline_ms);

/* Binary COPY … FROM STDIN. Columns by the pg_… calls above on the writer's params. */
enum pg_status pg_copy_begin(struct pg *pg, const char *sql, int64_t deadline_ms) MUST_CHECK;
struct pg_params *pg_copy_row(struct pg *pg, int16_t columns); /* then `columns` values */
enum pg_status pg_copy_end(struct pg *pg, int64_t deadline_ms) MUST_CHECK;

/* Reading binary results. The row and column must be there and of that type (asserted by length). */
void pg_result_clear(PGresult **rows);
bool pg_get_null(const PGresult *rows, int row, int column);
int16_t pg_get_i16(const PGresult *rows, int row, int column);
int32_t pg_get_i32(const PGresult *rows, int row, int column);
int64_t pg_get_i64(const PGresult *rows, int row, int column);
double pg_get_real(const PGresult *rows, int row, int column); /* float4 or float8 */
bool pg_get_bool(const PGresult *rows, int row, int column);
struct bytes pg_get_bytes(const PGresult *rows, int row, int column); /* text, bytea; borrowed from the result */
/* For "%.*s". */
#define PG_TEXT(rows, row, column)                                                                                     \
	(int)pg_get_bytes(rows, row, column).size, (const char *)pg_get_bytes(rows, row, column).data
struct id128 pg_get_uuid(const PGresult *rows, int row, int column);
int64_t pg_get_instant(const PGresult *rows, int row, int column);
int32_t pg_get_day(const PGresult *rows, int row, int column);

/* Difference of this machine's clock to PostgreSQL's, microseconds (law 6). */
enum pg_status pg_clock_offset(struct pg *pg, int64_t *offset_us, int64_t deadline_ms) MUST_CHECK;

#endif
