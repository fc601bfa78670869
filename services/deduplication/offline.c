#include "services/deduplication/offline.h"

#include "common/runtime/clock.h"
#include "services/deduplication/offline_run.h"

#include <stdlib.h>
#include <string.h>

static const char *const phase_names[PHASES] = {"read", "sign", "ask_and_learn", "verify", "decide_and_write"};

static void print_stats(const struct offline *run, int64_t elapsed_ms)
{
	struct index_figures all = {0};
	for (uint32_t shard = 0; shard < run->map.shards; shard++) {
		struct index_figures figures = index_figures(run->shard[shard]);
		all.posted += figures.posted;
		all.bytes += figures.bytes;
	}
	double texts = run->count > 0 ? run->count : 1, judged_us = 0;
	fprintf(stderr, "{\"texts\": %u, \"elapsed_ms\": %lld", run->count, (long long)elapsed_ms);
	for (uint32_t phase = 0; phase < PHASES; phase++)
		fprintf(stderr, ", \"%s_us\": %.1f", phase_names[phase], (double)run->cpu_us[phase] / texts);
	for (uint32_t phase = PHASE_SIGN; phase <= PHASE_VERIFY; phase++)
		judged_us += (double)run->cpu_us[phase] / texts;
	fprintf(stderr, ", \"judge_us\": %.1f, \"duplicates\": %llu, \"exact\": %llu, \"under_review\": %llu",
		judged_us, (unsigned long long)run->duplicates, (unsigned long long)run->exact,
		(unsigned long long)run->under_review);
	fprintf(stderr,
		", \"snapshots\": %u, \"posted\": %llu, \"index_bytes_a_text\": %.1f, "
		"\"signature_bytes\": %d}\n",
		frequency_number(run->frequency), (unsigned long long)all.posted, (double)all.bytes / texts,
		SKETCH_SIZE + ID128_SIZE);
}

static const char usage[] =
	"usage: deduplication --offline INPUT.jsonl|- [--threads N] [--shards N] [--near X] [--review X] [--stats]\n"
	"Reads lines {\"id\",\"text\"} and writes lines {\"id\",\"duplicate_of\",\"score\"} in the same order.\n"
	"  --threads N  for signing and verifying, 1-64 (the result is the same with any number)\n"
	"  --shards N   of the index, 1-64\n"
	"  --near X     score from which a text is a duplicate\n"
	"  --review X   score from which a person would look; shows in \"score\"\n"
	"  --prior N, --power X, --margin X   how copies are weighed: a campaign's duplicates.weighting\n"
	"  --stats      one line of JSON on standard error at the end\n";

static bool read_count(const char *word, uint32_t most, uint32_t *count)
{
	char *end = NULL;
	unsigned long value = strtoul(word, &end, 10);
	*count = (uint32_t)value;
	return *word != '\0' && *end == '\0' && value >= 1 && value <= most;
}

static bool read_number(const char *word, double most, double *number)
{
	char *end = NULL;
	*number = strtod(word, &end);
	return *word != '\0' && *end == '\0' && *number >= 0 && *number <= most;
}

static bool read_arguments(struct offline *run, int argc, char **argv, uint32_t *shards)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		bool taken = true;
		if (strcmp(word, "--offline") == 0)
			continue;
		if (strcmp(word, "--stats") == 0) {
			run->stats = true;
			continue;
		}
		if (strcmp(word, "--threads") == 0)
			taken = read_count(value, OFFLINE_THREADS_MAX, &run->threads);
		else if (strcmp(word, "--shards") == 0)
			taken = read_count(value, SHARDS_MAX, shards);
		else if (strcmp(word, "--near") == 0)
			taken = read_number(value, 1, &run->thresholds.near) && run->thresholds.near > 0;
		else if (strcmp(word, "--review") == 0)
			taken = read_number(value, 1, &run->thresholds.review);
		else if (strcmp(word, "--prior") == 0)
			taken = read_count(value, 1000000000, &run->thresholds.weighting.prior);
		else if (strcmp(word, "--power") == 0)
			taken = read_number(value, 8, &run->thresholds.weighting.power);
		else if (strcmp(word, "--margin") == 0)
			taken = read_number(value, 1, &run->thresholds.weighting.cold_start_margin);
		else if (run->input == NULL && (word[0] != '-' || word[1] == '\0')) {
			run->input = word;
			continue;
		} else
			return false;
		if (!taken)
			return false;
		i++;
	}
	return run->input != NULL;
}

static int run_file(struct offline *run, uint32_t shards)
{
	struct offline_reader reader = {.file = strcmp(run->input, "-") == 0 ? stdin : fopen(run->input, "r")};
	if (reader.file == NULL) {
		perror(run->input);
		return EXIT_NO_INPUT;
	}
	int64_t began_ms = clock_monotonic_ms();
	int code = offline_open(run, shards) ? offline_judge(run, &reader) : EXIT_MEMORY;
	if (code == EXIT_MEMORY)
		fputs("deduplication: out of memory\n", stderr);
	if (code == 0 && reader.complaint != NULL) {
		fprintf(stderr, "%s:%llu: %s\n", run->input, (unsigned long long)reader.number, reader.complaint);
		code = EXIT_INPUT;
	}
	if (fflush(stdout) != 0)
		code = EXIT_OUTPUT;
	if (run->stats && code == 0)
		print_stats(run, clock_monotonic_ms() - began_ms);
	free(reader.line);
	if (reader.file != stdin)
		fclose(reader.file);
	return code;
}

bool offline_is_asked_for(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--offline") == 0)
			return true;
	return false;
}

int offline_run(int argc, char **argv)
{
	struct offline *run = calloc(1, sizeof(*run));
	uint32_t shards = 1;
	if (run == NULL)
		return EXIT_MEMORY;
	run->threads = 1;
	run->thresholds =
		(struct thresholds){VERDICT_NEAR_THRESHOLD, VERDICT_REVIEW_THRESHOLD, CAMPAIGN_WEIGHTING_DEFAULT};
	int code = EXIT_USAGE;
	if (read_arguments(run, argc, argv, &shards))
		code = run_file(run, shards);
	else
		fputs(usage, stderr);
	offline_close(run);
	free(run);
	return code;
}
