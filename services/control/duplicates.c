/* `sangkien duplicates INPUT.jsonl`: the service's own program in its offline mode, so that there is one code path. */
#include "services/control/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

int command_duplicates(struct rundir *run, int argc, char **argv)
{
	char program[2 * RUNDIR_FILE_MAX];
	char *words[WORDS_MAX + 3] = {program, (char *)"--offline"};
	if (argc < 1 || argc > WORDS_MAX) {
		fputs("sangkien: duplicates INPUT.jsonl [--threads N] [--stats]\n", stderr);
		return EXIT_USAGE_BAD;
	}
	memcpy(words + 2, argv, (size_t)argc * sizeof(*argv));
	if (run->programs[0] != '\0')
		snprintf(program, sizeof(program), "%s/deduplication", run->programs);
	else
		snprintf(program, sizeof(program), "%s/bin/deduplication", run->path);
	execv(program, words);
	perror(program);
	return EXIT_CONFIG_BAD;
}
