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
	int64_t version;
	size_t first, count; /* of its totals */
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
	}
}

struct audit_boards *audit_boards_read(struct pg *pg)
{
	PGresult *versions CLEANUP(pg_result_clear) = NULL, *totals CLEANUP(pg_result_clear) = NULL;
	struct audit_boards *boards = calloc(1, sizeof(*boards));

	assert(boards != NULL);
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT b.campaign_id, c.code, b.version FROM board b JOIN campaign c ON c.id = b.campaign_id "
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

static void compare_figure(struct audit_report *report, const struct audited_board *board, const struct total *total,
	const char *what, int64_t expected, int64_t found)
{
	struct drift drift = {.phase = (int)total->phase, .expected = expected, .found = found};

	if (expected == found)
		return;
	snprintf(drift.campaign, sizeof(drift.campaign), "%s", board->code);
	snprintf(drift.unit, sizeof(drift.unit), "%s", total->unit_code);
	snprintf(drift.what, sizeof(drift.what), "%s", what);
	audit_report_drift(report, &drift);
}

/* Two ascending lists side by side: the totals of one parent and phase, and what Redis has there. */
static void compare_group(struct audit_report *report, struct audited_board *board, const struct total *totals,
	size_t total_count, const struct board_row *rows, size_t row_count)
{
	static const struct board_row nothing;
	size_t at = 0;

	for (size_t i = 0; i < total_count; i++) {
		const struct board_row *row;
		while (at < row_count && rows[at].unit < totals[i].unit)
			at++; /* a unit that first moved after the snapshot */
		row = at < row_count && rows[at].unit == totals[i].unit ? &rows[at] : &nothing;
		if (row->version > board->version) {
			board->moved++;
			continue;
		}
		board->compared++;
		compare_figure(report, board, &totals[i], "entered on the board", totals[i].entered, row->entered);
		compare_figure(report, board, &totals[i], "counted on the board", totals[i].counted, row->counted);
		compare_figure(report, board, &totals[i], "people on the board", totals[i].people, row->people);
		compare_figure(report, board, &totals[i], "awarded on the board", totals[i].awarded, row->awarded);
	}
}

/* False: Redis went away, or the board was built anew meanwhile. */
static bool compare_rows(const struct audit_boards *boards, struct audited_board *board, struct redis *redis,
	uint64_t generation, struct audit_report *report)
{
	const struct total *totals = boards->totals + board->first;
	struct board_meta after;

	board->compared = board->moved = 0;
	for (size_t from = 0, to; from < board->count; from = to) {
		struct board_row *rows;
		size_t count;

		for (to = from + 1; to < board->count; to++)
			if (totals[to].parent != totals[from].parent || totals[to].phase != totals[from].phase)
				break;
		bool read = board_rows_read(
			redis, board->campaign, generation, totals[from].parent, totals[from].phase, &rows, &count);
		if (read)
			compare_group(report, board, totals + from, to - from, rows, count);
		free(rows);
		if (!read)
			return false;
	}
	return board_meta_read(redis, board->campaign, &after) == BOARD_THERE && after.generation == generation;
}

static void compare_board(const struct audit_boards *boards, struct audited_board *board, struct redis *redis,
	int64_t patience_ms, struct audit_report *report)
{
	struct audit_report *attempt = calloc(1, sizeof(*attempt));
	struct total whole = {.unit_code = "-"};

	assert(attempt != NULL);
	for (int i = 0; i < ATTEMPTS; i++) {
		struct board_meta meta;
		enum board_state state =
			board_await(redis, board->campaign, board->version, clock_monotonic_ms() + patience_ms, &meta);

		report->redis_away = state == BOARD_AWAY;
		if (state == BOARD_AWAY)
			break;
		/* A campaign without any decision has no board, and needs none. */
		if (state != BOARD_THERE || meta.applied < board->version) {
			if (board->version > 0)
				compare_figure(
					report, board, &whole, "version on the board", board->version, meta.applied);
			break;
		}
		*attempt = *report;
		if (compare_rows(boards, board, redis, meta.generation, attempt)) {
			*report = *attempt;
			break;
		}
	}
	free(attempt);
}

void audit_boards_compare(
	struct audit_boards *boards, struct redis *redis, int64_t patience_ms, struct audit_report *report)
{
	audit_report_check(report, "board", "what Redis shows is what PostgreSQL holds at the same version (law 5)");
	for (size_t i = 0; i < boards->board_count && !report->redis_away; i++) {
		struct audited_board *board = &boards->boards[i];

		if (board->version > 0)
			compare_board(boards, board, redis, patience_ms, report);
		buffer_format(&report->boards_text,
			"%s: board version %" PRId64 ", %" PRIu64 " rows compared, %" PRIu64 " have moved since\n",
			board->code, board->version, board->compared, board->moved);
		buffer_text(&report->boards_json, i == 0 ? "{\"campaign\":" : ",{\"campaign\":");
		buffer_json_text(&report->boards_json, board->code);
		buffer_format(&report->boards_json,
			",\"version\":%" PRId64 ",\"compared\":%" PRIu64 ",\"moved\":%" PRIu64 "}", board->version,
			board->compared, board->moved);
	}
}
