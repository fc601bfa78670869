/* Runs seeds, each in a process of its own, and says which failed, why, and how to see it again. A run of some length
 * fails too where a kind of fault has never happened in it. The first seed is run twice: it must be the same both
 * times.
 * --find stops at the first that fails, and fails if there is none; --seed runs one, twice.
 *
 * usage: simulator [--seeds N] [--from SEED] [--jobs N] [--find]
 *        simulator --seed SEED [--trace] */
#include "tests/simulation/clients.h"
#include "tests/simulation/database.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/pipeline.h"
#include "tests/simulation/redis_model.h"
#include "tests/simulation/shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FAULTS_LEAST_US = 4 * SECOND,
	FAULTS_MOST_US = 10 * SECOND,
	/* The longest leases there are (intake's 30 s and a review's 15 s), one after the other, and some room. */
	LIVENESS_US = 120 * SECOND,
	LOOK_EVERY_US = 200 * MS,
	CLOSES_CHANCE = 250000,
	JOBS_MAX = 64,
	EVERY_KIND_WITHIN = 200, /* seeds: every kind of fault happens in one of twenty */
};

static const int64_t begins_at = INT64_C(1793584800000000);

struct options {
	uint64_t from, seeds;
	uint32_t jobs;
	bool find, one, trace;
};

/* One seed -------------------------------------------------------------------------------------------------------- */

static bool quiet;
static int64_t faults_until;

/* Everything that was begun has its end, and everybody sees it. */
static void look(void *context)
{
	(void)context;
	quiet = world_now() > faults_until && clients_waiting() == 0 && oracle_undecided() == 0 &&
		oracle_board_is_level() && clients_saw_current(faults_until);
	if (!quiet)
		world_at(world_now() + LOOK_EVERY_US, look, NULL);
}

static bool is_quiet(void)
{
	return quiet;
}

static void run_seed(uint64_t seed, const char *keys)
{
	world_begin(seed);
	faults_until = world_between(FAULTS_LEAST_US, FAULTS_MOST_US);
	if (world_chance(CLOSES_CHANCE))
		oracle_closes_at = begins_at + world_between(4 * SECOND, faults_until);
	reference_begin(oracle_closes_at);
	database_begin();
	pipeline_begin(keys);
	faults_begin(faults_until);
	clients_begin(faults_until);
	world_run(faults_until, NULL);
	faults_end();
	world_tell("FAULTS END");
	world_at(world_now() + LOOK_EVERY_US, look, NULL);
	world_run(faults_until + LIVENESS_US, is_quiet);
	if (!quiet)
		world_fail(
			"liveness: %zu requests have no end, %zu submissions no decision; the board is %slevel, and %s",
			clients_waiting(), oracle_undecided(), oracle_board_is_level() ? "" : "not ",
			clients_saw_current(faults_until) ? "was seen current" : "nobody says it is current");
	oracle_at_end(faults_crashes());
}

/* Many ------------------------------------------------------------------------------------------------------------ */

static void begin_process(void)
{
	happened_begin();
	process_begin();
	redis_begin();
	pipeline_warm_up();
	memory_settle();
}

/* The child's words go to a pipe: a reason where it failed, else its digest. */
static pid_t start(uint64_t seed, const char *keys, bool trace, int *words)
{
	int ends[2];
	pid_t child;

	if (pipe(ends) != 0)
		abort();
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		world_tells = trace;
		run_seed(seed, keys);
		printf("digest %016" PRIx64 ", %zu receipts, %.1f s\n", world_digest(), clients_receipts(),
			(double)world_now() / SECOND);
		fflush(stdout);
		happened_keep();
		_Exit(0);
	}
	close(ends[1]);
	*words = ends[0];
	return child;
}

/* False: it failed. */
static bool end(pid_t child, int status, int words, uint64_t seed, char *said, size_t size)
{
	ssize_t count = read(words, said, size - 1);

	(void)child;
	close(words);
	said[count > 0 ? count : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		printf("seed %" PRIu64 ": ended by signal %d %s\n", seed, WTERMSIG(status), said);
	else
		printf("seed %" PRIu64 ": %s\n", seed, said);
	printf("  again: make simulate-faults SEED=%" PRIu64 " TRACE=1\n", seed);
	fflush(stdout);
	return false;
}

struct job {
	pid_t child;
	int words;
	uint64_t seed;
};

static uint64_t run_many(const struct options *options, const char *keys)
{
	struct job jobs[JOBS_MAX];
	uint64_t next = options->from, last = options->from + options->seeds, failed = 0;
	uint32_t running = 0;
	char said[4096];
	int status;

	while (next < last || running > 0) {
		if (next < last && running < options->jobs && !(options->find && failed > 0)) {
			jobs[running].seed = next;
			jobs[running].child = start(next++, keys, false, &jobs[running].words);
			running++;
			continue;
		}
		if (running == 0)
			break;
		pid_t child = waitpid(-1, &status, 0);
		for (uint32_t i = 0; i < running; i++) {
			if (jobs[i].child != child)
				continue;
			failed += !end(child, status, jobs[i].words, jobs[i].seed, said, sizeof(said));
			jobs[i] = jobs[--running];
			break;
		}
	}
	return failed;
}

/* Twice: it must be the same. */
static int run_one(const struct options *options, const char *keys)
{
	char said[2][4096];
	bool good = true;

	for (int i = 0; i < 2; i++) {
		int words, status;
		pid_t child = start(options->from, keys, options->trace && i == 0, &words);

		waitpid(child, &status, 0);
		good &= end(child, status, words, options->from, said[i], sizeof(said[i]));
	}
	if (strcmp(said[0], said[1]) != 0) {
		printf("seed %" PRIu64 " is not the same twice: %s; %s\n", options->from, said[0], said[1]);
		return 1;
	}
	if (good)
		printf("seed %" PRIu64 " passes: %s\n", options->from, said[0]);
	return good ? 0 : 1;
}

static double seconds(void)
{
	struct timespec now;

	/* Its own clock_gettime() tells the simulated time. */
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_all(const struct options *options, const char *keys)
{
	double began = seconds();
	uint64_t failed = run_many(options, keys);
	double took = seconds() - began;
	bool whole = options->find || options->seeds < EVERY_KIND_WITHIN;
	int again = options->find ? 0 : run_one(&(struct options){.from = options->from}, keys);

	if (!options->find)
		whole |= happened_print(options->seeds + 2);
	if (!whole)
		printf("a kind of fault has never happened\n");
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " failed; %.1f s, %.0f seeds a second\n", options->seeds,
		options->from, failed, took, (double)options->seeds / took);
	return options->find ? failed == 0 : failed > 0 || again != 0 || !whole;
}

static void make_key(const char *directory, const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (!file || fwrite("0123456789abcdef0123456789abcdef", 1, 32, file) != 32 || fclose(file) != 0 ||
		chmod(path, 0400) != 0)
		abort();
}

static void remove_keys(const char *directory)
{
	static const char *const names[] = {"person.key", "sealing.public"};
	char path[128];

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

static bool read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--find") == 0)
			options->find = true;
		else if (strcmp(argv[i], "--trace") == 0)
			options->trace = true;
		else if (strcmp(argv[i], "--seeds") == 0 && more)
			options->seeds = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0 && more)
			options->from = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--jobs") == 0 && more)
			options->jobs = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && more) {
			options->one = true;
			options->from = strtoull(argv[++i], NULL, 10);
		} else
			return false;
	}
	return options->jobs > 0 && options->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
	struct options options = {.from = 1, .seeds = 10000, .jobs = 2};
	char keys[] = "/tmp/sk.simulation.XXXXXX";
	int code;

	/* The same addresses in every process, so that nothing can depend on them. */
	if ((personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0 && personality(ADDR_NO_RANDOMIZE) != -1)
		execv("/proc/self/exe", argv);
	if (!read_options(argc, argv, &options)) {
		fprintf(stderr,
			"usage: simulator [--seeds N] [--from SEED] [--jobs N] [--find] | --seed SEED [--trace]\n");
		return 64;
	}
	begin_process();
	if (!mkdtemp(keys))
		return 73;
	make_key(keys, "person.key");
	make_key(keys, "sealing.public");
	code = options.one ? run_one(&options, keys) : run_all(&options, keys);
	remove_keys(keys);
	return code;
}
