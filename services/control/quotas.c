/* `sangkien quotas apply`: a campaign's quota plan and its member counts, all or nothing. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/program.h"
#include "services/control/quota_apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 20 };

/* What was declared and does not add up is shown, and stands (R22). */
static void print_difference(const struct quota_outcome *outcome, const struct quota_target *row)
{
	char period[PERIOD_NAME_SIZE];
	const struct unit *unit = unit_by_id(outcome->campaign.units, row->unit);

	printf("  %s %s: declared %" PRIu64, unit->code, quota_period_name(row->period, period), row->declared);
	if (row->has_parts && row->parts != row->declared)
		printf(", its parts come to %" PRIu64 " (%" PRIu64 " %s)", row->parts,
			row->parts < row->declared ? row->declared - row->parts : row->parts - row->declared,
			row->parts < row->declared ? "without rows" : "too many");
	if (row->has_phases && row->phases != row->declared)
		printf(", its phases come to %" PRIu64, row->phases);
	puts(row->counts == QUOTA_PEOPLE ? " people" : "");
}

static void print_outcome(const struct quota_outcome *outcome, const char *campaign, const struct quota_wish *wish)
{
	size_t units = 0, different = 0;

	for (size_t i = 0; i < outcome->targets.count; i++) {
		units += i == 0 || outcome->targets.rows[i].unit != outcome->targets.rows[i - 1].unit;
		different += quota_target_differs(&outcome->targets.rows[i]);
	}
	printf("%s: %s; %zu rules, %zu units with targets, %zu of them do not add up to what was declared\n", campaign,
		wish->dry_run      ? "nothing written"
		: outcome->changed ? "in force"
				   : "in force already",
		outcome->plan->rule_count, units, different);
	for (size_t i = 0, shown = 0; i < outcome->targets.count && shown < SHOWN_MAX; i++)
		if (quota_target_differs(&outcome->targets.rows[i])) {
			print_difference(outcome, &outcome->targets.rows[i]);
			shown++;
		}
	if (different > SHOWN_MAX)
		printf("  … and %zu more\n", different - SHOWN_MAX);
	fprintf(stderr, "%.*s", (int)outcome->notes.size,
		outcome->notes.data == NULL ? "" : (const char *)outcome->notes.data);
}

/* The transaction around it; a plan that nobody gave and nobody had is none to apply. */
static int apply(struct pg *pg, const char *campaign, const struct quota_wish *wish, struct quota_outcome *outcome)
{
	if (pg_begin(pg, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	switch (quota_apply(pg, campaign, wish, outcome)) {
	case QUOTA_FAULTY:
		fprintf(stderr, "%.*s", (int)outcome->faults.size,
			outcome->faults.data == NULL ? "" : (const char *)outcome->faults.data);
		return EXIT_DATA_BAD;
	case QUOTA_AWAY:
		return EXIT_AWAY;
	case QUOTA_APPLIED:
		break;
	}
	if (outcome->plan == NULL) {
		fprintf(stderr, "sangkien: campaign '%s' has no plan in force; name a file\n", campaign);
		return EXIT_DATA_BAD;
	}
	if (wish->dry_run) {
		pg_rollback(pg, session_deadline());
		return EXIT_OK;
	}
	return pg_commit(pg, session_deadline()) == PG_OK ? EXIT_OK : EXIT_AWAY;
}

static int apply_files(struct rundir *run, const char *campaign, const struct quota_wish *wish, bool quiet)
{
	CLEANUP(quota_outcome_deinit) struct quota_outcome outcome = {0};
	struct pg *pg CLEANUP(pg_close) = session_open(run, "quotas apply");
	int code = pg == NULL ? EXIT_AWAY : apply(pg, campaign, wish, &outcome);

	if (code != EXIT_OK && pg != NULL) {
		if (code == EXIT_AWAY)
			fprintf(stderr, "sangkien: the plan is not applied: %s\n", pg_error(pg));
		pg_rollback(pg, session_deadline());
	}
	if (code == EXIT_OK && !quiet)
		print_outcome(&outcome, campaign, wish);
	return code;
}

int command_quotas_apply(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL;
	bool quiet = false;
	struct quota_wish wish = {0};
	struct buffer plan CLEANUP(buffer_deinit) = {0}, members CLEANUP(buffer_deinit) = {0};
	const struct argument known[] = {{NULL, .text = &wish.plan_file}, {"--campaign", .text = &campaign},
		{"--members", .text = &wish.members_file}, {"--dry-run", .flag = &wish.dry_run},
		{"--quiet", .flag = &quiet}};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("--campaign", campaign))
		return EXIT_USAGE_BAD;
	if ((wish.plan_file != NULL && !file_read(wish.plan_file, &plan)) ||
		(wish.members_file != NULL && !file_read(wish.members_file, &members)))
		return EXIT_FILE_MISSING;
	wish.plan_text = buffer_bytes(&plan);
	wish.members_text = buffer_bytes(&members);
	return apply_files(run, campaign, &wish, quiet);
}
