/* COPY … FROM STDIN: rows are kept as they are written, and inserted at the end. */
#include "tests/simulation/pg_session.h"

#include <string.h>

static enum table_name copied_table(const char *sql)
{
	static const struct {
		const char *begin;
		enum table_name table;
	} known[] = {{"COPY submission ", SUBMISSION}, {"COPY idempotency_key ", IDEMPOTENCY_KEY},
		{"COPY signature ", SIGNATURE}, {"COPY candidate ", CANDIDATE}};

	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (strncmp(sql, known[i].begin, strlen(known[i].begin)) == 0)
			return known[i].table;
	assert(!"a COPY that the model does not know");
	return TABLE_COUNT;
}

enum pg_status pg_copy_begin(struct pg *pg, const char *sql, int64_t deadline_ms)
{
	struct session *session = session_of(pg);

	(void)deadline_ms;
	assert(session->in_transaction);
	session->copied = copied_table(sql);
	pg_params_clear(&pg->params, true);
	session->row_cells = 0;
	return session->connected ? PG_OK : PG_DOWN;
}

/* The fields of the row before, out of the buffer that the next one is written to. */
static void keep_row(struct session *session)
{
	const struct buffer *buffer = &session->pg.params.buffer;

	for (size_t at = 0; at < buffer->size;) {
		int32_t size = (int32_t)read_u32(buffer->data + at);

		assert(session->row_cells < ARRAY_LENGTH(session->rows));
		session->rows[session->row_cells++] = cell_copy((struct cell){size, buffer->data + at + 4});
		at += 4 + (size_t)(size > 0 ? size : 0);
	}
	pg_params_clear(&session->pg.params, true);
}

struct pg_params *pg_copy_row(struct pg *pg, int16_t columns)
{
	assert((size_t)columns == tables[session_of(pg)->copied].columns);
	keep_row(session_of(pg));
	return &pg->params;
}

static enum pg_status copy_rows(struct statement *statement)
{
	const struct cell *cells = statement->parameters[1].elements.list;

	for (size_t at = 0; at < elements(statement, 1); at += tables[statement->copied].columns) {
		bool inserted;

		TRY(insert_row(statement, statement->copied, cells + at, &inserted));
		if (inserted)
			continue;
		statement->sqlstate = "23505";
		return PG_REFUSED;
	}
	return PG_OK;
}

enum pg_status pg_copy_end(struct pg *pg, int64_t deadline_ms)
{
	struct session *session = session_of(pg);
	struct statement statement = {
		.until = session_deadline(deadline_ms), .result = NULL, .copied = session->copied};

	keep_row(session);
	pg_params_clear(&pg->params, false);
	statement.parameters[1].elements = (struct cells){session->rows, session->row_cells};
	return session_run(session, copy_rows, &statement, false);
}
