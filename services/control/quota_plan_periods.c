#include "services/control/quota_plan_file.h"

#include "common/domain/campaign_file.h"
#include "common/runtime/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Periods --------------------------------------------------------------------------------------------------------- */

static void add_period(struct quota_plan *plan, uint32_t number, int32_t first_day, int32_t last_day)
{
	plan->periods[plan->period_count++] =
		(struct quota_period){.number = number, .first_day = first_day, .last_day = last_day};
}

/* The phases of the newest rules, and those of older ones that it no longer has: they were, and had their targets. */
static void add_phases(struct quota_reader *reader)
{
	const struct campaign *campaign = reader->campaign;

	for (size_t v = campaign->version_count; v-- > 0;) {
		const struct rule_pack *pack = &campaign->versions[v];
		for (size_t i = 0; i < pack->phase_count; i++)
			if (quota_plan_period(reader->plan, pack->phases[i].number) == NULL)
				add_period(reader->plan, pack->phases[i].number,
					clock_vietnam_day(pack->phases[i].starts_at),
					clock_vietnam_day(pack->phases[i].ends_at - 1));
	}
}

static int compare_periods(const void *left, const void *right)
{
	const struct quota_period *a = left, *b = right;

	return (a->number > b->number) - (a->number < b->number);
}

void quota_periods_find(struct quota_reader *reader)
{
	struct quota_plan *plan = reader->plan;
	size_t most = 1 + ROUNDS_MAX;

	for (size_t v = 0; v < reader->campaign->version_count; v++)
		most += reader->campaign->versions[v].phase_count;
	plan->periods = arena_alloc(reader->yaml.arena, most * sizeof(*plan->periods));
	assert(plan->periods != NULL); /* a few hundred octets of an empty arena */
	add_period(plan, PERIOD_WHOLE, clock_vietnam_day(reader->campaign->opens_at),
		clock_vietnam_day(reader->campaign->closes_at - 1));
	add_phases(reader);
	qsort(plan->periods, plan->period_count, sizeof(*plan->periods), compare_periods);
}

const struct quota_period *quota_period_find(const struct quota_plan *plan, const char *text)
{
	char name[PERIOD_NAME_SIZE];

	for (size_t i = 0; i < plan->period_count; i++)
		if (strcmp(quota_period_name(plan->periods[i].number, name), text) == 0)
			return &plan->periods[i];
	return NULL;
}

void quota_period_say_unknown(struct yaml_reader *reader, const yaml_node_t *key, const char *text)
{
	const struct quota_plan *plan = quota_reader_of(reader)->plan;
	char known[256] = "", name[PERIOD_NAME_SIZE];

	for (size_t i = 0, at = 0; i < plan->period_count && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i == 0 ? "" : ", ",
			quota_period_name(plan->periods[i].number, name));
	yaml_fault(reader, key, "there is no period \"%.60s\"; write one of: %s", text, known);
}

/* Rounds ---------------------------------------------------------------------------------------------------------- */

static void read_round(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"number", yaml_read_u32, offsetof(struct quota_round, number), true},
		{"name", bilingual_read, offsetof(struct quota_round, name), true},
		{"from", yaml_read_day, offsetof(struct quota_round, first_day), true},
		{"to", yaml_read_day, offsetof(struct quota_round, last_day), true},
	};
	const struct quota_round *round = target;
	size_t faults = reader->fault_count;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
	if (faults == reader->fault_count && round->first_day > round->last_day)
		yaml_fault(reader, yaml_value(reader, node, "to"),
			"the round ends before it begins; let \"to\" be its last day");
}

/* R20: a round lies within one phase; where a campaign has none, within the campaign. */
static bool lies_within(const struct quota_plan *plan, const struct quota_round *round)
{
	size_t first = plan->period_count > 1 ? 1 : 0; /* the whole stands first */

	for (size_t i = first; i < plan->period_count; i++)
		if (plan->periods[i].first_day <= round->first_day && round->last_day <= plan->periods[i].last_day)
			return true;
	return false;
}

void quota_rounds_read(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct quota_plan *plan = target;
	size_t faults = reader->fault_count;

	plan->rounds =
		yaml_read_sequence(reader, node, sizeof(*plan->rounds), ROUNDS_MAX, read_round, &plan->round_count);
	for (size_t i = 0; i < plan->round_count && faults == reader->fault_count; i++) {
		yaml_node_t *at = yaml_element(reader, node, i);

		if (plan->rounds[i].number != i + 1)
			yaml_fault(reader, at, "round number %u; number the rounds 1, 2, … in their order",
				plan->rounds[i].number);
		else if (!lies_within(plan, &plan->rounds[i]))
			yaml_fault(reader, at, "round %u does not lie within one phase of the campaign; move its days",
				plan->rounds[i].number);
	}
	if (faults != reader->fault_count)
		return;
	for (size_t i = 0; i < plan->round_count; i++)
		add_period(plan, PERIOD_ROUND_FIRST + plan->rounds[i].number, plan->rounds[i].first_day,
			plan->rounds[i].last_day);
}
