#include "services/leaderboard/progress_json.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_count(struct buffer *json, const char *name, bool has, uint64_t count)
{
	if (has)
		buffer_format(json, ",\"%s\":%" PRIu64, name, count);
	else
		buffer_format(json, ",\"%s\":null", name);
}

static void add_rate(struct buffer *json, const char *name, bool has, uint64_t hundredths)
{
	if (has)
		buffer_format(json, ",\"%s\":%" PRIu64 ".%02u", name, hundredths / PROGRESS_SCALE,
			(unsigned)(hundredths % PROGRESS_SCALE));
	else
		buffer_format(json, ",\"%s\":null", name);
}

static void add_instants(struct buffer *json, const struct progress_window *window)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	clock_format_instant(window->starts_at, from);
	clock_format_instant(window->ends_at, to);
	buffer_format(json, ",\"starts_at\":\"%s\",\"ends_at\":\"%s\"", from, to);
}

static void add_head(struct buffer *json, const struct progress_period *period, bool english)
{
	bool round = period->number >= TARGETS_ROUND_FIRST;
	const char *name = english ? period->name_en : period->name_vi;
	if (period->number == 0)
		buffer_text(json, "{\"phase\":\"all\"");
	else
		buffer_format(json, "{\"%s\":%" PRIu32, round ? "round" : "phase",
			round ? period->number - TARGETS_ROUND_FIRST : period->number);
	if (name) {
		buffer_text(json, ",\"name\":");
		buffer_json_text(json, name);
	}
	add_instants(json, &period->window);
}

/* `target` NULL: none. */
static void add_entry(struct buffer *json, const struct progress_table *table, const struct progress_period *period,
	const struct progress_figures *figures, const struct target *target, bool english)
{
	struct progress progress = progress_of(&period->window, figures, target, table->now);
	add_head(json, period, english);
	buffer_format(json, ",\"counts\":\"%s\"", target && target->of_people ? "people" : "initiatives");
	add_count(json, "target", progress.has_target, progress.target);
	add_count(json, "parts_target", target && target->has_parts, target ? target->parts : 0);
	if (target && target->has_phases)
		add_count(json, "phases_target", true, target->phases);
	buffer_format(json, ",\"target_mismatch\":%s", target && target->differs ? "true" : "false");
	add_count(json, "counted", true, figures->counted);
	add_count(json, "people", true, figures->people);
	if (progress.has_percent)
		buffer_format(json, ",\"percent\":%" PRIu64 ".%u", progress.permille / 10,
			(unsigned)(progress.permille % 10));
	else
		buffer_text(json, ",\"percent\":null");
	buffer_format(json, ",\"met\":%s", !progress.has_target ? "null" : progress.met ? "true" : "false");
	buffer_format(json, ",\"days_left\":%" PRIu32, progress.days_left);
	add_rate(json, "required_per_day", progress.has_required, progress.required);
	add_rate(json, "pace_per_day", true, progress.pace);
	buffer_format(json, ",\"projected\":%" PRIu64 "}", progress.projected);
}

/* A unit with a target of each kind in one phase has two entries there, the more important first. */
static void add_entries(struct buffer *json, const struct progress_table *table, const struct progress_row *row,
	bool rounds, bool english)
{
	bool any = false;
	for (size_t i = 0; i < table->period_count; i++) {
		const struct progress_period *period = &table->periods[i];
		struct target targets[TARGETS_LANES];
		if ((period->number >= TARGETS_ROUND_FIRST) != rounds)
			continue;
		size_t count =
			targets_of(table->targets, table->campaign, row->unit, period->number, table->now, targets);
		for (size_t k = 0; k < (count > 0 ? count : 1); k++) {
			buffer_text(json, any ? "," : "");
			any = true;
			add_entry(json, table, period, &row->figures[i], count > 0 ? &targets[k] : NULL, english);
		}
	}
}

static void add_unit(
	struct buffer *json, const struct progress_table *table, const struct progress_row *row, bool english)
{
	buffer_text(json, "\"unit\":");
	buffer_json_text(json, row->unit->code);
	buffer_text(json, ",\"name\":");
	buffer_json_text(json, row->unit->name);
	buffer_text(json, ",\"phases\":[");
	add_entries(json, table, row, false, english);
	buffer_text(json, "],\"rounds\":[");
	add_entries(json, table, row, true, english);
	buffer_text(json, "]");
}

void progress_json(const struct progress_table *table, bool english, struct buffer *json)
{
	char as_of[CLOCK_TEXT_SIZE];
	size_t children = table->row_count - 1;
	struct progress_ranked *ranked = calloc(table->row_count, sizeof(*ranked));
	if (ranked)
		progress_table_rank(table, table->rows + 1, children,
			progress_table_interest(table, table->rows + 1, children), ranked);
	clock_format_instant(table->now, as_of);
	buffer_text(json, "{\"campaign\":");
	buffer_json_text(json, table->campaign->campaign->code);
	buffer_format(json, ",\"as_of\":\"%s\",\"version\":%" PRIu64 ",", as_of, table->version);
	add_unit(json, table, &table->rows[0], english);
	buffer_text(json, ",\"children\":[");
	for (size_t i = 0; ranked && i < children; i++) {
		buffer_text(json, i == 0 ? "{" : ",{");
		add_unit(json, table, ranked[i].row, english);
		buffer_text(json, "}");
	}
	buffer_text(json, "]}\n");
	json->failed |= !ranked;
	free(ranked);
}
