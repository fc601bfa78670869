#include "services/leaderboard/past_units.h"

#include "common/runtime/clock.h"
#include "services/leaderboard/campaign_json.h"

#include <stdlib.h>
#include <string.h>

enum { SEARCH_FOUND_MAX = 50, SEARCH_LOOKED_MAX = 1000 };

static const char SQL[] =
	"SELECT u.id, coalesce(p.parent_id, u.parent_id), u.code, coalesce(p.name, u.name), u.level, u.block, "
	"coalesce(p.accepts_submissions, u.accepts_submissions), coalesce(p.merged, u.merged) FROM unit u "
	"LEFT JOIN LATERAL (SELECT * FROM unit_past p WHERE p.campaign_id = u.campaign_id AND p.unit_id = u.id "
	"AND p.held_until > $2 ORDER BY p.held_until LIMIT 1) AS p ON true WHERE u.campaign_id = $1 ORDER BY u.id";

static void search(const struct unit_tree *tree, const char *text, const struct unit *parent, struct buffer *json)
{
	const struct unit *found[SEARCH_LOOKED_MAX];
	size_t count = unit_search(tree, text, found, parent ? SEARCH_LOOKED_MAX : SEARCH_FOUND_MAX), kept = 0;
	/* Asked for with a parent, only what lies below it. */
	for (size_t i = 0; i < count && kept < SEARCH_FOUND_MAX; i++)
		if (!parent || unit_is_below(tree, found[i]->id, parent->id))
			found[kept++] = found[i];
	units_json(tree, found, kept, json);
}

bool units_line(const struct unit_tree *tree, const char *code, struct buffer *json)
{
	uint32_t above[UNIT_DEPTH_MAX];
	const struct unit *line[UNIT_DEPTH_MAX], *unit = unit_by_code(tree, code);
	size_t count = unit ? unit_ancestors(tree, unit->id, above) : 0;
	for (size_t i = 0; i < count; i++)
		line[count - 1 - i] = unit_by_id(tree, above[i]);
	if (count > 0)
		units_json(tree, line, count, json);
	return count > 0;
}

bool units_answer(const struct unit_tree *tree, const char *code, const char *text, struct buffer *json)
{
	bool has_parent = code && *code != '\0';
	const struct unit *parent = has_parent ? unit_by_code(tree, code) : NULL;
	if (has_parent && !parent)
		return false;
	if (text && *text != '\0') {
		search(tree, text, parent, json);
		return true;
	}
	size_t count;
	const struct unit *const *children =
		unit_children(tree, parent ? parent->id : unit_tree_root(tree)->id, &count);
	units_json(tree, children, count, json);
	return true;
}

static char *text_of(const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);
	return strndup((const char *)text.data, text.size);
}

static struct unit_row row_of(const PGresult *rows, int row)
{
	return (struct unit_row){.id = (uint32_t)pg_get_i32(rows, row, 0),
		.parent = (uint32_t)pg_get_i32(rows, row, 1),
		.code = text_of(rows, row, 2),
		.name = text_of(rows, row, 3),
		.level = (enum unit_level)pg_get_i16(rows, row, 4),
		.block = (enum submission_block)pg_get_i16(rows, row, 5),
		.accepts_submissions = pg_get_bool(rows, row, 6),
		.merged = pg_get_bool(rows, row, 7)};
}

static struct unit_tree *grow(const PGresult *rows)
{
	size_t count = (size_t)PQntuples(rows);
	struct unit_row *units = calloc(count + 1, sizeof(*units));
	const char *fault;
	bool whole = units != NULL;
	for (size_t i = 0; units && i < count; i++) {
		units[i] = row_of(rows, (int)i);
		whole = whole && units[i].code && units[i].name;
	}
	struct unit_tree *tree = whole ? unit_tree_new(units, count, &fault) : NULL;
	for (size_t i = 0; units && i < count; i++) {
		free((char *)units[i].code);
		free((char *)units[i].name);
	}
	free(units);
	return tree;
}

bool past_units_read(struct board_reader *reader, const struct units_query *query, struct buffer *json, bool *unknown)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t deadline = clock_monotonic_ms() + watch_patience_ms(reader->watch);
	if (!pg_ready(reader->pg, deadline))
		return false;
	struct pg_params *p = pg_params(reader->pg);
	pg_i16(p, (int16_t)query->campaign);
	pg_day(p, query->day);
	if (pg_run(reader->pg, SQL, &rows, deadline) != PG_OK)
		return false;
	CLEANUP(unit_tree_free) struct unit_tree *tree = grow(rows);
	if (!tree)
		return false;
	*unknown = !units_answer(tree, query->parent, query->text, json);
	return true;
}
