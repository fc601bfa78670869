/* `sangkien status`: each service and instance at a glance. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/instance_state.h"
#include "services/control/supervision.h"

#include "common/runtime/clock.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RATE_OVER_MS = 1000 };

/* Two looks, a second apart, for the rates. */
static void look_twice(const struct rundir *run, struct instance_state *states, size_t count)
{
	uint64_t handled_before[INSTANCES_MAX];
	int64_t began = clock_monotonic_ms();
	for (size_t i = 0; i < count; i++) {
		instance_state_look(run, &states[i]);
		handled_before[i] = states[i].figures.handled;
	}
	usleep(RATE_OVER_MS * 1000);
	for (size_t i = 0; i < count; i++) {
		instance_state_look(run, &states[i]);
		double seconds = (double)(clock_monotonic_ms() - began) / 1000;
		uint64_t now = states[i].figures.handled;
		states[i].rate_per_s = now > handled_before[i] ? (double)(now - handled_before[i]) / seconds : 0;
	}
}

static const char *state_word(const struct instance_state *state)
{
	if (!state->is_up)
		return "down";
	return state->is_ready ? "ready" : "not ready";
}

static void print_table(
	const struct rundir *run, const struct instance_state *states, size_t count, const char *address)
{
	char ops[128];
	printf("%s, run directory %s\n", address, run->path);
	if (rundir_ops_address(run, ops))
		printf("operators' page: http://%s/\n", ops);
	puts("");
	printf("%-24s %-10s %10s  %-22s %8s %12s %10s %7s\n", "instance", "state", "up (s)", "admin port", "queue",
		"oldest (ms)", "rate (/s)", "errors");
	for (size_t i = 0; i < count; i++)
		printf("%-24s %-10s %10llu  %-22s %8llu %12llu %10.1f %7llu\n", states[i].name, state_word(&states[i]),
			(unsigned long long)states[i].up_seconds, states[i].address,
			(unsigned long long)states[i].figures.queue, (unsigned long long)states[i].figures.oldest_ms,
			states[i].rate_per_s, (unsigned long long)states[i].figures.errors);
	for (size_t i = 0; i < SUPERVISED_SERVER_COUNT; i++)
		printf("%-24s %s\n", SUPERVISED_SERVERS[i],
			supervision_is_up(run, SUPERVISED_SERVERS[i]) ? "up" : "down");
}

static void print_json(const struct rundir *run, const struct instance_state *states, size_t count, const char *address)
{
	char ops[128];
	printf("{\"address\":\"%s\",\"run_directory\":\"%s\",\"ops\":", address, run->path);
	printf(rundir_ops_address(run, ops) ? "\"http://%s/\"" : "null", ops);
	fputs(",\"instances\":[", stdout);
	for (size_t i = 0; i < count; i++)
		printf("%s{\"instance\":\"%s\",\"up\":%s,\"ready\":%s,\"up_s\":%llu,\"address\":\"%s\",\"queue\":%llu,"
		       "\"oldest_ms\":%llu,\"rate_per_s\":%.1f,\"errors\":%llu}",
			i > 0 ? "," : "", states[i].name, states[i].is_up ? "true" : "false",
			states[i].is_ready ? "true" : "false", (unsigned long long)states[i].up_seconds,
			states[i].address, (unsigned long long)states[i].figures.queue,
			(unsigned long long)states[i].figures.oldest_ms, states[i].rate_per_s,
			(unsigned long long)states[i].figures.errors);
	fputs("],\"servers\":{", stdout);
	for (size_t i = 0; i < SUPERVISED_SERVER_COUNT; i++)
		printf("%s\"%s\":%s", i > 0 ? "," : "", SUPERVISED_SERVERS[i],
			supervision_is_up(run, SUPERVISED_SERVERS[i]) ? "true" : "false");
	puts("}}");
}

int command_status(struct rundir *run, int argc, char **argv)
{
	struct instance_state states[INSTANCES_MAX];
	char address[RUNDIR_FILE_MAX];
	bool json = false, all_ready = true;
	const struct argument arguments[] = {{"--json", NULL, &json}};
	if (!arguments_parse(argc, argv, arguments, ARRAY_LENGTH(arguments)))
		return EXIT_USAGE_BAD;
	if (!rundir_enter(run))
		return EXIT_CONFIG_BAD;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	size_t count = instance_states_list(run, states);
	look_twice(run, states, count);
	rundir_public_address(run, address);
	(json ? print_json : print_table)(run, states, count, address);
	for (size_t i = 0; i < count; i++)
		all_ready = all_ready && states[i].is_ready;
	return all_ready && count > 0 ? EXIT_OK : EXIT_DRIFT;
}
