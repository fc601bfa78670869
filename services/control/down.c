/* `sangkien down`: services drain, then the servers stop. Nothing is deleted. */
#include "services/control/command.h"
#include "services/control/supervision.h"

#include <stdio.h>
#include <sys/stat.h>

int command_down(struct rundir *run, int argc, char **argv)
{
	struct stat there;
	(void)argc;
	(void)argv;
	if (stat(run->path, &there) != 0) {
		puts("Nothing runs here.");
		return EXIT_OK;
	}
	if (!rundir_enter(run))
		return EXIT_CONFIG_BAD;
	if (!supervision_stop(run))
		return EXIT_DRIFT;
	puts("Stopped; the data are kept.");
	return EXIT_OK;
}
