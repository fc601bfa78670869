#include "services/control/units_move.h"

#include "common/runtime/clock.h"
#include "services/control/command.h"
#include "services/control/move_totals.h"
#include "services/control/quota_apply.h"
#include "services/control/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moving {
	const struct move_wish *wish;
	struct pg *pg;
	uint32_t campaign;
	int32_t moved_on;
	struct csv csv;
	struct unit_row *units;
	size_t unit_count;
	struct move_plan plan;
	struct buffer faults, report;
};

static void moving_free(struct moving *it)
{
	csv_free(&it->csv);
	session_units_free(&it->units, it->unit_count);
	move_plan_free(&it->plan);
	buffer_deinit(&it->faults);
	buffer_deinit(&it->report);
	pg_close(&it->pg);
}

bool is_file_of_moves(struct bytes content)
{
	size_t line = 0;

	while (line < content.size && content.data[line] != '\n')
		line++;
	return memmem(content.data, line, "valid_from", strlen("valid_from")) != NULL;
}

/* Locks the campaign's row, so that of two imports the second sees the first. */
static int read_campaign(struct moving *it)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_cstr(pg_params(it->pg), it->wish->campaign);
	if (pg_run(it->pg,
		    "SELECT c.id, t.moved_on FROM campaign c LEFT JOIN unit_tree t ON t.campaign_id = c.id "
		    "WHERE c.code = $1 FOR UPDATE OF c",
		    &rows, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "sangkien: there is no campaign '%s'; `sangkien campaign list` shows them\n",
			it->wish->campaign);
		return EXIT_DATA_BAD;
	}
	it->campaign = (uint32_t)pg_get_i16(rows, 0, 0);
	it->moved_on = pg_get_null(rows, 0, 1) ? INT32_MIN : pg_get_day(rows, 0, 1);
	if (!session_units_read(it->pg, it->campaign, &it->units, &it->unit_count))
		return EXIT_AWAY;
	if (it->unit_count == 0)
		fprintf(stderr, "sangkien: no units were imported yet; first their tree, then its moves\n");
	return it->unit_count == 0 ? EXIT_DATA_BAD : EXIT_OK;
}

static int make_plan(struct moving *it)
{
	const struct move_grounds grounds = {.file = it->wish->file,
		.before = it->units,
		.count = it->unit_count,
		.today = clock_vietnam_day(clock_now_us()),
		.moved_on = it->moved_on};

	if (move_plan_make(&grounds, &it->csv, &it->plan, &it->faults))
		return EXIT_OK;
	fprintf(stderr, "%.*s", (int)it->faults.size, (const char *)it->faults.data);
	return EXIT_DATA_BAD;
}

/* What is said -------------------------------------------------------------------------------------------------- */

static void add_unit(struct buffer *out, const struct unit_row *row)
{
	buffer_format(out, "%s (%s)", row->code, row->name);
}

static void add_change(struct moving *it, const struct unit_past *past)
{
	const struct unit_row *after = move_row(it->plan.after, it->plan.count, past->row.id);
	const struct unit_row *above = move_row(it->plan.after, it->plan.count, after->parent);
	char day[CLOCK_TEXT_SIZE];

	clock_format_day(past->held_until, day);
	buffer_format(&it->report, "  %s ", day);
	add_unit(&it->report, &past->row);
	if (strcmp(after->name, past->row.name) != 0)
		buffer_format(&it->report, " is named %s", after->name);
	if (after->parent != past->row.parent) {
		buffer_text(&it->report, after->merged && !past->row.merged ? " is merged into " : " is put under ");
		add_unit(&it->report, above);
	}
	buffer_text(&it->report, "\n");
}

/* Units that only follow the one above them are counted. */
static bool follows(const struct moving *it, const struct unit_past *past)
{
	const struct unit_row *above = move_row(it->plan.after, it->plan.count, past->row.parent);

	for (size_t i = 0; i < it->csv.count; i++)
		if (strcmp(it->csv.rows[i].cells[MOVE_CODE], past->row.code) == 0)
			return false;
	return above != NULL && above->merged;
}

static void report_moves(struct moving *it)
{
	size_t following = 0;

	buffer_format(&it->report, "%s: %s\n", it->wish->campaign,
		it->plan.past_count == 0 ? "all of this is in force already"
		: it->wish->dry_run      ? "what would move; nothing is changed"
					 : "moved");
	for (size_t i = 0; i < it->plan.past_count; i++)
		if (follows(it, &it->plan.past[i]))
			following++;
		else
			add_change(it, &it->plan.past[i]);
	if (following > 0)
		buffer_format(&it->report, "  and %zu units below merged ones go with them\n", following);
}

/* Whoever has one of these sees less than before, and it is not for us to give more. */
static bool report_tokens(struct moving *it)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(it->pg);

	pg_i16(p, (int16_t)it->campaign);
	if (pg_run(it->pg,
		    "SELECT u.code, count(*) FROM token t JOIN moved_unit m ON m.unit_id = t.unit_id AND m.merged "
		    "JOIN unit u ON u.campaign_id = t.campaign_id AND u.id = t.unit_id WHERE t.campaign_id = $1 "
		    "AND t.revoked_at IS NULL AND t.expires_at > now() GROUP BY u.code ORDER BY u.code",
		    &rows, session_deadline()) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct bytes code = pg_get_bytes(rows, row, 0);
		buffer_format(&it->report,
			"note: %lld tokens are for the merged unit %.*s, which has nothing below it any more; make "
			"new ones (`sangkien token create`)\n",
			(long long)pg_get_i64(rows, row, 1), (int)code.size, (const char *)code.data);
	}
	return true;
}

/* The transaction ------------------------------------------------------------------------------------------------- */

/* Units are written in a dry run too, for the quota plan to be evaluated on them; nobody waits for that, and it is
 * rolled back. Totals, which quota writes, are only looked at. */
static bool move(struct moving *it)
{
	struct pg *pg = it->pg;

	return (it->wish->dry_run || move_lock(pg)) && move_totals_work_out(pg, it->campaign, &it->plan) &&
	       move_totals_show(pg, it->campaign, &it->report) && move_targets_keep(pg, it->campaign) &&
	       move_units_store(pg, it->campaign, &it->plan, it->wish->content) &&
	       quota_renew(pg, it->wish->campaign) && move_targets_show(pg, it->campaign, &it->report) &&
	       report_tokens(it) && (it->wish->dry_run || move_totals_store(pg, it->campaign));
}

static int move_units(struct moving *it)
{
	int code = pg_begin(it->pg, session_deadline()) == PG_OK ? read_campaign(it) : EXIT_AWAY;

	if (code == EXIT_OK)
		code = make_plan(it);
	if (code != EXIT_OK)
		return code;
	report_moves(it);
	if (it->plan.past_count > 0 && !move(it))
		return EXIT_AWAY;
	if (it->wish->dry_run || it->plan.past_count == 0) {
		pg_rollback(it->pg, session_deadline());
		return EXIT_OK;
	}
	return pg_commit(it->pg, session_deadline()) == PG_OK ? EXIT_OK : EXIT_AWAY;
}

int units_move(struct rundir *run, const struct move_wish *wish)
{
	struct moving it = {.wish = wish};
	int code = EXIT_DATA_BAD;

	if (csv_read(wish->file, wish->content, move_columns, &it.csv)) {
		it.pg = session_open(run, "units import");
		code = it.pg == NULL ? EXIT_AWAY : move_units(&it);
		if (code == EXIT_AWAY && it.pg != NULL)
			fprintf(stderr, "sangkien: nothing is moved: %s\n", pg_error(it.pg));
		if (code != EXIT_OK && it.pg != NULL)
			pg_rollback(it.pg, session_deadline());
		if (code == EXIT_OK && !wish->quiet)
			printf("%.*s", (int)it.report.size, (const char *)it.report.data);
	}
	moving_free(&it);
	return code;
}
