#include "services/leaderboard/board_view.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_target(const struct board_view *view, const struct targets *targets, struct board_row *row)
{
	struct target found[2] = {0};
	row->has_target = targets_of(targets, view->campaign, row->unit, view->query.phase, clock_now_us(), found) > 0;
	row->target = found[0].value;
	row->target_of_people = found[0].of_people;
}

static bool add_rows(struct board_view *view, const struct targets *targets)
{
	const struct unit_tree *tree = view->campaign->units;
	const struct unit *parent = unit_by_id(tree, view->query.parent);
	if (!parent)
		return false;
	view->total.unit = parent;
	set_target(view, targets, &view->total);
	const struct unit *const *children = unit_children(tree, parent->id, &view->row_count);
	view->rows = calloc(view->row_count + 1, sizeof(*view->rows));
	if (!view->rows)
		return false;
	for (size_t i = 0; i < view->row_count; i++) {
		view->rows[i].unit = children[i];
		set_target(view, targets, &view->rows[i]);
	}
	return true;
}

struct board_view *board_view_new(struct reference_source *source, const struct reference **reference,
	const struct targets *targets, const struct board_query *query)
{
	struct board_view *view = calloc(1, sizeof(*view));
	if (!view) {
		reference_release(source, reference);
		return NULL;
	}
	view->holders = 1;
	view->source = source;
	view->reference = *reference;
	*reference = NULL;
	view->query = *query;
	view->targets = targets_version(targets);
	view->campaign = reference_by_id(view->reference, query->campaign);
	if (!view->campaign || !add_rows(view, targets))
		board_view_release(&view);
	return view;
}

/* Before board_view_finish() the rows stand in the order of unit_children(), by code. */
struct board_row *board_view_row(struct board_view *view, uint32_t unit)
{
	if (unit == view->total.unit->id)
		return &view->total;
	const struct unit *wanted = unit_by_id(view->campaign->units, unit);
	size_t low = 0, high = view->row_count;
	while (wanted && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(wanted->code, view->rows[middle].unit->code);
		if (order == 0)
			return &view->rows[middle];
		*(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
	}
	return NULL;
}

static void render_percent(struct buffer *json, const struct board_row *row)
{
	uint64_t permille;
	if (row->has_target)
		buffer_format(json, ",\"target\":%" PRIu64, row->target);
	else
		buffer_text(json, ",\"target\":null");
	if (board_row_permille(row, &permille))
		buffer_format(json, ",\"percent\":%" PRIu64 ".%u", permille / 10, (unsigned)(permille % 10));
	else
		buffer_text(json, ",\"percent\":null");
}

static void render_figures(struct buffer *json, const struct board_row *row)
{
	buffer_format(json, "\"entered\":%" PRIu64 ",\"counted\":%" PRIu64 ",\"people\":%" PRIu64, row->entered,
		row->counted, row->people);
	render_percent(json, row);
	buffer_text(json, "}");
}

static void render_row(struct buffer *json, const struct board_row *row)
{
	buffer_format(json, "{\"rank\":%" PRIu32 ",\"unit\":", row->rank);
	buffer_json_text(json, row->unit->code);
	buffer_text(json, ",\"name\":");
	buffer_json_text(json, row->unit->name);
	buffer_text(json, ",");
	render_figures(json, row);
}

static void render_state(struct buffer *json, const struct board_view *view)
{
	char as_of[CLOCK_TEXT_SIZE];
	clock_format_instant(view->as_of, as_of);
	buffer_format(json,
		"\"as_of\":\"%s\",\"version\":%" PRIu64 ",\"source\":\"%s\",\"current\":%s,\"total\":", as_of,
		view->version, view->from_redis ? "redis" : "postgresql", view->current ? "true" : "false");
	buffer_add(json, view->total_json.data, view->total_json.size);
}

static bool render(struct board_view *view)
{
	struct buffer *json = &view->json;
	buffer_clear(json);
	buffer_clear(&view->total_json);
	buffer_text(&view->total_json, "{");
	render_figures(&view->total_json, &view->total);
	buffer_text(json, "{\"campaign\":");
	buffer_json_text(json, view->campaign->campaign->code);
	buffer_format(json, ",\"metric\":\"%s\",\"phase\":", metric_name((enum board_metric)view->query.metric));
	if (view->query.phase == 0)
		buffer_text(json, "\"all\"");
	else
		buffer_format(json, "%" PRIu32, view->query.phase);
	buffer_text(json, ",\"parent\":");
	buffer_json_text(json, view->total.unit->code);
	buffer_text(json, ",");
	render_state(json, view);
	buffer_text(json, ",\"rows\":[");
	for (size_t i = 0; i < view->row_count; i++) {
		if (i > 0)
			buffer_text(json, ",");
		render_row(json, &view->rows[i]);
	}
	buffer_text(json, "]}\n");
	snprintf(view->etag, sizeof(view->etag), "W/\"%" PRIu32 "-%" PRIu64 "-%c%c-%" PRIu64 "-%" PRIu64 "\"",
		view->query.campaign, view->version, view->from_redis ? 'r' : 'p', view->current ? 'c' : 'o',
		view->reference->version, view->targets);
	return !json->failed && !view->total_json.failed;
}

bool board_view_finish(struct board_view *view)
{
	ranking_sort(view->rows, view->row_count, (enum board_metric)view->query.metric);
	size_t around = 0;
	while (around < view->row_count && view->rows[around].unit->id != view->query.around)
		around++;
	struct ranking_window window =
		ranking_window(view->row_count, view->query.limit, around < view->row_count ? &around : NULL);
	memmove(view->rows, view->rows + window.first, window.count * sizeof(*view->rows));
	view->row_count = window.count;
	return render(view);
}

struct board_view *board_view_hold(struct board_view *view)
{
	if (view)
		view->holders++;
	return view;
}

void board_view_release(struct board_view **view)
{
	struct board_view *it = *view;
	*view = NULL;
	if (!it || --it->holders > 0)
		return;
	if (!it->origin) {
		reference_release(it->source, &it->reference);
		free(it->rows);
	}
	board_view_release(&it->origin);
	buffer_deinit(&it->json);
	buffer_deinit(&it->total_json);
	free(it);
}

struct board_view *board_view_outdated(struct board_view *view)
{
	struct board_view *copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	*copy = *view;
	copy->holders = 1;
	copy->origin = board_view_hold(view);
	copy->json = copy->total_json = (struct buffer){0};
	copy->current = false;
	if (!render(copy))
		board_view_release(&copy);
	return copy;
}

static const struct board_row *find_row(const struct board_view *view, uint32_t unit)
{
	for (size_t i = 0; i < view->row_count; i++)
		if (view->rows[i].unit->id == unit)
			return &view->rows[i];
	return NULL;
}

static bool row_differs(const struct board_row *a, const struct board_row *b)
{
	return a->rank != b->rank || a->entered != b->entered || a->counted != b->counted || a->people != b->people ||
	       a->has_target != b->has_target || a->target != b->target;
}

static size_t render_changed(const struct board_view *before, const struct board_view *view, struct buffer *json)
{
	size_t changed = 0;
	for (size_t i = 0; i < view->row_count; i++) {
		/* Most rows keep their place. */
		const struct board_row *row = &view->rows[i];
		bool in_place = i < before->row_count && before->rows[i].unit->id == row->unit->id;
		const struct board_row *old = in_place ? &before->rows[i] : find_row(before, row->unit->id);
		if (old && !row_differs(old, row))
			continue;
		if (changed++ > 0)
			buffer_text(json, ",");
		render_row(json, row);
	}
	return changed;
}

/* Rows that no longer stand among the first `limit`. */
static size_t render_removed(const struct board_view *before, const struct board_view *view, struct buffer *json)
{
	size_t removed = 0;
	for (size_t i = 0; i < before->row_count; i++) {
		const struct unit *unit = before->rows[i].unit;
		if (i < view->row_count && view->rows[i].unit->id == unit->id)
			continue;
		if (find_row(view, unit->id))
			continue;
		if (removed++ > 0)
			buffer_text(json, ",");
		buffer_json_text(json, unit->code);
	}
	return removed;
}

bool board_view_changes(const struct board_view *before, const struct board_view *view, struct buffer *json)
{
	buffer_text(json, "{");
	render_state(json, view);
	buffer_text(json, ",\"rows\":[");
	size_t changed = render_changed(before, view, json);
	buffer_text(json, "],\"removed\":[");
	changed += render_removed(before, view, json);
	buffer_text(json, "]}");
	return changed > 0 || before->version != view->version || before->current != view->current ||
	       before->from_redis != view->from_redis || row_differs(&before->total, &view->total);
}
