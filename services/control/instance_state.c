#include "services/control/instance_state.h"

#include "services/control/program.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 2000, PAGE_BYTES_MAX = 4 << 20 };

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
	static const char *const QUEUES[] = {"_waiting_items", "_held_batches", NULL};
	static const char *const HANDLED[] = {"_received_items_total", "_http_requests_total", NULL};
	static const char *const ERRORS[] = {"_poison_items_total", "_malformed_frames_total", "_errors_total", NULL};
	uint64_t number = value > 0 ? (uint64_t)value : 0;
	if (ends_with_one(name, length, QUEUES))
		figures->queue += number;
	else if (ends_with_one(name, length, HANDLED))
		figures->handled += number;
	else if (ends_with_one(name, length, ERRORS))
		figures->errors += number;
	else if (ends_with(name, length, "_oldest_waiting_ms") && number > figures->oldest_waiting_ms)
		figures->oldest_waiting_ms = number;
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

static size_t take_page(char *data, size_t size, size_t count, void *page)
{
	buffer_add(page, data, size * count);
	return size * count;
}

static bool fetch(const char *address, const char *path, struct buffer *page)
{
	char url[160];
	CURL *request = curl_easy_init();
	if (request == NULL)
		return false;
	snprintf(url, sizeof(url), "http://%s%s", address, path);
	curl_easy_setopt(request, CURLOPT_URL, url);
	curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, (long)ASK_MS);
	curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, take_page);
	curl_easy_setopt(request, CURLOPT_WRITEDATA, page);
	curl_easy_setopt(request, CURLOPT_NOPROXY, "*");
	bool fetched = curl_easy_perform(request) == CURLE_OK;
	curl_easy_cleanup(request);
	buffer_add(page, "", 1);
	return fetched && !page->failed;
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

static void look_at_address(const struct rundir *run, struct instance_state *state)
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

void instance_state_look(const struct rundir *run, struct instance_state *state)
{
	struct buffer page CLEANUP(buffer_deinit) = {.limit = PAGE_BYTES_MAX};
	struct buffer readiness CLEANUP(buffer_deinit) = {.limit = PAGE_BYTES_MAX};
	look_at_process(run, state);
	look_at_address(run, state);
	state->answers = state->is_up && state->address[0] != '\0' && fetch(state->address, "/metrics", &page);
	if (!state->answers)
		return;
	work_figures_read((const char *)page.data, &state->figures);
	/* s6 knows that it was ready once; whether it is now, it says itself. */
	state->is_ready = state->is_ready && fetch(state->address, "/readyz", &readiness) &&
			  strstr((const char *)readiness.data, "\"ready\":true") != NULL;
}
