/* `sangkien duplicates INPUT.jsonl` and `sangkien explain A B`: the service's own program in another mode, so that
 * there is one code path. */
#include "services/control/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

/* Does not return but for a fault. */
static int become(struct rundir *run, const char *mode, int argc, char **argv)
{
	char program[2 * RUNDIR_FILE_MAX];
	char *words[WORDS_MAX + 3] = {program, (char *)(uintptr_t)mode};
	memcpy(words + 2, argv, (size_t)argc * sizeof(*argv));
	if (run->programs[0] != '\0')
		snprintf(program, sizeof(program), "%s/deduplication", run->programs);
	else
		snprintf(program, sizeof(program), "%s/bin/deduplication", run->path);
	execv(program, words);
	perror(program);
	return EXIT_CONFIG_BAD;
}

int command_duplicates(struct rundir *run, int argc, char **argv)
{
	if (argc < 1 || argc > WORDS_MAX) {
		fputs("sangkien: duplicates INPUT.jsonl [--threads N] [--stats]\n", stderr);
		return EXIT_USAGE_BAD;
	}
	return become(run, "--offline", argc, argv);
}

static bool names_a_file(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--input") == 0)
			return true;
	return false;
}

/* Submissions are read with the rights of the service, which has no more than their texts. */
int command_explain(struct rundir *run, int argc, char **argv)
{
	char conninfo[3 * RUNDIR_FILE_MAX];
	if (argc < 2 || argc > WORDS_MAX) {
		fputs("sangkien: explain A B [--input FILE.jsonl] [--json]\n", stderr);
		return EXIT_USAGE_BAD;
	}
	if (!names_a_file(argc, argv)) {
		if (!rundir_enter(run))
			return EXIT_CONFIG_BAD;
		snprintf(conninfo, sizeof(conninfo),
			"host=%s/sock dbname=sangkien user=sk_deduplication passfile=%s/keys/deduplication.pgpass",
			run->path, run->path);
		setenv("SANGKIEN_PG", conninfo, 1);
	}
	return become(run, "--explain", argc, argv);
}
