#include "services/control/edge_workers.h"

#include "common/runtime/clock.h"
#include "services/control/program.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 10000, TITLE_SIZE = 128 };

/* What nginx calls a worker that takes requests; one that only ends what it has is "worker process is shutting down".
 */
static const char WORKING[] = "nginx: worker process";

static int64_t master_of(const struct rundir *run)
{
	char directory[RUNDIR_FILE_MAX];
	struct buffer output CLEANUP(buffer_deinit) = {0};
	const char *const argv[] = {"s6-svstat", "-o", "pid", rundir_file(run, directory, "s6/edge"), NULL};

	if (program_read(argv, &output) != 0)
		return -1;
	buffer_add(&output, "", 1);
	return strtol((const char *)output.data, NULL, 10);
}

/* Of "PID (NAME) STATE PARENT …". */
static int64_t parent_of(const char *pid)
{
	char path[64], line[512];
	int64_t parent = -1;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -1;
	if (fgets(line, sizeof(line), file) != NULL) {
		const char *end = strrchr(line, ')');
		if (end != NULL && strlen(end) > 4)
			parent = strtol(end + 4, NULL, 10);
	}
	fclose(file);
	return parent;
}

static bool is_working(const char *pid)
{
	char path[64], title[TITLE_SIZE] = "";

	snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	size_t size = fread(title, 1, sizeof(title) - 1, file);
	fclose(file);
	title[size] = '\0';
	for (size_t at = strlen(title); at > 0 && isspace((unsigned char)title[at - 1]); at--)
		title[at - 1] = '\0';
	return strcmp(title, WORKING) == 0;
}

void edge_workers_list(const struct rundir *run, struct edge_workers *workers)
{
	int64_t master = master_of(run);
	DIR *folder = opendir("/proc");

	workers->count = 0;
	for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
		if (isdigit((unsigned char)entry->d_name[0]) && workers->count < EDGE_WORKERS_MAX && master > 0 &&
			parent_of(entry->d_name) == master && is_working(entry->d_name))
			workers->pids[workers->count++] = strtol(entry->d_name, NULL, 10);
	if (folder != NULL)
		closedir(folder);
}

static bool any_works(const struct edge_workers *workers)
{
	for (size_t i = 0; i < workers->count; i++) {
		char pid[24];
		snprintf(pid, sizeof(pid), "%lld", (long long)workers->pids[i]);
		if (is_working(pid))
			return true;
	}
	return false;
}

bool edge_workers_await_end(const struct edge_workers *workers, int timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;

	while (any_works(workers)) {
		if (clock_monotonic_ms() > deadline) {
			fputs("sangkien: the edge does not take up its new routes; see log/edge/current\n", stderr);
			return false;
		}
		usleep(LOOK_EVERY_US);
	}
	return true;
}
