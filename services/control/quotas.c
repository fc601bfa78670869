/* `sangkien quotas import`: the targets of a campaign's units, all or nothing; what the file leaves out has none. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/csv.h"
#include "services/control/program.h"
#include "services/control/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTS_INITIATIVES = 1, COUNTS_PEOPLE = 2 };
enum column { UNIT_CODE, PHASE, COUNTS, TARGET };
static const char *const columns[] = {"unit_code", "phase", "counts", "target", NULL};
static const int64_t TARGET_MAX = INT64_C(1000000000000);

struct quota_row {
	uint32_t unit;
	int16_t phase; /* 0: the whole campaign */
	int16_t counts;
	int64_t target;
	uint32_t line;
};

struct quotas {
	const char *file;
	struct csv csv;
	struct quota_row *rows;
	struct session_campaign campaign;
	size_t faults;
	int64_t changed;
};

static void quotas_free(struct quotas *quotas)
{
	csv_free(&quotas->csv);
	session_campaign_unload(&quotas->campaign);
	free(quotas->rows);
}

static void complain(struct quotas *quotas, uint32_t line, const char *fault, const char *word)
{
	fprintf(stderr, "%s:%u: %s '%s'\n", quotas->file, line, fault, word);
	quotas->faults++;
}

static bool parse_number(const char *text, int64_t most, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' && errno == 0 && *number <= most;
}

/* In some version of the rules: a phase that is added later may have its targets before it begins. */
static bool has_phase(const struct campaign *campaign, int64_t phase)
{
	for (size_t v = 0; v < campaign->version_count; v++)
		for (size_t i = 0; i < campaign->versions[v].phase_count; i++)
			if (campaign->versions[v].phases[i].number == phase)
				return true;
	return phase == 0;
}

static void read_row(struct quotas *quotas, size_t at)
{
	const char *const *cells = quotas->csv.rows[at].cells;
	struct quota_row *row = &quotas->rows[at];
	const struct unit *unit = unit_by_code(quotas->campaign.units, cells[UNIT_CODE]);
	int64_t phase;

	row->line = quotas->csv.rows[at].line;
	if (unit == NULL)
		complain(quotas, row->line, "no such unit; import it first or correct the code", cells[UNIT_CODE]);
	else
		row->unit = unit->id;
	if (!parse_number(cells[PHASE], INT16_MAX, &phase) || !has_phase(quotas->campaign.campaign, phase))
		complain(quotas, row->line, "no such phase; write 0 for the whole campaign or one of its phases, not",
			cells[PHASE]);
	else
		row->phase = (int16_t)phase;
	row->counts = strcmp(cells[COUNTS], "people") == 0 ? COUNTS_PEOPLE : COUNTS_INITIATIVES;
	if (row->counts == COUNTS_INITIATIVES && strcmp(cells[COUNTS], "initiatives") != 0)
		complain(quotas, row->line, "counts is initiatives or people, not", cells[COUNTS]);
	if (!parse_number(cells[TARGET], TARGET_MAX, &row->target))
		complain(quotas, row->line, "a target is a whole number, not", cells[TARGET]);
}

static int compare_rows(const void *a, const void *b)
{
	const struct quota_row *left = a, *right = b;

	if (left->unit != right->unit)
		return left->unit < right->unit ? -1 : 1;
	if (left->phase != right->phase)
		return left->phase - right->phase;
	return (left->line > right->line) - (left->line < right->line);
}

static bool read_rows(struct quotas *quotas)
{
	size_t count = quotas->csv.count;

	quotas->rows = calloc(count + 1, sizeof(*quotas->rows));
	assert(quotas->rows != NULL);
	for (size_t i = 0; i < count; i++)
		read_row(quotas, i);
	if (quotas->faults > 0)
		return false;
	qsort(quotas->rows, count, sizeof(*quotas->rows), compare_rows);
	for (size_t i = 1; i < count; i++)
		if (quotas->rows[i].unit == quotas->rows[i - 1].unit &&
			quotas->rows[i].phase == quotas->rows[i - 1].phase)
			complain(quotas, quotas->rows[i].line, "a second target for that phase; keep one for unit",
				unit_by_id(quotas->campaign.units, quotas->rows[i].unit)->code);
	return quotas->faults == 0;
}

static void add_column(struct pg_params *p, const struct quotas *quotas, enum column column)
{
	static const Oid types[] = {
		[UNIT_CODE] = PG_OID_INT4, [PHASE] = PG_OID_INT2, [COUNTS] = PG_OID_INT2, [TARGET] = PG_OID_INT8};

	pg_array_begin(p, types[column]);
	for (size_t i = 0; i < quotas->csv.count; i++) {
		const struct quota_row *row = &quotas->rows[i];
		if (column == UNIT_CODE)
			pg_i32(p, (int32_t)row->unit);
		else if (column == TARGET)
			pg_i64(p, row->target);
		else
			pg_i16(p, column == PHASE ? row->phase : row->counts);
	}
	pg_array_end(p);
}

static bool store(struct pg *pg, struct quotas *quotas)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)quotas->campaign.id);
	for (enum column column = UNIT_CODE; column <= TARGET; column++)
		add_column(p, quotas, column);
	if (pg_run(pg,
		    "WITH given AS (SELECT * FROM unnest($2, $3, $4, $5) AS g (unit_id, phase, counts, target)), "
		    "gone AS (DELETE FROM quota_target q WHERE q.campaign_id = $1 AND NOT EXISTS "
		    "(SELECT FROM given g WHERE g.unit_id = q.unit_id AND g.phase = q.phase) RETURNING 1), "
		    "changed AS (INSERT INTO quota_target AS q (campaign_id, unit_id, phase, counts, target) "
		    "SELECT $1, g.* FROM given g ON CONFLICT (campaign_id, unit_id, phase) DO UPDATE SET "
		    "counts = excluded.counts, target = excluded.target "
		    "WHERE (q.counts, q.target) IS DISTINCT FROM (excluded.counts, excluded.target) RETURNING 1), "
		    "moved AS (UPDATE reference_version SET version = version + 1 "
		    "WHERE EXISTS (SELECT FROM changed) OR EXISTS (SELECT FROM gone)) "
		    "SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM gone)",
		    &rows, session_deadline()) != PG_OK)
		return false;
	quotas->changed = pg_get_i64(rows, 0, 0);
	return true;
}

/* Locks the campaign's row as `units import` does: the units that are checked here are those that stay. */
static int import_quotas(struct pg *pg, struct quotas *quotas, const char *code)
{
	PGresult *locked CLEANUP(pg_result_clear) = NULL;

	if (pg_begin(pg, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	pg_cstr(pg_params(pg), code);
	if (pg_run(pg, "SELECT id FROM campaign WHERE code = $1 FOR UPDATE", &locked, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (!session_campaign_load(pg, code, &quotas->campaign))
		return EXIT_DATA_BAD;
	if (quotas->campaign.units == NULL) {
		fprintf(stderr, "sangkien: campaign '%s' has no units; `sangkien units import` comes first\n", code);
		return EXIT_DATA_BAD;
	}
	if (!read_rows(quotas))
		return EXIT_DATA_BAD;
	return store(pg, quotas) && pg_commit(pg, session_deadline()) == PG_OK ? EXIT_OK : EXIT_AWAY;
}

static int put_in_force(struct rundir *run, struct quotas *quotas, const char *campaign, bool quiet)
{
	struct buffer content CLEANUP(buffer_deinit) = {0};

	if (!file_read(quotas->file, &content))
		return EXIT_FILE_MISSING;
	if (!csv_read(quotas->file, buffer_bytes(&content), columns, &quotas->csv))
		return EXIT_DATA_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "quotas import");
	if (pg == NULL)
		return EXIT_AWAY;
	int code = import_quotas(pg, quotas, campaign);
	if (code == EXIT_AWAY)
		fprintf(stderr, "sangkien: the targets are not imported: %s\n", pg_error(pg));
	if (code != EXIT_OK)
		pg_rollback(pg, session_deadline());
	else if (!quiet)
		printf("%s: %zu targets, %lld of them new, changed or gone\n", campaign, quotas->csv.count,
			(long long)quotas->changed);
	return code;
}

int command_quotas_import(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL;
	bool quiet = false;
	struct quotas quotas = {0};
	const struct argument known[] = {
		{NULL, .text = &quotas.file}, {"--campaign", .text = &campaign}, {"--quiet", .flag = &quiet}};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("FILE", quotas.file) ||
		!arguments_needed("--campaign", campaign))
		return EXIT_USAGE_BAD;
	int code = put_in_force(run, &quotas, campaign, quiet);
	quotas_free(&quotas);
	return code;
}
