/* `sangkien restart SERVICE…`: one instance after the other, while the others work and clients see nothing of it. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/servers.h"
#include "services/control/supervision.h"

#include <stdio.h>
#include <string.h>

enum { KINDS_MAX = 16, READY_MS = 60000 };

static bool restart_one(const struct rundir *run, const struct supervised_kind *kind, uint32_t n)
{
	return servers_edge_route_without(run, kind->name, n) && supervision_halt_instance(run, kind, n) &&
	       supervision_add_instance(run, kind, n, false) && supervision_await_ready(run, READY_MS) &&
	       (!servers_edge_passes_to(kind->name) || servers_edge_route(run));
}

/* Where there is only one that clients talk to, another stands in for it. */
static bool restart_kind(const struct rundir *run, const struct supervised_kind *kind)
{
	uint32_t count = supervision_count(run, kind->name), end = kind->first + count;
	bool lone = count == 1 && servers_edge_passes_to(kind->name);

	if (lone && (!supervision_add_instance(run, kind, end, false) || !supervision_await_ready(run, READY_MS) ||
			    !servers_edge_route(run)))
		return false;
	for (uint32_t n = kind->first; n < end; n++)
		if (!restart_one(run, kind, n))
			return false;
	return !lone || (servers_edge_route_to(run, kind->name, count) && supervision_remove_instance(run, kind, end));
}

int command_restart(struct rundir *run, int argc, char **argv)
{
	const struct supervised_kind *kinds[KINDS_MAX];

	if (argc < 1 || argc > KINDS_MAX) {
		fputs("sangkien: restart SERVICE [SERVICE …]\n", stderr);
		return EXIT_USAGE_BAD;
	}
	for (int i = 0; i < argc; i++) {
		kinds[i] = supervision_kind(argv[i]);
		if (kinds[i] == NULL) {
			fprintf(stderr, "sangkien: '%s' is no service of `sangkien status`\n", argv[i]);
			return EXIT_USAGE_BAD;
		}
	}
	if (!rundir_enter(run))
		return EXIT_CONFIG_BAD;
	for (int i = 0; i < argc; i++) {
		if (!restart_kind(run, kinds[i]))
			return EXIT_AWAY;
		printf("%s: %u restarted\n", kinds[i]->name, supervision_count(run, kinds[i]->name));
	}
	return EXIT_OK;
}
