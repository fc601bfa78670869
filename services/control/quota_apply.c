#include "services/control/quota_apply.h"

#include "common/runtime/clock.h"
#include "services/control/csv.h"
#include "services/control/quota_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT_CODE, FROM, MEMBERS, MEMBER_DAYS_MAX = 400 };
static const char *const member_columns[] = {"unit_code", "from", "members", NULL};
static const uint64_t members_max = UINT64_C(1000000000);

struct members_reading {
	const char *file;
	const struct unit_tree *tree;
	struct csv csv;
	struct member_counts *members;
	struct buffer *faults;
};

void quota_outcome_deinit(struct quota_outcome *outcome)
{
	quota_plan_free(&outcome->plan);
	session_campaign_unload(&outcome->campaign);
	quota_targets_free(&outcome->targets);
	buffer_deinit(&outcome->faults);
	buffer_deinit(&outcome->notes);
}

/* Members --------------------------------------------------------------------------------------------------------- */

static bool parse_members(const char *text, uint64_t *members)
{
	size_t digits = strspn(text, "0123456789");

	*members = digits > 0 && digits < 11 ? strtoull(text, NULL, 10) : members_max + 1;
	return text[digits] == '\0' && *members <= members_max;
}

static void read_count(struct members_reading *reading, const struct csv_row *row)
{
	struct member_count *count = &reading->members->rows[reading->members->count++];
	const struct unit *unit = unit_by_code(reading->tree, row->cells[UNIT_CODE]);

	*count = (struct member_count){.unit = unit == NULL ? 0 : unit->id};
	if (unit == NULL)
		buffer_format(reading->faults,
			"%s:%u: there is no unit \"%.60s\"; import it first or correct the code\n", reading->file,
			row->line, row->cells[UNIT_CODE]);
	if (!clock_parse_day(row->cells[FROM], &count->from))
		buffer_format(reading->faults, "%s:%u: \"%.60s\" is no day; write it like 2022-01-08\n", reading->file,
			row->line, row->cells[FROM]);
	if (!parse_members(row->cells[MEMBERS], &count->members))
		buffer_format(reading->faults, "%s:%u: \"%.60s\" members; write a whole number from 0 to %llu\n",
			reading->file, row->line, row->cells[MEMBERS], (unsigned long long)members_max);
}

/* Where a unit's count of a day stands a second time. */
static uint32_t line_of(const struct members_reading *reading, const struct member_count *count)
{
	uint32_t line = 1;

	for (size_t i = 0; i < reading->csv.count; i++) {
		const struct csv_row *row = &reading->csv.rows[i];
		int32_t day;
		if (clock_parse_day(row->cells[FROM], &day) && day == count->from &&
			unit_by_code(reading->tree, row->cells[UNIT_CODE])->id == count->unit)
			line = row->line;
	}
	return line;
}

static void check_counts(struct members_reading *reading)
{
	const struct member_count *twice = NULL;
	size_t days;

	if (!member_counts_sort(reading->members, &twice)) {
		buffer_format(reading->faults, "%s:%u: a second count of unit \"%s\" from the same day; keep one\n",
			reading->file, line_of(reading, twice), unit_by_id(reading->tree, twice->unit)->code);
		return;
	}
	free(member_counts_days(reading->members, &days));
	if (days > MEMBER_DAYS_MAX)
		buffer_format(reading->faults,
			"%s:1: counts change on %zu days; at most %d are taken, give them by month\n", reading->file,
			days, MEMBER_DAYS_MAX);
}

/* Every fault is said; those of the CSV itself on stderr. */
static bool read_members(struct members_reading *reading, struct bytes text)
{
	size_t before = reading->faults->size;
	bool good = csv_read(reading->file, text, member_columns, &reading->csv);

	if (good) {
		reading->members->rows = calloc(reading->csv.count + 1, sizeof(*reading->members->rows));
		assert(reading->members->rows != NULL);
		for (size_t i = 0; i < reading->csv.count; i++)
			read_count(reading, &reading->csv.rows[i]);
		if (reading->faults->size == before)
			check_counts(reading);
	}
	csv_free(&reading->csv);
	return good && reading->faults->size == before;
}

/* Applying -------------------------------------------------------------------------------------------------------- */

static enum quota_applied find_members(
	struct pg *pg, const struct quota_wish *wish, struct quota_outcome *outcome, struct member_counts *members)
{
	struct members_reading reading = {.file = wish->members_file,
		.tree = outcome->campaign.units,
		.members = members,
		.faults = &outcome->faults};

	if (wish->members_file == NULL)
		return quota_store_members(pg, outcome->campaign.id, members) ? QUOTA_APPLIED : QUOTA_AWAY;
	return read_members(&reading, wish->members_text) ? QUOTA_APPLIED : QUOTA_FAULTY;
}

static enum quota_applied evaluate_and_store(struct pg *pg, const struct quota_wish *wish, struct bytes source,
	const struct member_counts *members, struct quota_outcome *outcome)
{
	const struct unit_tree *tree = outcome->campaign.units;
	CLEANUP(quota_targets_free) struct quota_targets history = {0};
	bool evaluated = quota_targets_history(outcome->plan, tree, members, &history) &&
			 quota_targets_evaluate(
				 outcome->plan, tree, members, clock_vietnam_day(clock_now_us()), &outcome->targets);

	assert(evaluated); /* else no memory, and a command ends there */
	outcome->rows = history.count;
	if (wish->dry_run)
		return QUOTA_APPLIED;
	struct quota_state state = {.campaign = outcome->campaign.id,
		.source = source,
		.plan = outcome->plan,
		.members = members,
		.targets = &history};
	return quota_store_save(pg, &state, &outcome->changed) ? QUOTA_APPLIED : QUOTA_AWAY;
}

static enum quota_applied apply_to(struct pg *pg, const struct quota_wish *wish, struct quota_outcome *outcome)
{
	CLEANUP(buffer_deinit) struct buffer in_force = {0};
	CLEANUP(member_counts_free) struct member_counts members = {0};
	struct bytes source = wish->plan_text;
	const char *name = wish->plan_file == NULL ? "the plan in force" : wish->plan_file;

	if (wish->plan_file == NULL) {
		if (!quota_store_source(pg, outcome->campaign.id, &in_force))
			return QUOTA_AWAY;
		source = buffer_bytes(&in_force);
		if (source.size == 0)
			return QUOTA_APPLIED;
	}
	outcome->plan = quota_plan_parse(
		name, source, outcome->campaign.campaign, outcome->campaign.units, &outcome->faults, &outcome->notes);
	/* The faults of both files at once. */
	enum quota_applied status = find_members(pg, wish, outcome, &members);
	if (status != QUOTA_APPLIED)
		return status;
	if (outcome->plan == NULL || !quota_members_check(outcome->plan, outcome->campaign.units, &members,
					     &outcome->faults, &outcome->notes))
		return QUOTA_FAULTY;
	return evaluate_and_store(pg, wish, source, &members, outcome);
}

enum quota_applied quota_apply(
	struct pg *pg, const char *campaign, const struct quota_wish *wish, struct quota_outcome *outcome)
{
	PGresult *locked CLEANUP(pg_result_clear) = NULL;

	pg_cstr(pg_params(pg), campaign);
	if (pg_run(pg, "SELECT id FROM campaign WHERE code = $1 FOR UPDATE", &locked, session_deadline()) != PG_OK)
		return QUOTA_AWAY;
	if (!session_campaign_load(pg, campaign, &outcome->campaign))
		return pg_connected(pg) ? QUOTA_FAULTY : QUOTA_AWAY;
	if (outcome->campaign.units == NULL)
		return QUOTA_FAULTY; /* said already */
	return apply_to(pg, wish, outcome);
}

static bool has_plan(struct pg *pg, const char *campaign, bool *has)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_cstr(pg_params(pg), campaign);
	if (pg_run(pg, "SELECT FROM quota_plan JOIN campaign ON id = campaign_id WHERE code = $1", &rows,
		    session_deadline()) != PG_OK)
		return false;
	*has = PQntuples(rows) == 1;
	return true;
}

bool quota_renew(struct pg *pg, const char *campaign)
{
	CLEANUP(quota_outcome_deinit) struct quota_outcome outcome = {0};
	bool has;

	if (!has_plan(pg, campaign, &has))
		return false;
	enum quota_applied status = has ? quota_apply(pg, campaign, &(struct quota_wish){0}, &outcome) : QUOTA_APPLIED;
	if (status == QUOTA_FAULTY)
		fprintf(stderr,
			"sangkien: the quota plan in force no longer fits; its targets stay until `sangkien quotas "
			"apply` "
			"brings another:\n%.*s",
			(int)outcome.faults.size, outcome.faults.data == NULL ? "" : (const char *)outcome.faults.data);
	return status != QUOTA_AWAY;
}
