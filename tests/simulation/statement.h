/* One statement of the services on the model's tables. A statement is known by words of its own text: where a service
 * changes what it asks for, the simulator stops and says that it does not know the statement. */
#ifndef SANGKIEN_SIMULATION_STATEMENT_H
#define SANGKIEN_SIMULATION_STATEMENT_H

#include "tests/simulation/database.h"

#include <endian.h>
#include <string.h>

enum { PARAMETERS_MAX = 24 };

struct cells {
	struct cell *list;
	size_t count;
};

struct parameter { /* a value, or the elements of an array */
	struct cell value;
	struct cells elements;
};

struct statement {
	struct transaction_model *transaction;
	int64_t until;
	struct parameter parameters[PARAMETERS_MAX]; /* $1 is [1] */
	size_t parameter_count;
	struct pg_result *result;
	const char *sqlstate;
	enum table_name copied; /* where it is a COPY */
};

struct pg_result { /* PGresult */
	size_t columns, rows, capacity;
	struct cell *cells;
	char affected[24];
	size_t affected_count;
};

struct pg_result *result_new(void);
void give(struct statement *statement, const struct cell *cells, size_t count); /* one row more */

typedef enum pg_status statement_model(struct statement *statement);
struct statement_entry {
	const char *words; /* of its text; the first entry whose words stand in a text is its model */
	statement_model *run;
	bool reads_only;
};
extern const struct statement_entry audit_statements[], copy_statements[], intake_statements[], other_statements[],
	quota_statements[];

const struct statement_entry *statement_find(const char *sql);
void statement_read(const struct pg_params *p, struct statement *statement); /* its parameters */
void statement_forget(struct statement *statement);

/* Of the wire */
static inline uint32_t read_u32(const uint8_t *at)
{
	uint32_t raw;

	memcpy(&raw, at, sizeof(raw));
	return be32toh(raw);
}

/* Shared by the models */
static inline struct cell value(const struct statement *statement, size_t number)
{
	return statement->parameters[number].value;
}
static inline struct cell element(const struct statement *statement, size_t number, size_t at)
{
	return statement->parameters[number].elements.list[at];
}
static inline size_t elements(const struct statement *statement, size_t number)
{
	return statement->parameters[number].elements.count;
}

/* INSERT of a row: false in *inserted where its key is there (ON CONFLICT DO NOTHING). Waits for who inserts the same.
 */
enum pg_status insert_row(
	struct statement *statement, enum table_name table, const struct cell *cells, bool *inserted) MUST_CHECK;
/* The latest revision of a submission that the statement sees; NULL: it has no decision. */
struct row *latest_decision(const struct statement *statement, struct cell id);
const struct cell *submission_seen(const struct statement *statement, struct cell id);

#define TRY(call)                                                                                                      \
	do {                                                                                                           \
		enum pg_status tried_ = (call);                                                                        \
		if (tried_ != PG_OK)                                                                                   \
			return tried_;                                                                                 \
	} while (0)

#endif
