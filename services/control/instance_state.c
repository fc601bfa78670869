#include "services/control/instance_state.h"

#include "services/control/admin_port.h"
#include "services/control/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 4 << 20 };

static bool ends_with(const char *name, size_t length, const char *end)
{
	size_t size = strlen(end);
	return length >= size && memcmp(name + length - size, end, size) == 0;
}

static bool ends_with_one(const char *name, size_t length, const char *const *ends)
{
	for (; *ends != NULL; ends++)
		if (ends_with(name, length, *ends))
			return true;
	return false;
}

static void add_sample(const char *name, size_t length, double value, struct work_figures *figures)
{
	static const char *const QUEUES[] = {"_edge_depth_items", "_held_batches", NULL};
	static const char *const HANDLED[] = {"_received_items_total", "_http_requests_total", NULL};
	static const char *const ERRORS[] = {"_poison_items_total", "_malformed_frames_total", "_errors_total", NULL};
	uint64_t number = value > 0 ? (uint64_t)value : 0;
	if (ends_with_one(name, length, QUEUES))
		figures->queue += number;
	else if (ends_with_one(name, length, HANDLED))
		figures->handled += number;
	else if (ends_with_one(name, length, ERRORS))
		figures->errors += number;
	else if (ends_with(name, length, "_edge_oldest_ms") && number > figures->oldest_ms)
		figures->oldest_ms = number;
}

void work_figures_read(const char *page, struct work_figures *figures)
{
	*figures = (struct work_figures){0};
	for (const char *line = page; *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *value = memrchr(line, ' ', end != NULL ? (size_t)(end - line) : strlen(line));
		if (*line != '#' && value != NULL)
			add_sample(line, strcspn(line, "{ "), strtod(value, NULL), figures);
		if (end == NULL)
			return;
		line = end + 1;
	}
}

/* "up ready seconds" as s6-svstat prints the three fields. */
static void look_at_process(const struct rundir *run, struct instance_state *state)
{
	char directory[RUNDIR_FILE_MAX], up[8] = "", ready[8] = "";
	struct buffer output CLEANUP(buffer_deinit) = {0};
	const char *const argv[] = {
		"s6-svstat", "-o", "up,ready,updownfor", rundir_file(run, directory, "s6/%s", state->name), NULL};
	int read = 0;
	if (program_read(argv, &output) != 0)
		return;
	buffer_add(&output, "", 1);
	if (sscanf((const char *)output.data, "%7s %7s %n", up, ready, &read) != 2)
		return;
	state->is_up = strcmp(up, "true") == 0;
	state->is_ready = strcmp(ready, "true") == 0;
	state->up_seconds = state->is_up ? strtoull((const char *)output.data + read, NULL, 10) : 0;
}

void instance_state_find(const struct rundir *run, struct instance_state *state)
{
	char path[RUNDIR_FILE_MAX];
	state->address[0] = '\0';
	FILE *file = fopen(rundir_file(run, path, "instances/%s", state->name), "re");
	if (file == NULL)
		return;
	if (fscanf(file, "%63s", state->address) != 1)
		state->address[0] = '\0';
	fclose(file);
}

size_t instance_states_list(const struct rundir *run, struct instance_state *states)
{
	size_t count = 0;
	for (size_t i = 0; i < SUPERVISED_KIND_COUNT; i++) {
		const struct supervised_kind *kind = &SUPERVISED_KINDS[i];
		uint32_t instances = supervision_count(run, kind->name);
		for (uint32_t n = 0; n < instances && count < INSTANCES_MAX; n++, count++) {
			states[count] = (struct instance_state){.kind = kind};
			snprintf(states[count].name, sizeof(states[count].name), "%s-%u", kind->name, kind->first + n);
		}
	}
	return count;
}

void instance_state_look(const struct rundir *run, struct instance_state *state)
{
	struct buffer page CLEANUP(buffer_deinit) = {.limit = PAGE_BYTES_MAX};
	struct buffer readiness CLEANUP(buffer_deinit) = {.limit = PAGE_BYTES_MAX};
	look_at_process(run, state);
	instance_state_find(run, state);
	state->answers =
		state->is_up && state->address[0] != '\0' && admin_port_fetch(state->address, "/metrics", &page);
	if (!state->answers)
		return;
	work_figures_read((const char *)page.data, &state->figures);
	/* s6 knows that it was ready once; whether it is now, it says itself. */
	state->is_ready = state->is_ready && admin_port_fetch(state->address, "/readyz", &readiness) &&
			  strstr((const char *)readiness.data, "\"ready\":true") != NULL;
}
