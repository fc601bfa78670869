#include "services/leaderboard/progress_table.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 2 /* a target of initiatives, one of people */ };

static void add_period(struct progress_table *table, uint32_t number, int64_t starts_at, int64_t ends_at,
	const char *name_vi, const char *name_en)
{
	table->periods[table->period_count++] = (struct progress_period){.number = number,
		.window = {.starts_at = starts_at, .ends_at = ends_at},
		.name_vi = name_vi,
		.name_en = name_en};
}

static bool find_periods(struct progress_table *table)
{
	const struct campaign *campaign = table->campaign->campaign;
	const struct rule_pack *rules = campaign_rules_at(campaign, table->now);
	size_t round_count;
	const struct target_round *rounds = targets_rounds(table->targets, table->campaign->id, &round_count);

	table->periods = calloc(1 + rules->phase_count + round_count, sizeof(*table->periods));
	if (!table->periods)
		return false;
	add_period(table, 0, campaign->opens_at, campaign->closes_at, NULL, NULL);
	for (size_t i = 0; i < rules->phase_count; i++) {
		const struct campaign_phase *phase = &rules->phases[i];
		add_period(table, phase->number, phase->starts_at, phase->ends_at, phase->name.vi, phase->name.en);
	}
	for (size_t i = 0; i < round_count; i++)
		add_period(table, TARGETS_ROUND_FIRST + rounds[i].number, clock_vietnam_midnight(rounds[i].first_day),
			clock_vietnam_midnight(rounds[i].last_day + 1), rounds[i].name_vi, rounds[i].name_en);
	return true;
}

static bool find_rows(struct progress_table *table, uint32_t unit)
{
	const struct unit_tree *tree = table->campaign->units;
	const struct unit *own = unit_by_id(tree, unit);
	size_t child_count;
	const struct unit *const *children = unit_children(tree, unit, &child_count);

	if (!own)
		return false;
	table->rows = calloc(1 + child_count, sizeof(*table->rows));
	table->figures = calloc((1 + child_count) * table->period_count, sizeof(*table->figures));
	if (!table->rows || !table->figures)
		return false;
	table->row_count = 1 + child_count;
	for (size_t i = 0; i < table->row_count; i++)
		table->rows[i] = (struct progress_row){
			.unit = i == 0 ? own : children[i - 1], .figures = table->figures + i * table->period_count};
	return true;
}

struct progress_table *progress_table_new(
	const struct reference_campaign *campaign, const struct targets *targets, uint32_t unit, int64_t now)
{
	struct progress_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->campaign = campaign;
	table->targets = targets;
	table->now = now;
	if (!find_periods(table) || !find_rows(table, unit))
		progress_table_free(&table);
	return table;
}

void progress_table_free(struct progress_table **table)
{
	struct progress_table *it = *table;
	*table = NULL;
	if (!it)
		return;
	free(it->periods);
	free(it->rows);
	free(it->figures);
	free(it);
}

/* The children stand by code. */
struct progress_figures *progress_table_figures(struct progress_table *table, uint32_t unit, size_t period)
{
	const struct unit *wanted = unit_by_id(table->campaign->units, unit);
	size_t low = 1, high = table->row_count;
	if (!wanted || period >= table->period_count)
		return NULL;
	if (wanted == table->rows[0].unit)
		return &table->rows[0].figures[period];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(wanted->code, table->rows[middle].unit->code);
		if (order == 0)
			return &table->rows[middle].figures[period];
		*(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
	}
	return NULL;
}

size_t progress_table_period(const struct progress_table *table, uint32_t number)
{
	for (size_t i = 0; i < table->period_count; i++)
		if (table->periods[i].number == number)
			return i;
	return SIZE_MAX;
}

/* JSON ------------------------------------------------------------------------------------------------------------ */

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
	/* Distinct people are kept for phases and the whole; a round is a span of days. */
	bool has_people = period->number < TARGETS_ROUND_FIRST;
	add_head(json, period, english);
	buffer_format(json, ",\"counts\":\"%s\"", target && target->of_people ? "people" : "initiatives");
	add_count(json, "target", progress.has_target, progress.target);
	add_count(json, "parts_target", target && target->has_parts, target ? target->parts : 0);
	if (target && target->has_phases)
		add_count(json, "phases_target", true, target->phases);
	buffer_format(json, ",\"target_mismatch\":%s", target && target->differs ? "true" : "false");
	add_count(json, "counted", true, figures->counted);
	add_count(json, "people", has_people, figures->people);
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
		struct target targets[LANES];
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

/* Laggards -------------------------------------------------------------------------------------------------------- */

struct ranked {
	const struct progress_row *row;
	struct progress progress;
};

static struct progress progress_in(const struct progress_table *table, const struct progress_row *row, size_t period)
{
	const struct progress_period *at = &table->periods[period];
	struct target targets[LANES];
	size_t count = targets_of(table->targets, table->campaign, row->unit, at->number, table->now, targets);
	return progress_of(&at->window, &row->figures[period], count > 0 ? targets : NULL, table->now);
}

static bool any_target(const struct progress_table *table, size_t period)
{
	struct target targets[LANES];
	for (size_t i = 1; i < table->row_count; i++)
		if (targets_of(table->targets, table->campaign, table->rows[i].unit, table->periods[period].number,
			    table->now, targets) > 0)
			return true;
	return false;
}

/* The phase that runs, or is to come; 0: the whole. */
static size_t period_of_interest(const struct progress_table *table)
{
	for (size_t i = 1; i < table->period_count; i++)
		if (table->periods[i].number < TARGETS_ROUND_FIRST && table->now < table->periods[i].window.ends_at)
			return any_target(table, i) ? i : 0;
	return 0;
}

static int compare_ranked(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int order = progress_compare(&a->progress, &b->progress);
	return order != 0 ? order : strcmp(a->row->unit->code, b->row->unit->code);
}

static struct ranked *rank_children(const struct progress_table *table)
{
	size_t period = period_of_interest(table);
	struct ranked *ranked = calloc(table->row_count, sizeof(*ranked));
	if (!ranked)
		return NULL;
	for (size_t i = 1; i < table->row_count; i++)
		ranked[i - 1] = (struct ranked){
			.row = &table->rows[i], .progress = progress_in(table, &table->rows[i], period)};
	qsort(ranked, table->row_count - 1, sizeof(*ranked), compare_ranked);
	return ranked;
}

void progress_table_json(const struct progress_table *table, bool english, struct buffer *json)
{
	char as_of[CLOCK_TEXT_SIZE];
	struct ranked *ranked = rank_children(table);
	clock_format_instant(table->now, as_of);
	buffer_text(json, "{\"campaign\":");
	buffer_json_text(json, table->campaign->campaign->code);
	buffer_format(json, ",\"as_of\":\"%s\",\"version\":%" PRIu64 ",", as_of, table->version);
	add_unit(json, table, &table->rows[0], english);
	buffer_text(json, ",\"children\":[");
	for (size_t i = 0; ranked && i + 1 < table->row_count; i++) {
		buffer_text(json, i == 0 ? "{" : ",{");
		add_unit(json, table, ranked[i].row, english);
		buffer_text(json, "}");
	}
	buffer_text(json, "]}\n");
	json->failed |= !ranked;
	free(ranked);
}
