/* Which model a statement has, and its parameters from the wire. */
#include "tests/simulation/statement.h"

#include "common/runtime/pg_connection.h"

#include <stdlib.h>
#include <string.h>

enum { ARRAY_HEADER_BYTES = 20, KNOWN_MAX = 256 };

const struct statement_entry *statement_find(const char *sql)
{
	static struct {
		const char *sql;
		const struct statement_entry *entry;
	} known[KNOWN_MAX];
	static size_t known_count;
	const struct statement_entry *const all[] = {
		copy_statements, intake_statements, other_statements, quota_statements, audit_statements};

	for (size_t i = 0; i < known_count; i++)
		if (known[i].sql == sql)
			return known[i].entry;
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		for (const struct statement_entry *entry = all[i]; entry->words; entry++) {
			if (!strstr(sql, entry->words))
				continue;
			assert(known_count < KNOWN_MAX);
			known[known_count].sql = sql;
			known[known_count++].entry = entry;
			return entry;
		}
	world_fail("the model does not know this statement: %s", sql);
}

static bool is_array(Oid type)
{
	static const Oid arrays[] = {1000, 1001, 1005, 1007, 1009, 1016, 1021, 1022, 1182, 1185, 2951};

	for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++)
		if (arrays[i] == type)
			return true;
	return false;
}

static struct cells read_elements(const uint8_t *at)
{
	struct cells cells = {.count = read_u32(at + 12)};

	cells.list = calloc(cells.count + 1, sizeof(*cells.list));
	assert(cells.list != NULL);
	at += ARRAY_HEADER_BYTES;
	for (size_t i = 0; i < cells.count; i++) {
		cells.list[i] = (struct cell){(int32_t)read_u32(at), at + 4};
		at += 4 + (cells.list[i].size > 0 ? cells.list[i].size : 0);
	}
	return cells;
}

void statement_read(const struct pg_params *p, struct statement *statement)
{
	assert(!p->failed && p->count < PARAMETERS_MAX);
	statement->parameter_count = (size_t)p->count;
	for (int i = 0; i < p->count; i++) {
		struct parameter *to = &statement->parameters[i + 1];
		const uint8_t *at = p->buffer.data + p->values[i].offset;

		if (is_array(p->types[i]))
			to->elements = read_elements(at);
		else
			to->value = (struct cell){p->values[i].size, at};
	}
}

void statement_forget(struct statement *statement)
{
	for (size_t i = 1; i <= statement->parameter_count; i++)
		free(statement->parameters[i].elements.list);
}
