/* build/sangkien, the operators' tool: a table of commands. */
#include "common/runtime/log.h"
#include "services/control/command.h"

#include <stdio.h>
#include <string.h>

static const struct command COMMANDS[] = {
	{"up", "", "Start everything in the run directory; again = same state, data kept.", command_up},
	{"down", "", "Stop everything that `up` started.", command_down},
	{"status", "[--json]",
		"Each service and instance: up since, address, queue, its oldest, rate, errors.\n\nExit 1 when one "
		"is not ready.",
		command_status},
	{"ops", "[--listen ADDRESS:PORT]",
		"Serve the operators' page: every instance live, as its /metrics has it.\n\n"
		"`up` starts it and `status` says where it is. Without --listen it keeps its address, at first any "
		"free port of\n127.0.0.1.",
		command_ops},
	{"scale", "SERVICE=N [SERVICE=N …]", "Run N instances of a service without touching the others.",
		command_scale},
	{"restart", "SERVICE [SERVICE …]", "Restart the instances of a service one by one; clients see nothing of it.",
		command_restart},
	{"migrate", "", "Apply the schema's migrations that are not yet applied.", command_migrate},
	{"campaign apply", "FILE [--dry-run [--json]]",
		"Check a campaign file and put it in force, all or nothing.\n\n"
		"--dry-run writes nothing: it decides again in memory what was decided, by the version of the file "
		"that "
		"holds at each\n"
		"instant of receipt, and says how many would be decided otherwise, by unit and by reason. What a "
		"person "
		"decided stands;\n"
		"copies are taken as recorded.",
		command_campaign_apply},
	{"campaign list", "[--json]", "The campaigns and whether they are open.", command_campaign_list},
	{"units import", "FILE --campaign CODE [--dry-run]",
		"Check a unit tree, or moves within it, and put it in force, all or nothing.\n\n"
		"A tree has the columns code,name,level,parent_code,block,accepts. Moves have "
		"valid_from,code,merged_into,parent_code,name:\n"
		"from a day on a unit is merged into another of its level, stands under another parent, or is renamed; "
		"what it has\n"
		"had moves with it, and the nation's figures stay. --dry-run shows what would move and which figures "
		"and "
		"targets\n"
		"change, and writes nothing.",
		command_units_import},
	{"quotas apply", "[FILE] --campaign CODE [--members FILE] [--dry-run]",
		"Check a campaign's quota plan and put it in force, all or nothing.\n\n"
		"Without FILE the plan in force is evaluated again, with --members by other member counts "
		"(unit_code,from,members).\n"
		"Totals that do not add up to what was declared are shown and stand. --dry-run writes nothing.",
		command_quotas_apply},
	{"board", "[UNIT] [--campaign CODE] [--phase N] [--as-of DATE] [--csv]",
		"The figures of a unit and its children, as counted now.\n\n"
		"With --as-of they stand in the tree of that day: units that were merged or moved since are where they "
		"were.\n"
		"The campaign is `demo` unless told otherwise, the unit its root; phase 0 is the whole campaign.",
		command_board},
	{"progress", "UNIT [--campaign CODE] [--period all|phase_N|round_N] [--csv|--json]",
		"A unit and its children against their targets, laggards first.\n\n"
		"The table has the unit in every period and its children in one: that which runs, or --period. --csv "
		"has "
		"all of them.\n"
		"A \"!\" stands where the parts do not add up to what was declared. The campaign is `demo` unless told "
		"otherwise.",
		command_progress},
	{"officers import", "FILE --campaign CODE [--dry-run]",
		"Say who is told how the units stand (unit_code,address,language); those before are replaced.\n\n"
		"An address is one of mail or a telephone number, sealed like a submitter's; the language is vi or en.",
		command_officers_import},
	{"token create", "--role ROLE [--campaign CODE] [--unit CODE] [--days N] [--label TEXT] [--json]",
		"Make a bearer token; it is shown once and stored hashed.", command_token_create},
	{"token list", "[--json]", "The tokens, without their secrets.", command_token_list},
	{"token revoke", "ID", "End a token at once.", command_token_revoke},
	{"notices resend", "ID|--all [--campaign CODE]",
		"Send a dead letter again, or all of them: as new, under the id it always had.",
		command_notices_resend},
	{"notices", "[--state due|sent|dead|all] [--campaign CODE] [--limit N] [--json]",
		"The dead letters: notices that were refused for good or too often, and why; newest first.",
		command_notices},
	{"quarantine list", "[--campaign CODE] [--stage STAGE] [--all] [--limit N] [--json]",
		"What a stage refused for good, where and why, newest first; with --all also what was replayed.",
		command_quarantine_list},
	{"quarantine show", "CODE [--json]", "One submission of the quarantine, stage by stage, and what became of it.",
		command_quarantine_show},
	{"quarantine replay", "CODE|--all [--campaign CODE] [--stage STAGE]",
		"Hand out again what waits in quarantine.\n\n"
		"It is pending again, and decided as any other; refused once more it is back with one attempt more. "
		"Replayed twice\n"
		"it is handed out once.",
		command_quarantine_replay},
	{"submit", "[FILE.ndjson] [--campaign CODE] [--key KEY] [--connections N] [--send-only] [--json]",
		"Send submissions through HTTP and follow them to their decisions.\n\n"
		"A line is a submission as the contract has it, or {\"id\",\"text\"}: then one is made up around the "
		"text, spread over\n"
		"the unit tree. The key comes from the file's content, so the same file again sends nothing twice and "
		"resumes.\n"
		"The campaign is `demo` unless told otherwise. Exit 1: lines were refused, or have no decision in "
		"time.",
		command_submit},
	{"simulate",
		"[--campaign CODE] [--scale X] [--seed N] [--duplicates SHARE] [--invalid SHARE] [--connections N] "
		"[--json|--print]",
		"Make a whole campaign's submissions, send them, and compare with what the system holds.\n\n"
		"At --scale 1 these are the 1,892,577 initiatives of 350,405 people of 26/7/2023, with Bắc Giang "
		"eighth; the standard\n"
		"is 0.01. On top come copies (0.05) and ones that are too long (0.02). A campaign that is over is "
		"replayed with the\n"
		"instants of receipt spread over it. --print writes the submissions instead of sending them. Exit 1: "
		"not equal.",
		command_simulate},
	{"duplicates", "INPUT.jsonl [--threads N] [--stats]",
		"Find near duplicates in a file, as the service would.\n\n"
		"Reads lines {\"id\",\"text\"}, writes lines {\"id\",\"duplicate_of\",\"score\"} in the same order.",
		command_duplicates},
	{"explain", "A B [--input FILE.jsonl] [--json]",
		"Show what two texts share, as a reviewer would mark it, boilerplate told apart.\n\n"
		"A and B are tracking codes, or with --input ids of its lines {\"id\",\"text\"}. Offsets are code "
		"points, the "
		"end is\n"
		"not included. Exit 66: there is no such submission.",
		command_explain},
	{"audit", "[--json] [--wait SECONDS]",
		"Recount everything from the submissions; exit 1 on any drift, 69 when not all could be compared.",
		command_audit},
	{"rebuild-board", "[CAMPAIGN]", "Build the boards in Redis anew from PostgreSQL.", command_rebuild_board},
	{"rebuild-rounds", "[CAMPAIGN]",
		"Count the people of rounds anew from who takes part.\n\n"
		"For where `audit` found `rounds` wrong: after an upgrade over migration 0017, what programs of before "
		"it counted\n"
		"until they were restarted is missing. May be done while all runs, and again.",
		command_rebuild_rounds},
};

static void print_help(FILE *out)
{
	fputs("sangkien: run and steer Sáng Kiến\n\nCommands (`sangkien COMMAND --help` tells more):\n", out);
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
		fprintf(out, "  %-18s  %.*s\n", COMMANDS[i].name, (int)strcspn(COMMANDS[i].help, "\n"),
			COMMANDS[i].help);
	fputs("\nThe run directory is SANGKIEN_RUN, by default one below /var/tmp for each clone.\n"
	      "Exit codes: 0 done; 1 not so, or failed half-way; 64 usage; 65 data refused; 66 no such file;\n"
	      "69 a server is away; 78 a setting or the machine does not allow it.\n",
		out);
}

/* How many words of argv the command's name takes; 0: another command. */
static int match_words(const struct command *command, int argc, char **argv)
{
	const char *space = strchr(command->name, ' ');
	if (space == NULL)
		return argc >= 1 && strcmp(argv[0], command->name) == 0 ? 1 : 0;
	size_t first = (size_t)(space - command->name);
	if (argc >= 2 && strlen(argv[0]) == first && memcmp(argv[0], command->name, first) == 0 &&
		strcmp(argv[1], space + 1) == 0)
		return 2;
	return 0;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	if (asks_for_help(argc, argv)) {
		printf("sangkien %s%s%s\n\n%s\n", command->name, command->usage[0] != '\0' ? " " : "", command->usage,
			command->help);
		return EXIT_OK;
	}
	struct rundir run;
	/* What goes wrong is said in words on stderr; events are for services. */
	log_open("control", "sangkien", LOG_ERROR);
	if (!rundir_find(&run))
		return EXIT_CONFIG_BAD;
	return command->run(&run, argc, argv);
}

/* "token" alone, or `token --help`: the commands of that family, with what each takes. 0: there is no such family. */
static size_t print_family(const char *word, FILE *out)
{
	size_t size = strlen(word), count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
		if (strncmp(COMMANDS[i].name, word, size) == 0 && COMMANDS[i].name[size] == ' ') {
			fprintf(out, "sangkien %s %s\n    %.*s\n", COMMANDS[i].name, COMMANDS[i].usage,
				(int)strcspn(COMMANDS[i].help, "\n"), COMMANDS[i].help);
			count++;
		}
	return count;
}

static int end_without_command(int argc, char **argv)
{
	bool help = asks_for_help(argc - 2, argv + 2);
	if (print_family(argv[1], help ? stdout : stderr) > 0)
		return help ? EXIT_OK : EXIT_USAGE_BAD;
	fprintf(stderr, "sangkien: there is no command '%s'; `sangkien --help` lists them\n", argv[1]);
	return EXIT_USAGE_BAD;
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE_BAD : EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
		int words = match_words(&COMMANDS[i], argc - 1, argv + 1);
		if (words > 0)
			return run_command(&COMMANDS[i], argc - 1 - words, argv + 1 + words);
	}
	return end_without_command(argc, argv);
}
