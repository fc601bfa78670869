#include "services/control/round_people.h"

#include "common/runtime/clock.h"

enum { STATEMENT_MS = 3600 * 1000 };

static const char delete_sql[] = "DELETE FROM unit_round WHERE campaign_id = $1";
static const char insert_sql[] =
	"WITH RECURSIVE line (unit_id, ancestor_id, parent_id) AS (SELECT id, id, parent_id FROM unit "
	"WHERE campaign_id = $1 UNION ALL SELECT l.unit_id, u.id, u.parent_id FROM line l JOIN unit u "
	"ON u.campaign_id = $1 AND u.id = l.parent_id), "
	"first AS (SELECT l.ancestor_id AS unit_id, r.number, p.person, min(p.day) AS day FROM participation p "
	"JOIN line l USING (unit_id) JOIN quota_round r ON r.campaign_id = $1 AND p.day BETWEEN r.first_day AND "
	"r.last_day "
	"WHERE p.campaign_id = $1 AND p.counted > 0 GROUP BY 1, 2, 3) "
	"INSERT INTO unit_round (campaign_id, unit_id, round, day, people) "
	"SELECT $1, unit_id, number, day, count(*) FROM first GROUP BY 2, 3, 4";

bool round_people_recount(struct pg *pg, uint32_t campaign)
{
	static const char *const statements[] = {delete_sql, insert_sql};
	bool good = true;

	for (size_t i = 0; good && i < ARRAY_LENGTH(statements); i++) {
		pg_i16(pg_params(pg), (int16_t)campaign);
		good = pg_run(pg, statements[i], NULL, clock_monotonic_ms() + STATEMENT_MS) == PG_OK;
	}
	return good;
}

bool round_people_any(struct pg *pg, uint32_t campaign, bool *any)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg, "SELECT EXISTS (SELECT FROM quota_round WHERE campaign_id = $1)", &rows,
		    clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return false;
	*any = pg_get_bool(rows, 0, 0);
	return true;
}
