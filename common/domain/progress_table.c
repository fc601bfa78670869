#include "common/domain/progress_table.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>

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

static int compare_rows(const void *left, const void *right)
{
	const struct progress_row *const *a = left, *const *b = right;
	return ((*a)->unit->id > (*b)->unit->id) - ((*a)->unit->id < (*b)->unit->id);
}

static bool place_rows(struct progress_table *table, const struct unit *const *units, size_t count)
{
	table->rows = calloc(count + 1, sizeof(*table->rows));
	table->by_unit = calloc(count + 1, sizeof(*table->by_unit));
	table->figures = calloc(count * table->period_count + 1, sizeof(*table->figures));
	if (!table->rows || !table->by_unit || !table->figures)
		return false;
	table->row_count = count;
	for (size_t i = 0; i < count; i++) {
		table->rows[i] =
			(struct progress_row){.unit = units[i], .figures = table->figures + i * table->period_count};
		table->by_unit[i] = &table->rows[i];
	}
	qsort(table->by_unit, count, sizeof(struct progress_row *), compare_rows);
	return true;
}

struct progress_table *progress_table_new(const struct reference_campaign *campaign, const struct targets *targets,
	const struct unit *const *units, size_t unit_count, int64_t now)
{
	struct progress_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->campaign = campaign;
	table->targets = targets;
	table->now = now;
	if (!find_periods(table) || !place_rows(table, units, unit_count))
		progress_table_free(&table);
	return table;
}

struct progress_table *progress_table_of_unit(
	const struct reference_campaign *campaign, const struct targets *targets, uint32_t unit, int64_t now)
{
	const struct unit *own = unit_by_id(campaign->units, unit);
	size_t count;
	const struct unit *const *children = unit_children(campaign->units, unit, &count);
	const struct unit **units = own ? malloc((count + 1) * sizeof(*units)) : NULL;
	struct progress_table *table;
	if (!units)
		return NULL;
	units[0] = own;
	for (size_t i = 0; i < count; i++) /* of no children there is no array */
		units[i + 1] = children[i];
	table = progress_table_new(campaign, targets, units, count + 1, now);
	free(units);
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
	free(it->by_unit);
	free(it);
}

size_t progress_table_period(const struct progress_table *table, uint32_t number)
{
	for (size_t i = 0; i < table->period_count; i++)
		if (table->periods[i].number == number)
			return i;
	return SIZE_MAX;
}

/* Laggards -------------------------------------------------------------------------------------------------------- */

struct progress_ranked progress_table_at(
	const struct progress_table *table, const struct progress_row *row, size_t period)
{
	const struct progress_period *at = &table->periods[period];
	struct target targets[TARGETS_LANES];
	size_t count = targets_of(table->targets, table->campaign, row->unit, at->number, table->now, targets);
	return (struct progress_ranked){.row = row,
		.progress = progress_of(&at->window, &row->figures[period], count > 0 ? targets : NULL, table->now),
		.of_people = count > 0 && targets[0].of_people};
}

static bool any_target(const struct progress_table *table, const struct progress_row *rows, size_t count, size_t period)
{
	struct target targets[TARGETS_LANES];
	for (size_t i = 0; i < count; i++)
		if (targets_of(table->targets, table->campaign, rows[i].unit, table->periods[period].number, table->now,
			    targets) > 0)
			return true;
	return false;
}

size_t progress_table_interest(const struct progress_table *table, const struct progress_row *rows, size_t count)
{
	for (size_t i = 1; i < table->period_count; i++)
		if (table->periods[i].number < TARGETS_ROUND_FIRST && table->now < table->periods[i].window.ends_at)
			return any_target(table, rows, count, i) ? i : 0;
	return 0;
}

static int compare_ranked(const void *left, const void *right)
{
	const struct progress_ranked *a = left, *b = right;
	int order = progress_compare(&a->progress, &b->progress);
	return order != 0 ? order : strcmp(a->row->unit->code, b->row->unit->code);
}

void progress_table_rank(const struct progress_table *table, const struct progress_row *rows, size_t count,
	size_t period, struct progress_ranked *ranked)
{
	for (size_t i = 0; i < count; i++)
		ranked[i] = progress_table_at(table, &rows[i], period);
	qsort(ranked, count, sizeof(*ranked), compare_ranked);
}
