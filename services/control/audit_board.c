#include "services/control/audit_board.h"

#include "common/runtime/clock.h"
#include "services/control/audit_checks.h"
#include "services/control/board_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 5 };

struct total {
	uint32_t parent, phase, unit;
	char unit_code[DRIFT_WORD_SIZE];
	int64_t entered, counted, people, awarded;
};
struct audited_board {
	uint32_t campaign;
	char code[DRIFT_WORD_SIZE];
	int64_t version, tree; /* of the snapshot */
	size_t first, count;   /* of its totals */
	uint64_t compared, moved;
};
struct audit_boards {
	struct audited_board *boards;
	size_t board_count;
	struct total *totals; /* by campaign, parent, phase, unit */
	size_t total_count;
};

void audit_boards_free(struct audit_boards **handle)
{
	struct audit_boards *boards = *handle;

	*handle = NULL;
	if (boards == NULL)
		return;
	free(boards->boards);
	free(boards->totals);
	free(boards);
}

static void copy_word(char word[DRIFT_WORD_SIZE], const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);

	snprintf(word, DRIFT_WORD_SIZE, "%.*s", (int)text.size, (const char *)text.data);
}

static void take_totals(struct audit_boards *boards, const PGresult *rows)
{
	boards->total_count = (size_t)PQntuples(rows);
	boards->totals = calloc(boards->total_count + 1, sizeof(*boards->totals));
	assert(boards->totals != NULL);
	for (size_t i = 0, board = 0; i < boards->total_count; i++) {
		struct total *total = &boards->totals[i];
		uint32_t campaign = (uint32_t)pg_get_i16(rows, (int)i, 0);

		total->parent = (uint32_t)pg_get_i32(rows, (int)i, 1);
		total->phase = (uint32_t)pg_get_i16(rows, (int)i, 2);
		total->unit = (uint32_t)pg_get_i32(rows, (int)i, 3);
		copy_word(total->unit_code, rows, (int)i, 4);
		total->entered = pg_get_i64(rows, (int)i, 5);
		total->counted = pg_get_i64(rows, (int)i, 6);
		total->people = pg_get_i64(rows, (int)i, 7);
		total->awarded = pg_get_i64(rows, (int)i, 8);
		while (boards->boards[board].campaign != campaign)
			board++;
		if (boards->boards[board].count++ == 0)
			boards->boards[board].first = i;
	}
}

static void take_boards(struct audit_boards *boards, const PGresult *rows)
{
	boards->board_count = (size_t)PQntuples(rows);
	boards->boards = calloc(boards->board_count + 1, sizeof(*boards->boards));
	assert(boards->boards != NULL);
	for (size_t i = 0; i < boards->board_count; i++) {
		boards->boards[i].campaign = (uint32_t)pg_get_i16(rows, (int)i, 0);
		copy_word(boards->boards[i].code, rows, (int)i, 1);
		boards->boards[i].version = pg_get_i64(rows, (int)i, 2);
		boards->boards[i].tree = pg_get_i64(rows, (int)i, 3);
	}
}

struct audit_boards *audit_boards_read(struct pg *pg)
{
	PGresult *versions CLEANUP(pg_result_clear) = NULL, *totals CLEANUP(pg_result_clear) = NULL;
	struct audit_boards *boards = calloc(1, sizeof(*boards));

	assert(boards != NULL);
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT b.campaign_id, c.code, b.version, coalesce(t.version, 0) FROM board b JOIN campaign c ON "
		    "c.id = b.campaign_id LEFT JOIN unit_tree t ON t.campaign_id = c.id "
		    "ORDER BY b.campaign_id",
		    &versions, audit_deadline()) == PG_OK &&
		(pg_params(pg), pg_run(pg,
					"SELECT t.campaign_id, u.parent_id, t.phase, t.unit_id, u.code, t.entered, "
					"t.counted, t.people, t.awarded FROM unit_total t JOIN board b USING "
					"(campaign_id) JOIN unit u ON u.campaign_id = t.campaign_id "
					"AND u.id = t.unit_id ORDER BY 1, 2, 3, 4",
					&totals, audit_deadline()) == PG_OK)) {
		take_boards(boards, versions);
		take_totals(boards, totals);
		return boards;
	}
	fprintf(stderr, "sangkien: cannot read the totals: %s\n", pg_error(pg));
	audit_boards_free(&boards);
	return NULL;
}

/* The comparison ------------------------------------------------------------------------------------------------ */

/* One board being looked at. */
struct look {
	struct audited_board *board;
	struct pg *pg;
	struct audit_report *report;
	int64_t newest, newest_tree; /* what PostgreSQL had after the rows were read */
};

static void tell(const struct look *look, const char *unit_code, uint32_t phase, const char *what, int64_t expected,
	int64_t found)
{
	struct drift drift = {.phase = (int)phase, .expected = expected, .found = found};

	if (expected == found)
		return;
	snprintf(drift.campaign, sizeof(drift.campaign), "%s", look->board->code);
	snprintf(drift.unit, sizeof(drift.unit), "%s", unit_code);
	snprintf(drift.what, sizeof(drift.what), "%s", what);
	audit_report_drift(look->report, &drift);
}

static void tell_figures(
	const struct look *look, const char *unit_code, const struct total *total, const struct board_row *row)
{
	tell(look, unit_code, total->phase, "entered on the board", total->entered, row->entered);
	tell(look, unit_code, total->phase, "counted on the board", total->counted, row->counted);
	tell(look, unit_code, total->phase, "people on the board", total->people, row->people);
	tell(look, unit_code, total->phase, "awarded on the board", total->awarded, row->awarded);
}

/* Of a unit without a total; "#17" where the tree has no such unit either. */
static void name_unit(const struct look *look, uint32_t unit, char code[DRIFT_WORD_SIZE])
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(look->pg);

	pg_i16(p, (int16_t)look->board->campaign);
	pg_i32(p, (int32_t)unit);
	snprintf(code, DRIFT_WORD_SIZE, "#%u", unit);
	if (look->report->row_count < DRIFT_ROWS_MAX &&
		pg_run(look->pg, "SELECT code FROM unit WHERE campaign_id = $1 AND id = $2", &rows, audit_deadline()) ==
			PG_OK &&
		PQntuples(rows) == 1)
		copy_word(code, rows, 0, 0);
}

/* True: it says something of the snapshot. */
static bool row_holds(const struct look *look, const char *unit_code, const struct board_row *row)
{
	if (!row->readable) {
		tell(look, unit_code, row->phase, "row on the board that can be read", 1, 0);
		return false;
	}
	if (row->version > look->newest) {
		tell(look, unit_code, row->phase, "version of the row on the board", look->newest, row->version);
		return false;
	}
	if (row->version > look->board->version) {
		look->board->moved++;
		return false;
	}
	return true;
}

static void compare_total(const struct look *look, const struct total *total, const struct board_row *row)
{
	static const struct board_row nothing = {.readable = true};

	row = row == NULL ? &nothing : row;
	if (!row_holds(look, total->unit_code, row))
		return;
	look->board->compared++;
	tell_figures(look, total->unit_code, total, row);
}

/* A unit that first moved after the snapshot has no total in it; any other row without one is a stranger's. */
static void compare_stranger(const struct look *look, const struct board_row *row)
{
	const struct total nothing = {.parent = row->parent, .phase = row->phase, .unit = row->unit};
	char code[DRIFT_WORD_SIZE] = "-";

	if (row->readable && row->version > look->board->version && row->version <= look->newest) {
		look->board->moved++;
		return;
	}
	name_unit(look, row->unit, code);
	if (row_holds(look, code, row))
		tell_figures(look, code, &nothing, row);
}

static int order(const struct total *total, const struct board_row *row)
{
	if (total->parent != row->parent)
		return total->parent < row->parent ? -1 : 1;
	if (total->phase != row->phase)
		return total->phase < row->phase ? -1 : 1;
	return (total->unit > row->unit) - (total->unit < row->unit);
}

/* Two ascending lists side by side. */
static void compare_lists(
	const struct look *look, const struct total *totals, const struct board_row *rows, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < look->board->count; i++) {
		while (at < count && order(&totals[i], &rows[at]) > 0)
			compare_stranger(look, &rows[at++]);
		bool found = at < count && order(&totals[i], &rows[at]) == 0;
		compare_total(look, &totals[i], found ? &rows[at++] : NULL);
	}
	while (at < count)
		compare_stranger(look, &rows[at++]);
}

static bool read_newest(struct look *look)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_i16(pg_params(look->pg), (int16_t)look->board->campaign);
	if (pg_run(look->pg,
		    "SELECT b.version, coalesce(t.version, 0) FROM board b LEFT JOIN unit_tree t USING (campaign_id) "
		    "WHERE b.campaign_id = $1",
		    &rows, audit_deadline()) != PG_OK ||
		PQntuples(rows) != 1) {
		fprintf(stderr, "sangkien: cannot read the board's version: %s\n", pg_error(look->pg));
		return false;
	}
	look->newest = pg_get_i64(rows, 0, 0);
	look->newest_tree = pg_get_i64(rows, 0, 1);
	return true;
}

enum looked { LOOKED, LOOK_AGAIN /* Redis went away, or the board was built anew meanwhile */, LOOKED_IN_VAIN };

static void compare(const struct look *look, const struct total *totals, const struct board_row *rows, size_t count,
	const struct board_meta *meta)
{
	look->board->compared = look->board->moved = 0;
	if (look->newest_tree != look->board->tree) {
		look->board->moved = look->board->count; /* units were moved since, and their totals with them */
		return;
	}
	compare_lists(look, totals, rows, count);
	if (meta->applied > look->newest)
		tell(look, "-", 0, "version on the board", look->newest, meta->applied);
}

static enum looked look_at(struct look *look, const struct total *totals, struct redis *redis, uint64_t generation)
{
	struct board_meta after;
	struct board_row *rows;
	size_t count;
	enum looked looked = LOOK_AGAIN;

	if (board_rows_read(redis, look->board->campaign, generation, &rows, &count) &&
		board_meta_read(redis, look->board->campaign, &after) == BOARD_THERE && after.generation == generation)
		looked = read_newest(look) ? LOOKED : LOOKED_IN_VAIN;
	if (looked == LOOKED)
		compare(look, totals + look->board->first, rows, count, &after);
	free(rows);
	return looked;
}

static bool compare_board(
	const struct audit_boards *boards, struct look *look, struct redis *redis, int64_t patience_ms)
{
	struct audited_board *board = look->board;

	for (int i = 0; i < ATTEMPTS; i++) {
		struct board_meta meta;
		enum board_state state = board_await(
			redis, board->campaign, board->version, board->tree, clock_monotonic_ms() + patience_ms, &meta);

		look->report->redis_away = state == BOARD_AWAY;
		if (state == BOARD_AWAY)
			return true;
		if (state != BOARD_THERE || !board_has(&meta, board->version, board->tree)) {
			tell(look, "-", 0, "version on the board", board->version, meta.applied);
			if (meta.applied >= board->version)
				tell(look, "-", 0, "tree of the board", board->tree, meta.tree);
			return true;
		}
		switch (look_at(look, boards->totals, redis, meta.generation)) {
		case LOOKED:
			return true;
		case LOOKED_IN_VAIN:
			return false;
		case LOOK_AGAIN:
			break;
		}
	}
	/* Not held against anything is not right. */
	tell(look, "-", 0, "board that stands still to be read", 1, 0);
	return true;
}

static void describe(struct audit_report *report, const struct audited_board *board, bool first)
{
	buffer_format(&report->boards_text,
		"%s: board version %" PRId64 ", %" PRIu64 " rows compared, %" PRIu64 " have moved since\n", board->code,
		board->version, board->compared, board->moved);
	buffer_text(&report->boards_json, first ? "{\"campaign\":" : ",{\"campaign\":");
	buffer_json_text(&report->boards_json, board->code);
	buffer_format(&report->boards_json, ",\"version\":%" PRId64 ",\"compared\":%" PRIu64 ",\"moved\":%" PRIu64 "}",
		board->version, board->compared, board->moved);
}

bool audit_boards_compare(struct audit_boards *boards, struct pg *pg, struct redis *redis, int64_t patience_ms,
	struct audit_report *report)
{
	audit_report_check(report, "board", "what Redis shows is what PostgreSQL holds at the same version (law 5)");
	for (size_t i = 0; i < boards->board_count && !report->redis_away; i++) {
		struct look look = {.board = &boards->boards[i], .pg = pg, .report = report};

		/* A campaign without any decision has no board, and needs none. */
		if (look.board->version > 0 && !compare_board(boards, &look, redis, patience_ms))
			return false;
		describe(report, look.board, i == 0);
	}
	return true;
}
