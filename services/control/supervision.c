#include "services/control/supervision.h"

#include "common/runtime/clock.h"
#include "services/control/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_SIZE = 64, SCAN_START_MS = 10000, STOP_MS = 30000 };

const struct supervised_kind SUPERVISED_KINDS[] = {
	{"intake", "intake", 1, true},
	{"validation", "validation", 1, true},
	{"deduplication", "deduplication", 1, true},
	{"deduplication-index", "deduplication", 0, false},
	{"quota", "quota", 1, true},
	{"notification", "notification", 1, true},
	{"leaderboard", "leaderboard", 1, true},
};
const size_t SUPERVISED_KIND_COUNT = ARRAY_LENGTH(SUPERVISED_KINDS);

const char *const SUPERVISED_SERVERS[] = {"postgresql", "redis", "edge"};
const size_t SUPERVISED_SERVER_COUNT = ARRAY_LENGTH(SUPERVISED_SERVERS);

const struct supervised_kind *supervision_kind(const char *name)
{
	for (size_t i = 0; i < SUPERVISED_KIND_COUNT; i++)
		if (strcmp(SUPERVISED_KINDS[i].name, name) == 0)
			return &SUPERVISED_KINDS[i];
	return NULL;
}

/* Goes through every instance that is linked in; start with {0}. */
struct walk {
	size_t kind;
	uint32_t index; /* within its kind, from 0 */
	char name[NAME_MAX_SIZE];
};

static bool walk_next(const struct rundir *run, struct walk *walk)
{
	char path[RUNDIR_FILE_MAX];
	for (; walk->kind < SUPERVISED_KIND_COUNT; walk->kind++, walk->index = 0) {
		const struct supervised_kind *kind = &SUPERVISED_KINDS[walk->kind];
		snprintf(walk->name, sizeof(walk->name), "%s-%u", kind->name, kind->first + walk->index++);
		if (file_exists(rundir_file(run, path, "s6/%s", walk->name)))
			return true;
	}
	return false;
}

static bool scan_runs(const struct rundir *run)
{
	char scan[RUNDIR_FILE_MAX];
	const char *const argv[] = {"s6-svscanctl", "-a", rundir_file(run, scan, "s6"), NULL};
	return program_run(NULL, argv) == 0;
}

static bool await_scan(const struct rundir *run, bool runs, int64_t timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	while (scan_runs(run) != runs) {
		if (clock_monotonic_ms() > deadline)
			return false;
		usleep(50000);
	}
	return true;
}

bool supervision_start(const struct rundir *run)
{
	char scan[RUNDIR_FILE_MAX], log[RUNDIR_FILE_MAX];
	if (scan_runs(run))
		return true;
	const char *const argv[] = {"s6-svscan", rundir_file(run, scan, "s6"), NULL};
	if (program_detach(rundir_file(run, log, "log/s6-svscan"), argv) && await_scan(run, true, SCAN_START_MS))
		return true;
	fprintf(stderr, "sangkien: s6 does not start; see %s\n", log);
	return false;
}

static void tell_instances_to_stop(const struct rundir *run)
{
	for (struct walk walk = {0}; walk_next(run, &walk);)
		if (!supervision_signal(run, walk.name, "-d"))
			fprintf(stderr, "sangkien: %s is not supervised\n", walk.name);
}

static bool instances_are_down(const struct rundir *run)
{
	for (struct walk walk = {0}; walk_next(run, &walk);)
		if (supervision_is_up(run, walk.name))
			return false;
	return true;
}

/* Services drain while PostgreSQL and Redis are still there; then the rest goes. */
bool supervision_stop(const struct rundir *run)
{
	char scan[RUNDIR_FILE_MAX];
	if (!scan_runs(run))
		return true;
	tell_instances_to_stop(run);
	int64_t deadline = clock_monotonic_ms() + STOP_MS;
	while (!instances_are_down(run) && clock_monotonic_ms() < deadline)
		usleep(100000);
	const char *const argv[] = {"s6-svscanctl", "-t", rundir_file(run, scan, "s6"), NULL};
	if (program_run(NULL, argv) == 0 && await_scan(run, false, STOP_MS))
		return true;
	fprintf(stderr, "sangkien: s6 is still stopping; `sangkien down` again waits on\n");
	return false;
}

bool supervision_is_up(const struct rundir *run, const char *name)
{
	char directory[RUNDIR_FILE_MAX];
	struct buffer output CLEANUP(buffer_deinit) = {0};
	const char *const argv[] = {"s6-svstat", "-o", "up", rundir_file(run, directory, "s6/%s", name), NULL};
	if (!file_exists(directory) || program_read(argv, &output) != 0)
		return false;
	return output.size >= 4 && memcmp(output.data, "true", 4) == 0;
}

bool supervision_signal(const struct rundir *run, const char *name, const char *s6_svc_option)
{
	char directory[RUNDIR_FILE_MAX];
	const char *const argv[] = {"s6-svc", s6_svc_option, rundir_file(run, directory, "s6/%s", name), NULL};
	return program_run(NULL, argv) == 0;
}

static bool write_changed(const char *path, const char *text, mode_t mode, bool *changed)
{
	struct buffer there CLEANUP(buffer_deinit) = {0};
	if (file_exists(path) && file_read(path, &there) && there.size == strlen(text) &&
		(there.size == 0 || memcmp(there.data, text, there.size) == 0))
		return true;
	*changed = true;
	return file_write_text(path, text, mode);
}

/* The service directory without its environment: run script, log, readiness by descriptor 3. */
static bool write_directory(
	const struct rundir *run, const char *name, const char *command, bool says_ready, bool *changed)
{
	char path[RUNDIR_FILE_MAX], script[3 * RUNDIR_FILE_MAX];
	if (!directory_make(rundir_file(run, path, "services/%s", name), 0700) ||
		!directory_make(rundir_file(run, path, "services/%s/log", name), 0700) ||
		!directory_make(rundir_file(run, path, "services/%s/env", name), 0700) ||
		!directory_make(rundir_file(run, path, "log/%s", name), 0700))
		return false;
	snprintf(script, sizeof(script), "#!/bin/sh\nexec 2>&1\nexec %s\n", command);
	if (!write_changed(rundir_file(run, path, "services/%s/run", name), script, 0700, changed))
		return false;
	snprintf(script, sizeof(script), "#!/bin/sh\nexec s6-log n5 s4000000 T %s/log/%s\n", run->path, name);
	bool log_changed = false;
	return write_changed(rundir_file(run, path, "services/%s/log/run", name), script, 0700, &log_changed) &&
	       (!says_ready || write_changed(rundir_file(run, path, "services/%s/notification-fd", name), "3\n", 0600,
				       changed));
}

/* Right after s6-svscan has started, its supervisors are still to come. */
static bool await_supervisor(const struct rundir *run, const char *name)
{
	char directory[RUNDIR_FILE_MAX];
	const char *const argv[] = {"s6-svok", rundir_file(run, directory, "s6/%s", name), NULL};
	int64_t deadline = clock_monotonic_ms() + SCAN_START_MS;
	while (program_run(NULL, argv) != 0) {
		if (clock_monotonic_ms() > deadline) {
			fprintf(stderr, "sangkien: s6 does not supervise %s\n", name);
			return false;
		}
		usleep(20000);
	}
	return true;
}

/* Linked in for the first time it starts; already there it is restarted when what it runs has changed. */
static bool link_in(const struct rundir *run, const char *name, bool changed)
{
	char scan[RUNDIR_FILE_MAX], directory[RUNDIR_FILE_MAX], link[RUNDIR_FILE_MAX];
	if (file_exists(rundir_file(run, link, "s6/%s", name)))
		return await_supervisor(run, name) && supervision_signal(run, name, "-u") &&
		       (!changed || supervision_signal(run, name, "-r"));
	const char *const argv[] = {"s6-svlink", "-t", "10000", rundir_file(run, scan, "s6"),
		rundir_file(run, directory, "services/%s", name), NULL};
	if (program_run(NULL, argv) == 0)
		return true;
	fprintf(stderr, "sangkien: s6 does not take %s\n", name);
	return false;
}

bool supervision_add_server(const struct rundir *run, const char *name, const char *command, const char *down_signal)
{
	char path[RUNDIR_FILE_MAX];
	bool changed = false;
	if (!write_directory(run, name, command, false, &changed))
		return false;
	if (down_signal != NULL &&
		!write_changed(rundir_file(run, path, "services/%s/down-signal", name), down_signal, 0600, &changed))
		return false;
	return link_in(run, name, changed);
}

/* One file a variable, as s6-envdir reads them; the environment of this command goes before the template. */
static bool write_variable(const struct rundir *run, const char *instance, char *line, bool *changed)
{
	char *value = strchr(line, '=');
	char path[RUNDIR_FILE_MAX], text[RUNDIR_FILE_MAX];
	if (line[0] == '#' || value == NULL)
		return true;
	*value++ = '\0';
	const char *given = getenv(line);
	snprintf(text, sizeof(text), "%s\n", given != NULL ? given : value);
	return write_changed(rundir_file(run, path, "services/%s/env/%s", instance, line), text, 0600, changed);
}

static bool write_environment(
	const struct rundir *run, const char *template_name, const char *instance, const char *number, bool *changed)
{
	char path[RUNDIR_FILE_MAX], shards[16];
	struct buffer template CLEANUP(buffer_deinit) = {0};
	struct buffer filled CLEANUP(buffer_deinit) = {0};
	uint32_t count = supervision_count(run, "deduplication-index");
	const char *given = getenv("SANGKIEN_SHARDS");
	snprintf(shards, sizeof(shards), "%s", given != NULL ? given : "");
	if (shards[0] == '\0')
		snprintf(shards, sizeof(shards), "%u", count > 0 ? count : 1);
	const char *const pairs[] = {"RUN", run->path, "INSTANCE", instance, "N", number, "SHARDS", shards, NULL};
	if (!file_read(rundir_file(run, path, "share/env/%s.env", template_name), &template))
		return false;
	text_fill(&filled, buffer_bytes(&template), pairs);
	buffer_add(&filled, "", 1);
	char *rest = (char *)filled.data;
	for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		if (!write_variable(run, instance, line, changed))
			return false;
	return true;
}

bool supervision_add_instance(
	const struct rundir *run, const struct supervised_kind *kind, uint32_t n, bool program_changed)
{
	char name[NAME_MAX_SIZE], number[16], command[2 * RUNDIR_FILE_MAX];
	bool changed = program_changed;
	snprintf(name, sizeof(name), "%s-%u", kind->name, n);
	snprintf(number, sizeof(number), "%u", n);
	snprintf(command, sizeof(command), "s6-envdir ./env %s/bin/%s", run->path, kind->program);
	return write_directory(run, name, command, true, &changed) &&
	       write_environment(run, "common", name, number, &changed) &&
	       write_environment(run, kind->name, name, number, &changed) && link_in(run, name, changed);
}

bool supervision_halt_instance(const struct rundir *run, const struct supervised_kind *kind, uint32_t n)
{
	char directory[RUNDIR_FILE_MAX];
	const char *const argv[] = {
		"s6-svc", "-wD", "-T", "30000", "-d", rundir_file(run, directory, "s6/%s-%u", kind->name, n), NULL};
	if (program_run(NULL, argv) == 0)
		return true;
	fprintf(stderr, "sangkien: %s-%u does not stop in 30 s\n", kind->name, n);
	return false;
}

bool supervision_remove_instance(const struct rundir *run, const struct supervised_kind *kind, uint32_t n)
{
	char name[NAME_MAX_SIZE], scan[RUNDIR_FILE_MAX];
	snprintf(name, sizeof(name), "%s-%u", kind->name, n);
	const char *const argv[] = {"s6-svunlink", "-t", "30000", rundir_file(run, scan, "s6"), name, NULL};
	if (program_run(NULL, argv) == 0)
		return true;
	fprintf(stderr, "sangkien: %s does not stop in 30 s\n", name);
	return false;
}

uint32_t supervision_count(const struct rundir *run, const char *name)
{
	const struct supervised_kind *kind = supervision_kind(name);
	char path[RUNDIR_FILE_MAX];
	uint32_t count = 0;
	assert(kind != NULL);
	while (file_exists(rundir_file(run, path, "s6/%s-%u", name, kind->first + count)))
		count++;
	return count;
}

static bool is_ready(const struct rundir *run, const char *name)
{
	char directory[RUNDIR_FILE_MAX];
	struct buffer output CLEANUP(buffer_deinit) = {0};
	const char *const argv[] = {"s6-svstat", "-o", "ready", rundir_file(run, directory, "s6/%s", name), NULL};
	return program_read(argv, &output) == 0 && output.size >= 4 && memcmp(output.data, "true", 4) == 0;
}

/* How many instances are not ready; names them when asked to. */
static uint32_t count_late(const struct rundir *run, bool say)
{
	uint32_t late = 0;
	for (struct walk walk = {0}; walk_next(run, &walk);) {
		if (is_ready(run, walk.name))
			continue;
		late++;
		if (say)
			fprintf(stderr, "sangkien: %s is not ready; see %s/log/%s/current\n", walk.name, run->path,
				walk.name);
	}
	return late;
}

bool supervision_await_ready(const struct rundir *run, int timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	while (count_late(run, false) > 0) {
		if (clock_monotonic_ms() > deadline)
			return count_late(run, true) == 0;
		usleep(100000);
	}
	return true;
}
