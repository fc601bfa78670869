#include "services/leaderboard/board_query.h"

#include <stdlib.h>
#include <string.h>

struct board_query board_query_standard(const struct reference_campaign *campaign)
{
	return (struct board_query){.campaign = campaign->id,
		.metric = METRIC_COUNTED,
		.parent = unit_tree_root(campaign->units)->id,
		.limit = BOARD_ROWS_MAX};
}

bool board_query_equal(const struct board_query *a, const struct board_query *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* 1…most, digits alone. */
static bool parse_number(const char *text, uint32_t most, uint32_t *number)
{
	size_t size = strlen(text);
	if (size == 0 || size > 9 || strspn(text, "0123456789") != size)
		return false;
	*number = (uint32_t)strtoul(text, NULL, 10);
	return *number >= 1 && *number <= most;
}

static bool parse_phase(
	const struct reference_campaign *campaign, const char *text, int64_t now, struct board_query *query)
{
	uint32_t number;
	if (strcmp(text, "all") == 0)
		return true;
	if (!parse_number(text, INT16_MAX, &number))
		return false;
	const struct rule_pack *rules = campaign_rules_at(campaign->campaign, now);
	for (size_t i = 0; i < rules->phase_count; i++)
		if (rules->phases[i].number == number) {
			query->phase = number;
			return true;
		}
	return false;
}

static bool fail(struct query_fault *fault, const char *field, const char *code)
{
	*fault = (struct query_fault){.field = field, .code = code};
	return false;
}

static bool parse_units(const struct reference_campaign *campaign, const struct board_parameters *parameters,
	struct board_query *query, struct query_fault *fault)
{
	const struct unit *parent = NULL, *around = NULL;
	if (parameters->parent) {
		parent = unit_by_code(campaign->units, parameters->parent);
		if (!parent)
			return fail(fault, "parent", "unknown_unit");
		query->parent = parent->id;
	}
	if (!parameters->around)
		return true;
	around = unit_by_code(campaign->units, parameters->around);
	if (!around)
		return fail(fault, "around", "unknown_unit");
	if (around->parent != query->parent || around->merged)
		return fail(fault, "around", "invalid");
	query->around = around->id;
	return true;
}

bool board_query_parse(const struct reference_campaign *campaign, const struct board_parameters *parameters,
	int64_t now, struct board_query *query, struct query_fault *fault)
{
	enum board_metric metric = METRIC_COUNTED;
	*query = board_query_standard(campaign);
	if (parameters->metric && !metric_parse(parameters->metric, &metric))
		return fail(fault, "metric", "invalid");
	query->metric = metric;
	if (parameters->phase && !parse_phase(campaign, parameters->phase, now, query))
		return fail(fault, "phase", "invalid");
	if (!parse_units(campaign, parameters, query, fault))
		return false;
	if (query->around != 0)
		query->limit = BOARD_AROUND_ROWS;
	if (parameters->limit && !parse_number(parameters->limit, BOARD_ROWS_MAX, &query->limit))
		return fail(fault, "limit", "invalid");
	return true;
}
