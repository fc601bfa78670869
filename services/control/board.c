/* `sangkien board`: the figures of a unit's children, in the tree of today or of a day before units moved. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PHASE_MAX = 32 };

struct wish {
	const char *unit, *campaign, *phase, *as_of;
	double phase_number; /* 0: the whole campaign */
	bool csv;
};

/* Own figures of each unit are what its children do not have; they are added up along the tree of the day. $4 NULL:
 * that of today. Merged units show as what they were merged into. */
static const char sql[] =
	"WITH RECURSIVE place AS MATERIALIZED (SELECT u.id, u.code, coalesce(p.name, u.name) AS name, "
	"coalesce(p.parent_id, u.parent_id) AS parent_id, coalesce(p.merged, u.merged) AS merged "
	"FROM unit u LEFT JOIN LATERAL (SELECT * FROM unit_past p WHERE p.campaign_id = u.campaign_id "
	"AND p.unit_id = u.id AND p.held_until > $4 ORDER BY p.held_until LIMIT 1) AS p ON true "
	"WHERE u.campaign_id = $1), "
	"head AS (SELECT id FROM place WHERE code = $2 OR ($2 IS NULL AND parent_id = 0)), "
	"line (id, head) AS (SELECT id, id FROM place WHERE id IN (SELECT id FROM head) "
	"OR (parent_id IN (SELECT id FROM head) AND NOT merged) "
	"UNION ALL SELECT p.id, l.head FROM line l JOIN place p ON p.parent_id = l.id), "
	"own AS (SELECT id, sum(entered) AS entered, sum(counted) AS counted FROM (SELECT unit_id AS id, entered, "
	"counted FROM unit_total WHERE campaign_id = $1 AND phase = $3 UNION ALL SELECT u.parent_id, -t.entered, "
	"-t.counted FROM unit_total t JOIN unit u ON u.campaign_id = $1 AND u.id = t.unit_id "
	"WHERE t.campaign_id = $1 AND t.phase = $3) AS d GROUP BY id), "
	"sums AS (SELECT l.head, sum(o.entered) AS entered, sum(o.counted) AS counted FROM line l JOIN own o USING "
	"(id) "
	"GROUP BY 1), "
	"persons AS (SELECT l.head, count(DISTINCT p.person) AS people FROM line l JOIN participation p "
	"ON p.campaign_id = $1 AND p.unit_id = l.id AND p.counted > 0 AND ($3 = 0 OR p.phase = $3) GROUP BY 1) "
	"SELECT p.code, p.name, coalesce(s.entered, 0)::int8, coalesce(s.counted, 0)::int8, coalesce(n.people, 0), "
	"p.id IN (SELECT id FROM head) AS is_head, rank() OVER (PARTITION BY p.id IN (SELECT id FROM head) "
	"ORDER BY coalesce(s.counted, 0) DESC) FROM (SELECT DISTINCT head FROM line) AS h JOIN place p ON p.id = "
	"h.head "
	"LEFT JOIN sums s ON s.head = p.id LEFT JOIN persons n ON n.head = p.id ORDER BY is_head DESC, 7, p.code";
enum { CODE, NAME, ENTERED, COUNTED, PEOPLE, IS_HEAD, RANK };

static int find_campaign(struct pg *pg, const char *code, int16_t *id)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_cstr(pg_params(pg), code);
	if (pg_run(pg, "SELECT id FROM campaign WHERE code = $1", &rows, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (PQntuples(rows) == 1)
		*id = pg_get_i16(rows, 0, 0);
	return PQntuples(rows) == 1 ? EXIT_OK : EXIT_DATA_BAD;
}

static void print_name(struct bytes name, bool csv)
{
	if (!csv) {
		printf("%.*s\n", (int)name.size, (const char *)name.data);
		return;
	}
	putchar('"');
	for (size_t i = 0; i < name.size; i++)
		printf(name.data[i] == '"' ? "\"\"" : "%c", name.data[i]);
	puts("\"");
}

static void print_rows(const struct wish *wish, const PGresult *rows)
{
	puts(wish->csv ? "rank,unit,entered,counted,people,name"
		       : "  rank unit                     entered     counted      people name");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct bytes code = pg_get_bytes(rows, row, CODE);
		char rank[24] = "";

		if (!pg_get_bool(rows, row, IS_HEAD))
			snprintf(rank, sizeof(rank), "%" PRId64, pg_get_i64(rows, row, RANK));
		printf(wish->csv ? "%s,%.*s,%" PRId64 ",%" PRId64 ",%" PRId64 ","
				 : "%6s %-20.*s %11" PRId64 " %11" PRId64 " %11" PRId64 " ",
			rank, (int)code.size, (const char *)code.data, pg_get_i64(rows, row, ENTERED),
			pg_get_i64(rows, row, COUNTED), pg_get_i64(rows, row, PEOPLE));
		print_name(pg_get_bytes(rows, row, NAME), wish->csv);
	}
}

static int show(struct pg *pg, const struct wish *wish, const int32_t *day)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p;
	int16_t campaign = 0;
	int code = find_campaign(pg, wish->campaign, &campaign);

	if (code == EXIT_DATA_BAD)
		fprintf(stderr, "sangkien: there is no campaign '%s'; `sangkien campaign list` shows them\n",
			wish->campaign);
	if (code != EXIT_OK)
		return code;
	p = pg_params(pg);
	pg_i16(p, campaign);
	pg_cstr(p, wish->unit);
	pg_i16(p, (int16_t)wish->phase_number);
	if (day == NULL)
		pg_null(p, PG_OID_DATE);
	else
		pg_day(p, *day);
	if (pg_run(pg, sql, &rows, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "sangkien: there is no unit '%s' in that campaign\n",
			wish->unit == NULL ? "" : wish->unit);
		return EXIT_DATA_BAD;
	}
	print_rows(wish, rows);
	return EXIT_OK;
}

int command_board(struct rundir *run, int argc, char **argv)
{
	struct wish wish = {.campaign = "demo"};
	const struct argument known[] = {{NULL, .text = &wish.unit}, {"--campaign", .text = &wish.campaign},
		{"--phase", .text = &wish.phase}, {"--as-of", .text = &wish.as_of}, {"--csv", .flag = &wish.csv}};
	int32_t day;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) ||
		!arguments_number("--phase", wish.phase, 0, 0, PHASE_MAX, &wish.phase_number))
		return EXIT_USAGE_BAD;
	if (wish.as_of != NULL && !clock_parse_day(wish.as_of, &day)) {
		fprintf(stderr, "sangkien: --as-of '%s' is no day; write it like 2025-06-30\n", wish.as_of);
		return EXIT_USAGE_BAD;
	}
	struct pg *pg CLEANUP(pg_close) = session_open(run, "board");
	int code = pg == NULL ? EXIT_AWAY : show(pg, &wish, wish.as_of == NULL ? NULL : &day);
	if (code == EXIT_AWAY && pg != NULL)
		fprintf(stderr, "sangkien: the figures cannot be had now: %s\n", pg_error(pg));
	return code;
}
