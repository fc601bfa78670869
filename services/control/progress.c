/* `sangkien progress`: a unit and its children against their targets, as the public address answers it. */
#include "services/control/progress_rows.h"

#include "services/control/arguments.h"
#include "services/control/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 256 << 20, REQUEST_S = 60, URL_SIZE = 1024 };

struct wish {
	const char *unit, *campaign, *period;
	bool csv, json;
};

static size_t take(char *data, size_t size, size_t count, void *answer)
{
	buffer_add(answer, data, size * count);
	return ((struct buffer *)answer)->failed ? 0 : size * count;
}

static bool make_url(CURL *request, const char *address, const struct wish *wish, char url[URL_SIZE])
{
	char *campaign = curl_easy_escape(request, wish->campaign, 0), *unit = curl_easy_escape(request, wish->unit, 0);
	bool made = campaign != NULL && unit != NULL &&
		    snprintf(url, URL_SIZE, "%s/v1/campaigns/%s/units/%s/progress", address, campaign, unit) < URL_SIZE;

	curl_free(campaign);
	curl_free(unit);
	return made;
}

/* The status; 0: nobody answered, and it was said. */
static long ask(const char *address, const struct wish *wish, struct buffer *answer)
{
	CURL *request = curl_easy_init();
	char url[URL_SIZE];
	long status = 0;

	if (request == NULL || !make_url(request, address, wish, url)) {
		fputs("sangkien: the names are too long\n", stderr);
		curl_easy_cleanup(request);
		return 0;
	}
	curl_easy_setopt(request, CURLOPT_URL, url);
	curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(request, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(request, CURLOPT_TIMEOUT, (long)REQUEST_S);
	curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
	CURLcode code = curl_easy_perform(request);
	if (code == CURLE_OK)
		curl_easy_getinfo(request, CURLINFO_RESPONSE_CODE, &status);
	else
		fprintf(stderr, "sangkien: %s does not answer: %s\n", address, curl_easy_strerror(code));
	curl_easy_cleanup(request);
	return status;
}

static int print(const struct wish *wish, const struct buffer *answer)
{
	CLEANUP(progress_rows_free) struct progress_rows rows = {0};
	CLEANUP(buffer_deinit) struct buffer out = {0};

	if (wish->json) {
		buffer_add(&out, answer->data, answer->size);
	} else if (!progress_rows_read(buffer_bytes(answer), &rows)) {
		fputs("sangkien: the answer is not what this tool knows\n", stderr);
		return EXIT_DRIFT;
	} else if (wish->csv) {
		progress_rows_csv(&rows, &out);
	} else {
		progress_rows_table(&rows, wish->period == NULL ? progress_rows_focus(&rows) : wish->period, &out);
	}
	fwrite(out.data, 1, out.size, stdout);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_DRIFT;
}

static int print_refusal(const struct wish *wish, long status)
{
	if (status == 404)
		fprintf(stderr, "sangkien: there is no unit '%s' in a campaign '%s'\n", wish->unit, wish->campaign);
	else if (status != 0)
		fprintf(stderr, "sangkien: the figures cannot be had now (%ld)\n", status);
	return status == 404 ? EXIT_DATA_BAD : EXIT_AWAY;
}

int command_progress(struct rundir *run, int argc, char **argv)
{
	struct wish wish = {.campaign = "demo"};
	const struct argument known[] = {{NULL, .text = &wish.unit}, {"--campaign", .text = &wish.campaign},
		{"--period", .text = &wish.period}, {"--csv", .flag = &wish.csv}, {"--json", .flag = &wish.json}};
	char address[RUNDIR_FILE_MAX];
	CLEANUP(buffer_deinit) struct buffer answer = {.limit = ANSWER_BYTES_MAX};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("UNIT", wish.unit))
		return EXIT_USAGE_BAD;
	if (!rundir_enter(run))
		return EXIT_AWAY;
	long status = ask(rundir_public_address(run, address), &wish, &answer);
	return status == 200 ? print(&wish, &answer) : print_refusal(&wish, status);
}
