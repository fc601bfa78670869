#include "services/leaderboard/board_reader.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TREE_LOOK_MS = 50 };

/* One script, so that generation, version and rows are of one moment. Rows of the children stand under their parent;
 * the parent's own row stands among its siblings'. */
static const char SCRIPT[] = "local meta = redis.call('HMGET', KEYS[1], 'generation', 'applied', 'tree')\n"
			     "if not meta[1] or not meta[2] then return false end\n"
			     "local base = string.sub(KEYS[1], 1, -5) .. 'g' .. meta[1] .. ':'\n"
			     "return {meta[2],\n"
			     "  redis.call('HGET', base .. ARGV[1] .. ':' .. ARGV[3], ARGV[2]) or '',\n"
			     "  redis.call('HGETALL', base .. ARGV[2] .. ':' .. ARGV[3]),\n"
			     "  meta[3] or '0'}\n";

bool board_figures_parse(const char *text, struct board_row *row)
{
	uint64_t figures[5];
	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++) {
		char *end;
		if (*text < '0' || *text > '9')
			return false;
		figures[i] = strtoull(text, &end, 10);
		bool last = i + 1 == ARRAY_LENGTH(figures);
		if (*end != (last ? '\0' : ' '))
			return false;
		text = end + 1;
	}
	row->entered = figures[1];
	row->counted = figures[2];
	row->people = figures[3];
	row->awarded = figures[4];
	return true;
}

static redisReply *ask_redis(struct board_reader *reader, const struct board_view *view)
{
	char key[64], above[16], parent[16], phase[16];
	snprintf(key, sizeof(key), "board:{c%" PRIu32 "}:meta", view->query.campaign);
	snprintf(above, sizeof(above), "%" PRIu32, view->total.unit->parent);
	snprintf(parent, sizeof(parent), "%" PRIu32, view->query.parent);
	snprintf(phase, sizeof(phase), "%" PRIu32, view->query.phase);
	const char *words[] = {"EVAL_RO", SCRIPT, "1", key, above, parent, phase};
	return redis_run(reader->redis, ARRAY_LENGTH(words), words, NULL);
}

/* A row that cannot be read makes the whole answer worthless: PostgreSQL is asked. */
static bool take_rows(struct board_view *view, const redisReply *total, const redisReply *rows)
{
	bool well = total->len == 0 || board_figures_parse(total->str, &view->total);
	for (size_t i = 0; well && i + 1 < rows->elements; i += 2) {
		uint32_t unit = (uint32_t)strtoul(rows->element[i]->str, NULL, 10);
		struct board_row *row = board_view_row(view, unit);
		well = !row || board_figures_parse(rows->element[i + 1]->str, row);
	}
	if (!well)
		log_warn("redis_row_unreadable", KV_U64("campaign", view->query.campaign));
	return well;
}

/* True: a board that may be shown is in the view. */
static bool read_redis(struct board_reader *reader, struct board_view *view, const struct newest *newest)
{
	CLEANUP(redis_reply_clear) redisReply *reply = ask_redis(reader, view);
	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
		return false;
	/* Of another tree: its rows stand under parents that are not ours. */
	if (strtoull(reply->element[3]->str, NULL, 10) != view->campaign->tree_version)
		return false;
	view->version = strtoull(reply->element[0]->str, NULL, 10);
	view->from_redis = true;
	view->as_of = clock_now_us();
	return newest_may_show(newest, true, view->version) && take_rows(view, reply->element[1], reply->element[2]);
}

static void forget_figures(struct board_row *row)
{
	row->entered = row->counted = row->people = row->awarded = 0;
}

static enum pg_status ask_postgresql(struct board_reader *reader, const struct board_view *view, PGresult **rows)
{
	int64_t deadline = clock_monotonic_ms() + watch_patience_ms(reader->watch);
	if (!pg_ready(reader->pg, deadline))
		return PG_DOWN;
	struct pg_params *p = pg_params(reader->pg);
	pg_i16(p, (int16_t)view->query.campaign);
	pg_i16(p, (int16_t)view->query.phase);
	pg_array_begin(p, PG_OID_INT4);
	pg_i32(p, (int32_t)view->total.unit->id);
	for (size_t i = 0; i < view->row_count; i++)
		pg_i32(p, (int32_t)view->rows[i].unit->id);
	pg_array_end(p);
	/* One statement sees one moment: these totals are those of this version. */
	return pg_run(reader->pg,
		"SELECT coalesce(b.version, 0), t.unit_id, t.entered, t.counted, t.people, t.awarded, "
		"coalesce(r.version, 0) FROM campaign c LEFT JOIN board b ON b.campaign_id = c.id "
		"LEFT JOIN unit_tree r ON r.campaign_id = c.id "
		"LEFT JOIN unit_total t ON t.campaign_id = c.id AND t.phase = $2 AND t.unit_id = ANY($3) "
		"WHERE c.id = $1",
		rows, deadline);
}

/* `moved`: units have other parents than ours, whose totals these are. */
static bool read_postgresql(struct board_reader *reader, struct board_view *view, bool *moved)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	if (ask_postgresql(reader, view, &rows) != PG_OK || PQntuples(rows) < 1)
		return false;
	*moved = (uint64_t)pg_get_i64(rows, 0, 6) != view->campaign->tree_version;
	if (*moved)
		return false;
	forget_figures(&view->total);
	for (size_t i = 0; i < view->row_count; i++)
		forget_figures(&view->rows[i]);
	view->version = (uint64_t)pg_get_i64(rows, 0, 0);
	view->from_redis = false;
	view->as_of = clock_now_us();
	for (int i = 0; i < PQntuples(rows); i++) {
		struct board_row *row =
			pg_get_null(rows, i, 1) ? NULL : board_view_row(view, (uint32_t)pg_get_i32(rows, i, 1));
		if (!row)
			continue;
		row->entered = (uint64_t)pg_get_i64(rows, i, 2);
		row->counted = (uint64_t)pg_get_i64(rows, i, 3);
		row->people = (uint64_t)pg_get_i64(rows, i, 4);
		row->awarded = (uint64_t)pg_get_i64(rows, i, 5);
	}
	return true;
}

static bool read_figures(struct board_reader *reader, struct board_view *view, bool *moved)
{
	struct newest newest = watch_state(reader->watch, view->query.campaign).newest;
	bool read = read_redis(reader, view, &newest) || read_postgresql(reader, view, moved);

	view->current = newest_is_current(&newest, view->from_redis);
	return read;
}

/* One attempt, with the tree that is known now. */
static struct board_view *read_once(struct board_reader *reader, const struct board_query *query, bool *moved)
{
	const struct reference *reference = reference_acquire(reader->reference);
	struct targets *targets = watch_targets(reader->watch);
	struct board_view *view = reference ? board_view_new(reader->reference, &reference, targets, query) : NULL;
	targets_release(&targets);
	*moved = false;
	if (view && (!read_figures(reader, view, moved) || !board_view_finish(view)))
		board_view_release(&view);
	return view;
}

bool board_await_tree(int64_t give_up_ms)
{
	const struct timespec pause = {.tv_nsec = TREE_LOOK_MS * 1000000L};

	if (clock_monotonic_ms() >= give_up_ms)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

struct board_view *board_read(struct board_reader *reader, const struct board_query *query)
{
	int64_t give_up_ms = clock_monotonic_ms() + TREE_WAIT_MS;
	struct board_view *view;
	bool moved;
	do
		view = read_once(reader, query, &moved);
	while (moved && board_await_tree(give_up_ms));
	return view;
}
