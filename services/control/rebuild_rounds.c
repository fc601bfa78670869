/* `sangkien rebuild-rounds`: counts the people of rounds anew from who takes part, where `audit` found them wrong. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/move_totals.h"
#include "services/control/round_people.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <stdio.h>

enum { STATEMENT_MS = 3600 * 1000 };

static const char lock_sql[] = "SELECT FROM campaign WHERE id = $1 FOR UPDATE";
static const char keep_sql[] = "INSERT INTO round_before SELECT unit_id, round, day, people FROM unit_round "
			       "WHERE campaign_id = $1";
static const char mended_sql[] =
	"SELECT count(*) FROM round_before AS b FULL JOIN (SELECT * FROM unit_round WHERE campaign_id = $1) AS n "
	"USING (unit_id, round, day) WHERE coalesce(b.people, 0) <> coalesce(n.people, 0)";

static bool run(struct pg *pg, const char *sql, uint32_t campaign, PGresult **rows)
{
	pg_i16(pg_params(pg), (int16_t)campaign);
	return pg_run(pg, sql, rows, clock_monotonic_ms() + STATEMENT_MS) == PG_OK;
}

/* Under the lock of those who count: what they add is before or after all of it. */
static bool rebuild(struct pg *pg, uint32_t campaign, int64_t *mended)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	bool good =
		pg_begin(pg, session_deadline()) == PG_OK && run(pg, lock_sql, campaign, NULL) && move_lock(pg) &&
		pg_script(pg,
			"CREATE TEMP TABLE round_before (unit_id int4, round int2, day date, people int8) ON COMMIT "
			"DROP",
			session_deadline()) == PG_OK &&
		run(pg, keep_sql, campaign, NULL) && round_people_recount(pg, campaign) &&
		run(pg, mended_sql, campaign, &rows);

	if (good)
		*mended = pg_get_i64(rows, 0, 0);
	return good && pg_commit(pg, session_deadline()) == PG_OK;
}

static int rebuild_all(struct pg *pg, const char *campaign)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	int code = session_campaigns_find(pg, campaign, &rows);

	for (int row = 0; code == EXIT_OK && row < PQntuples(rows); row++) {
		struct bytes name = pg_get_bytes(rows, row, 1);
		int64_t mended = 0;
		if (rebuild(pg, (uint32_t)pg_get_i16(rows, row, 0), &mended)) {
			printf("%.*s: people of rounds counted anew, %" PRId64 " rows were wrong\n", (int)name.size,
				(const char *)name.data, mended);
			continue;
		}
		fprintf(stderr, "sangkien: %.*s: not rebuilt: %s\n", (int)name.size, (const char *)name.data,
			pg_error(pg));
		code = EXIT_AWAY;
	}
	return code;
}

int command_rebuild_rounds(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL;
	const struct argument known[] = {{NULL, .text = &campaign}};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "rebuild-rounds");
	return pg == NULL ? EXIT_AWAY : rebuild_all(pg, campaign);
}
