#include "services/control/ops_start.h"

#include "common/runtime/clock.h"
#include "services/control/servers.h"
#include "services/control/supervision.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { START_MS = 20000, LOOK_EVERY_MS = 20 };

/* Nothing depends on it: without it the system is no less up, and that is told. */
bool ops_start(const struct rundir *run, bool restart)
{
	const char *given = getenv("SANGKIEN_OPS_LISTEN");
	char command[2 * RUNDIR_FILE_MAX], address[128];
	bool is_given = given != NULL && given[0] != '\0';
	if (is_given && !servers_address_is_sane("SANGKIEN_OPS_LISTEN", given))
		return false;
	snprintf(command, sizeof(command), "%s/bin/sangkien ops%s%s", run->path, is_given ? " --listen " : "",
		is_given ? given : "");
	if (!supervision_add_server(run, "ops", command, NULL) || (restart && !supervision_signal(run, "ops", "-r")))
		return false;
	for (int64_t deadline = clock_monotonic_ms() + START_MS; !rundir_ops_address(run, address);) {
		if (clock_monotonic_ms() > deadline) {
			fprintf(stderr, "sangkien: the operators' page does not start; see %s/log/ops/current\n",
				run->path);
			break;
		}
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	return true;
}
