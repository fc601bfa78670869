/* The rows as the oracle reads them: whose each submission is, and its decisions (laws 2 and 4). */
#include "tests/simulation/oracle_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct meant *known[SUBMISSIONS_MAX];
static size_t known_count;
struct seen oracle_seen[SUBMISSIONS_MAX];
size_t oracle_seen_count;

void oracle_know(const struct meant *meant)
{
	assert(known_count < SUBMISSIONS_MAX);
	known[known_count++] = meant;
}

const struct meant *oracle_meant_by(struct cell description)
{
	for (size_t i = 0; i < known_count; i++)
		if ((size_t)description.size == strlen(known[i]->description) &&
			memcmp(description.data, known[i]->description, (size_t)description.size) == 0)
			return known[i];
	world_fail("law 4: a submission is stored that nobody sent");
}

const char *oracle_name_of(struct cell id)
{
	static char names[4][16]; /* of the latest that were asked for */
	static size_t next;
	char *name = names[next++ % ARRAY_LENGTH(names)];

	snprintf(name, sizeof(names[0]), "%02x%02x%02x", id.data[5], id.data[6], id.data[7]);
	return name;
}

void oracle_take_submissions(void)
{
	oracle_seen_count = 0;
	for (size_t i = 0; i < tables[SUBMISSION].count; i++) {
		const struct cell *s = row_now(tables[SUBMISSION].rows[i]);

		if (!s)
			continue;
		assert(oracle_seen_count < SUBMISSIONS_MAX);
		oracle_seen[oracle_seen_count++] =
			(struct seen){.submission = s, .meant = oracle_meant_by(s[S_DESCRIPTION])};
	}
}

/* Both tables are in the order of ids. */
void oracle_take_decisions(void)
{
	size_t at = 0;

	for (size_t i = 0; i < tables[DECISION].count; i++) {
		const struct cell *d = row_now(tables[DECISION].rows[i]);

		if (!d)
			continue;
		while (at < oracle_seen_count && cell_compare(oracle_seen[at].submission[S_ID], d[D_ID]) < 0)
			at++;
		if (at == oracle_seen_count || !cell_equal(oracle_seen[at].submission[S_ID], d[D_ID]))
			world_fail("law 2: a decision on what was never stored");
		if (cell_value(d[D_REVISION]) != ++oracle_seen[at].revisions)
			world_fail("law 2: %s has no revision %" PRId64, oracle_name_of(d[D_ID]),
				oracle_seen[at].revisions);
		if ((oracle_seen[at].revisions == 1) != (cell_value(d[D_DECIDED_BY]) == BY_MACHINE))
			world_fail("law 2: revision %" PRId64 " of %s by %" PRId64, oracle_seen[at].revisions,
				oracle_name_of(d[D_ID]), cell_value(d[D_DECIDED_BY]));
		if (oracle_seen[at].by_person && cell_value(d[D_DECIDED_BY]) != BY_REVIEWER &&
			cell_value(d[D_STATUS]) == DUPLICATE)
			world_fail("law 2: a machine replaced a person's word on %s", oracle_name_of(d[D_ID]));
		oracle_seen[at].by_person |= cell_value(d[D_DECIDED_BY]) == BY_REVIEWER;
		oracle_seen[at].latest = d;
	}
}
