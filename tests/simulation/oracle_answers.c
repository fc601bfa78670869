/* Whether what clients were answered was right. */
#include "tests/simulation/oracle_inside.h"
#include "tests/simulation/shell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void oracle_on_receipt(const struct meant *meant, const struct id128 *id, const int64_t *instants, size_t count)
{
	struct cell key = {ID128_SIZE, id->octet};
	const struct cell *s = row_now(table_find(SUBMISSION, &key));
	bool right = false;

	if (!s)
		world_fail("law 1: a receipt for %s, which is not stored", oracle_name_of(key));
	if (oracle_meant_by(s[S_DESCRIPTION])->text != meant->text)
		world_fail("law 1: the receipt of another submission");
	for (size_t i = 0; i < count; i++)
		right |= instants[i] == cell_value(s[S_RECEIVED_AT]) + EPOCH_2000_US;
	if (!right)
		world_fail("law 6: %s was not received at the instant that is stored", oracle_name_of(key));
	if (cell_value(s[S_RECEIVED_AT]) + EPOCH_2000_US >= oracle_closes_at)
		world_fail("law 6: taken after the campaign's end");
}

void oracle_on_refusal(int64_t received_at)
{
	if (received_at < oracle_closes_at)
		world_fail("law 6: refused before the campaign's end");
}

void oracle_on_review(const struct id128 *id, uint32_t revision, uint32_t status)
{
	const struct cell key[] = {{ID128_SIZE, id->octet}, cell_number(revision, 4)};
	const struct cell *d = row_now(table_find(DECISION, key));

	if (!d || cell_value(d[D_DECIDED_BY]) != BY_REVIEWER || cell_value(d[D_STATUS]) != status)
		world_fail("law 1: a review was confirmed that is not stored");
}

static const char *after(const char *json, const char *name)
{
	const char *at = json ? strstr(json, name) : NULL;

	return at ? at + strlen(name) : NULL;
}

static int64_t number_after(const char *json, const char *name)
{
	const char *at = after(json, name);

	return at ? strtoll(at, NULL, 10) : -1;
}

static uint32_t unit_of_code(const char *code)
{
	for (uint32_t unit = 1; unit < UNITS; unit++) {
		size_t size = strlen(reference_unit_code(unit));

		if (strncmp(code, reference_unit_code(unit), size) == 0 && code[size] == '"')
			return unit;
	}
	world_fail("a board names a unit that there is not");
}

/* A row may be ahead of the board's version, where a transaction before it has not reached Redis yet: then it is that
 * of a later one. It is never older, and never what it was at no time. */
static void check_row(const char *json, int64_t version, uint32_t unit, uint32_t phase)
{
	const struct figures *right = &oracle_history[version]->at[unit][phase];
	int64_t entered = number_after(json, "\"entered\":"), counted = number_after(json, "\"counted\":"),
		people = number_after(json, "\"people\":");

	for (int64_t at = version; at <= oracle_newest; at++) {
		const struct figures *then = &oracle_history[at]->at[unit][phase];

		if (entered == then->entered && counted == then->by[COUNTED] && people == then->people)
			return;
	}
	world_fail("law 5: the board of version %" PRId64 " shows %" PRId64 "/%" PRId64 "/%" PRId64
		   " for unit %u, which had %" PRId64 "/%" PRId64 "/%" PRId64,
		version, entered, counted, people, unit, right->entered, right->by[COUNTED], right->people);
}

/* {"campaign":…,"version":N,…,"current":true,"total":{…},"rows":[{…"unit":"E",…},…]} */
void oracle_on_board(const char *json)
{
	int64_t version = number_after(json, "\"version\":");
	const char *phase_text = after(json, "\"phase\":"), *parent = after(json, "\"parent\":\"");
	const char *current = after(json, "\"current\":");
	uint32_t phase = phase_text && *phase_text != '"' ? (uint32_t)strtoul(phase_text, NULL, 10) : 0;
	static const struct count nothing;

	if (version < 0 || !parent || !current)
		world_fail("a board that cannot be read: %s", json);
	if (strncmp(current, "true", 4) != 0)
		return;
	if (version > oracle_newest)
		world_fail("law 5: a board of version %" PRId64 ", but the newest is %" PRId64, version, oracle_newest);
	if (version == 0 && !oracle_history[0]) {
		oracle_history[0] = calloc(1, sizeof(nothing));
		assert(oracle_history[0] != NULL);
	}
	check_row(after(json, "\"total\":"), version, unit_of_code(parent), phase);
	for (const char *row = after(json, "\"rows\":["); (row = after(row, "\"unit\":\"")) != NULL;)
		check_row(row, version, unit_of_code(row), phase);
}

void oracle_saw(struct bytes what, const char *where)
{
	if (memmem(what.data, what.size, "Bí Mật", strlen("Bí Mật")) || memmem(what.data, what.size, "091234500", 9) ||
		memmem(what.data, what.size, "+84912345", 9))
		world_fail("law 10: personal data in %s", where);
}
