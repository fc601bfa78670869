/* common/domain/reference.h without PostgreSQL: one campaign, one tree, the same for everybody. */
#include "common/domain/reference.h"
#include "tests/simulation/shell.h"

#include <stdlib.h>
#include <string.h>

enum { READ_MOST_US = 60 * MS };

struct reference_source {
	struct service *service;
	int64_t from;
};

/* Near copies are bounded by the top unit, as in the real campaigns; phase 2 begins within the run. */
static const char rules[] = "code: sim\n"
			    "name: {vi: Mô phỏng, en: Simulated}\n"
			    "opens_at: 2020-01-01T00:00:00+07:00\n"
			    "closes_at: 2100-01-01T00:00:00+07:00\n"
			    "versions:\n"
			    "  - version: 1\n"
			    "    holds_from: 2020-01-01T00:00:00+07:00\n"
			    "    description_characters_max: 2000\n"
			    "    fields: {required: [title], offered: [title]}\n"
			    "    phases:\n"
			    "      - {number: 1, name: {vi: Một, en: One}, starts_at: 2020-01-01T00:00:00+07:00, "
			    "ends_at: 2026-11-02T09:00:08+07:00}\n"
			    "      - {number: 2, name: {vi: Hai, en: Two}, starts_at: 2026-11-02T09:00:08+07:00, "
			    "ends_at: 2100-01-01T00:00:00+07:00}\n"
			    "    person_key: phone\n"
			    "    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.6}\n"
			    "    target: 10000\n"
			    "    support: {vi: Không, en: None}\n";

static const struct unit_row units[UNIT_COUNT] = {
	{.id = UNIT_ROOT, .code = "VN", .name = "Nation", .level = UNIT_NATION},
	{.id = UNIT_EAST, .parent = UNIT_ROOT, .code = "E", .name = "East", .level = UNIT_TOP},
	{.id = UNIT_WEST, .parent = UNIT_ROOT, .code = "W", .name = "West", .level = UNIT_TOP},
	{.id = UNIT_EAST_A,
		.parent = UNIT_EAST,
		.code = "E.A",
		.name = "East A",
		.level = UNIT_UPPER,
		.accepts_submissions = true},
	{.id = UNIT_EAST_B,
		.parent = UNIT_EAST,
		.code = "E.B",
		.name = "East B",
		.level = UNIT_UPPER,
		.accepts_submissions = true},
	{.id = UNIT_WEST_A,
		.parent = UNIT_WEST,
		.code = "W.A",
		.name = "West A",
		.level = UNIT_UPPER,
		.accepts_submissions = true},
	{.id = UNIT_WEST_B,
		.parent = UNIT_WEST,
		.code = "W.B",
		.name = "West B",
		.level = UNIT_UPPER,
		.accepts_submissions = true},
};

static struct reference_campaign campaign;
static struct reference reference;

void reference_begin(int64_t closes_at)
{
	struct buffer faults = {0};
	const char *fault = NULL;

	campaign.id = CAMPAIGN;
	campaign.campaign = campaign_parse("simulated", (struct bytes){(const uint8_t *)rules, strlen(rules)}, &faults);
	campaign.units = unit_tree_new(units, UNIT_COUNT, &fault);
	if (!campaign.campaign || !campaign.units)
		world_fail("the campaign of the simulation: %.*s %s", (int)faults.size, (const char *)faults.data,
			fault ? fault : "");
	campaign.campaign->closes_at = closes_at;
	/* A rate limit is no law. */
	campaign.campaign->versions[0].person_limit = 0;
	reference = (struct reference){1, &campaign, 1};
}

const char *reference_unit_code(uint32_t unit)
{
	return units[unit - 1].code;
}

struct reference_source *reference_open(struct service *service, const char *conninfo)
{
	struct reference_source *source = malloc(sizeof(*source));

	(void)conninfo;
	assert(source != NULL);
	*source = (struct reference_source){service, world_now() + world_below(READ_MOST_US)};
	service_condition(service, "reference", true, NULL);
	return source;
}

void reference_close(struct reference_source **source)
{
	*source = NULL;
}

const struct reference *reference_acquire(struct reference_source *source)
{
	return world_now() < source->from ? NULL : &reference;
}

void reference_release(struct reference_source *source, const struct reference **held)
{
	(void)source;
	*held = NULL;
}

const struct reference_campaign *reference_by_code(const struct reference *from, const char *code)
{
	return strcmp(code, "sim") == 0 ? &from->campaigns[0] : NULL;
}

const struct reference_campaign *reference_by_id(const struct reference *from, uint32_t id)
{
	return id == CAMPAIGN ? &from->campaigns[0] : NULL;
}
