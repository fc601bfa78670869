/* `sangkien scale validation=4`: instances come and go; those that stay are not touched. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/servers.h"
#include "services/control/supervision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 64, READY_MS = 60000 };

struct wish {
	const struct supervised_kind *kind;
	uint32_t count;
};

static bool parse_wish(const char *word, struct wish *wish)
{
	char name[64];
	size_t length = strcspn(word, "=");
	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	wish->kind = supervision_kind(name);
	if (wish->kind == NULL || word[length] != '=' ||
		!number_read(word + length + 1, NULL, 0, INSTANCES_MAX, &wish->count)) {
		fprintf(stderr, "sangkien: '%s' is not SERVICE=N with a service of `sangkien status` and N up to %d\n",
			word, INSTANCES_MAX);
		return false;
	}
	if (!wish->kind->scales_alone) {
		fprintf(stderr, "sangkien: the number of shards is a setting: SANGKIEN_SHARDS=%u sangkien up\n",
			wish->count);
		return false;
	}
	return true;
}

/* New ones are ready before the edge sends them anything; the edge lets go of old ones before they stop. */
static bool fulfil(const struct rundir *run, const struct wish *wish)
{
	uint32_t count = supervision_count(run, wish->kind->name), first = wish->kind->first;
	for (uint32_t n = first + count; n < first + wish->count; n++)
		if (!supervision_add_instance(run, wish->kind, n, false))
			return false;
	if (wish->count > count)
		return supervision_await_ready(run, READY_MS) &&
		       (!servers_edge_passes_to(wish->kind->name) || servers_edge_route(run));
	if (!servers_edge_route_to(run, wish->kind->name, wish->count))
		return false;
	for (uint32_t n = first + count; n > first + wish->count; n--)
		if (!supervision_remove_instance(run, wish->kind, n - 1))
			return false;
	return true;
}

int command_scale(struct rundir *run, int argc, char **argv)
{
	struct wish wishes[16];
	if (argc < 1 || argc > (int)ARRAY_LENGTH(wishes)) {
		fputs("sangkien: scale SERVICE=N [SERVICE=N …]\n", stderr);
		return EXIT_USAGE_BAD;
	}
	for (int i = 0; i < argc; i++)
		if (!parse_wish(argv[i], &wishes[i]))
			return EXIT_USAGE_BAD;
	if (!rundir_enter(run))
		return EXIT_CONFIG_BAD;
	for (int i = 0; i < argc; i++)
		if (!fulfil(run, &wishes[i]))
			return EXIT_AWAY;
	for (int i = 0; i < argc; i++)
		printf("%s: %u\n", wishes[i].kind->name, wishes[i].count);
	return EXIT_OK;
}
