#include "services/deduplication/offline.h"

#include "common/runtime/clock.h"
#include "services/deduplication/offline_texts.h"
#include "services/deduplication/scoring.h"
#include "services/deduplication/signer.h"

#include <endian.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX = 256, THREADS_MAX = 64, FIRST_BATCH = 16, EXIT_USAGE = 64, EXIT_INPUT = 65, EXIT_NO_INPUT = 66 };
enum { EXIT_MEMORY = 71, EXIT_OUTPUT = 74 };

/* What a batch needs of a text beside the text. */
struct work {
	enum signer_fault fault;
	struct shingle_set *shingles;
	struct verdict_text about;
	struct rivals rivals;
	uint64_t unposted; /* shards where another text stands for it */
};

enum phase { PHASE_READ, PHASE_SIGN, PHASE_ASK, PHASE_VERIFY, PHASE_DECIDE, PHASES };
static const char *const phase_names[PHASES] = {"read", "sign", "ask_and_learn", "verify", "decide_and_write"};

struct offline {
	struct thresholds thresholds;
	uint32_t threads;
	bool stats;
	const char *input;
	struct shard_map map;
	struct text_index *shard[SHARDS_MAX];
	struct fold_table *fold;
	struct signer *signer[THREADS_MAX];
	struct verifier *verifier[THREADS_MAX];
	struct frequency *frequency;
	struct weights *weights;
	struct buffer snapshot, out;
	struct offline_text *texts;
	uint32_t count, capacity, batch; /* of texts; in the batch at hand, the last ones */
	struct work work[BATCH_MAX];
	int64_t cpu_us[PHASES];
	uint64_t exact, duplicates, under_review, snapshot_bytes;
};

/* Ids in arrival order, with a hash behind as real ones have random octets. */
static struct id128 id_of(uint32_t number)
{
	struct id128 id;
	uint64_t front = htobe64(number), back = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
	memcpy(id.octet, &front, sizeof(front));
	memcpy(id.octet + 8, &back, sizeof(back));
	return id;
}

static uint32_t number_of(const struct id128 *id)
{
	uint64_t front;
	memcpy(&front, id->octet, sizeof(front));
	return (uint32_t)be64toh(front);
}

static struct offline_text *text_of(struct offline *run, uint32_t i)
{
	return &run->texts[run->count - run->batch + i];
}

/* The pure steps, on any thread ----------------------------------------------------------------------------------- */

static enum signer_fault keep(struct offline_text *text, const struct signed_text *signature, struct work *work)
{
	uint8_t *folded = malloc(signature->folded.size + 1);

	work->shingles = shingle_set_new(signature->hashes, signature->count);
	if (work->shingles == NULL || folded == NULL) {
		free(folded);
		return SIGNER_NO_MEMORY;
	}
	memcpy(folded, signature->folded.data, signature->folded.size);
	free(text->text);
	text->text = folded;
	text->size = (uint32_t)signature->folded.size;
	return SIGNER_OK;
}

static void sign(struct offline *run, uint32_t thread, uint32_t i)
{
	struct offline_text *text = text_of(run, i);
	struct work *work = &run->work[i];
	struct signed_text signature;

	*work = (struct work){0};
	work->fault =
		signer_sign(run->signer[thread], run->weights, (struct bytes){text->text, text->size}, &signature);
	if (work->fault != SIGNER_OK)
		return;
	work->about.digest = signature.digest;
	work->about.sketch = signature.sketch;
	work->about.asked = 1;
	work->fault = keep(text, &signature, work);
}

/* The shingles of a rival are made anew each time: no more than its folded text is kept. */
struct shingle_maker {
	const struct offline *run;
	struct signer *signer;
	struct shingle_set *made;
};

static const struct shingle_set *make_shingles(const struct rival *rival, void *context)
{
	struct shingle_maker *maker = context;
	const struct offline_text *text = &maker->run->texts[number_of(&rival->id)];

	free(maker->made);
	maker->made = signer_shingles(maker->signer, (struct bytes){text->text, text->size});
	return maker->made;
}

static void verify(struct offline *run, uint32_t thread, uint32_t i)
{
	struct work *work = &run->work[i];
	struct shingle_maker maker = {.run = run, .signer = run->signer[thread]};

	rivals_sort(&work->rivals);
	rivals_score(&work->rivals, work->shingles, run->weights, run->verifier[thread], make_shingles, &maker);
	free(maker.made);
}

typedef void step_function(struct offline *run, uint32_t thread, uint32_t i);
struct worker {
	struct offline *run;
	step_function *step;
	uint32_t thread;
	pthread_t handle;
};

static void *work_off(void *context)
{
	const struct worker *worker = context;
	for (uint32_t i = worker->thread; i < worker->run->batch; i += worker->run->threads)
		worker->step(worker->run, worker->thread, i);
	return NULL;
}

static void in_parallel(struct offline *run, step_function *step)
{
	struct worker worker[THREADS_MAX];
	bool started[THREADS_MAX] = {false};
	for (uint32_t t = 0; t < run->threads; t++) {
		worker[t] = (struct worker){.run = run, .step = step, .thread = t};
		started[t] = t > 0 && pthread_create(&worker[t].handle, NULL, work_off, &worker[t]) == 0;
	}
	for (uint32_t t = 0; t < run->threads; t++)
		if (!started[t])
			work_off(&worker[t]);
	for (uint32_t t = 0; t < run->threads; t++)
		if (started[t])
			pthread_join(worker[t].handle, NULL);
}

/* The index owner's part ------------------------------------------------------------------------------------------ */

static bool publish(struct offline *run)
{
	buffer_clear(&run->snapshot);
	frequency_write(run->frequency, &run->snapshot);
	struct weights *newer = weights_new(frequency_number(run->frequency) + 1, buffer_bytes(&run->snapshot));
	if (newer == NULL)
		return false;
	run->snapshot_bytes += run->snapshot.size;
	weights_free(&run->weights);
	run->weights = newer;
	frequency_published(run->frequency);
	return true;
}

static bool ask(struct offline *run, struct work *work, uint64_t shards, bool insist)
{
	const struct index_question question = {
		.id = work->about.id, .digest = work->about.digest, .sketch = work->about.sketch, .insist = insist};

	for (uint64_t rest = shards; rest != 0; rest &= rest - 1) {
		uint32_t shard = (uint32_t)__builtin_ctzll(rest);
		struct index_answer answer;
		if (index_ask(run->shard[shard], &question, &answer) != INDEX_OK)
			return false;
		if (shard == LEARNING_SHARD && answer.newly_posted)
			frequency_learn(run->frequency, work->shingles->hash, work->shingles->count, &work->about.id);
		if (insist)
			continue;
		rivals_merge(&work->rivals, shard, &answer);
		work->unposted |= (uint64_t)!answer.posted << shard;
	}
	return true;
}

static int ask_and_learn(struct offline *run)
{
	for (uint32_t i = 0; i < run->batch; i++) {
		struct work *work = &run->work[i];
		uint32_t number = run->count - run->batch + i;
		if (work->fault == SIGNER_NOT_UTF8) {
			fprintf(stderr, "deduplication: the text \"%s\" is not UTF-8\n", text_of(run, i)->name);
			return EXIT_INPUT;
		}
		work->about.id = id_of(number);
		work->about.received_at = number;
		if (work->fault != SIGNER_OK ||
			!ask(run, work, shards_of_text(&run->map, &work->about.sketch, &work->about.digest), false))
			return EXIT_MEMORY;
	}
	return !frequency_is_due(run->frequency) || publish(run) ? 0 : EXIT_MEMORY;
}

/* What quota's records would say: every text before this one is decided. */
static void look_up(const struct offline *run, struct rivals *rivals)
{
	for (uint32_t r = 0; r < rivals->count; r++) {
		struct rival *rival = &rivals->rival[r];
		uint32_t number = number_of(&rival->id);
		rival->record = (struct rival_record){.known = true,
			.decided = true,
			.original_counts = true,
			.same_campaign = true,
			.received_at = number,
			.original = id_of(run->texts[number].duplicate_of)};
	}
}

static int decide(struct offline *run)
{
	for (uint32_t i = 0; i < run->batch; i++) {
		struct work *work = &run->work[i];
		struct offline_text *text = text_of(run, i);
		look_up(run, &work->rivals);
		struct verdict verdict = verdict_reach(&run->map, &work->about, &work->rivals, &run->thresholds);
		bool duplicate = verdict.status == STATUS_DUPLICATE;
		text->duplicate_of = duplicate ? number_of(&verdict.duplicate_of) : number_of(&work->about.id);
		text->score = (float)verdict.score;
		run->duplicates += duplicate;
		run->exact += duplicate && work->rivals.rival[0].exact;
		run->under_review += verdict.status == STATUS_UNDER_REVIEW;
		if (!duplicate && !ask(run, work, work->unposted, true))
			return EXIT_MEMORY;
		offline_write(&run->out, text, &run->texts[text->duplicate_of]);
		shingle_set_free(&work->shingles);
	}
	bool written = !run->out.failed && fwrite(run->out.data, 1, run->out.size, stdout) == run->out.size;
	buffer_clear(&run->out);
	return written ? 0 : EXIT_OUTPUT;
}

/* The run
 * --------------------------------------------------------------------------------------------------------------- */

static int64_t cpu_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool read_batch(struct offline *run, struct offline_reader *reader)
{
	/* Small at first: at a cold start a text should be weighed by what came just before it. */
	uint32_t most = FIRST_BATCH + run->count / 8;
	most = most < BATCH_MAX ? most : BATCH_MAX;
	for (run->batch = 0; run->batch < most; run->batch++, run->count++) {
		if (run->count == run->capacity) {
			uint32_t capacity = run->capacity + run->capacity / 2 + 1024;
			struct offline_text *texts = realloc(run->texts, capacity * sizeof(*texts));
			if (texts == NULL) {
				reader->complaint = "there is no memory for it";
				break;
			}
			run->texts = texts;
			run->capacity = capacity;
		}
		if (!offline_read(reader, &run->texts[run->count]))
			break;
	}
	return run->batch > 0;
}

static int run_all(struct offline *run, struct offline_reader *reader)
{
	int64_t at[PHASES + 1];
	for (;;) {
		at[0] = cpu_now_us();
		if (!read_batch(run, reader))
			return 0;
		at[1] = cpu_now_us();
		in_parallel(run, sign);
		at[2] = cpu_now_us();
		int code = ask_and_learn(run);
		if (code != 0)
			return code;
		at[3] = cpu_now_us();
		in_parallel(run, verify);
		at[4] = cpu_now_us();
		code = decide(run);
		if (code != 0)
			return code;
		at[5] = cpu_now_us();
		for (uint32_t phase = 0; phase < PHASES; phase++)
			run->cpu_us[phase] += at[phase + 1] - at[phase];
	}
}

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
		", \"snapshots\": %u, \"snapshot_bytes\": %llu, \"posted\": %llu, \"index_bytes_a_text\": %.1f, "
		"\"signature_bytes\": %d}\n",
		frequency_number(run->frequency), (unsigned long long)run->snapshot_bytes,
		(unsigned long long)all.posted, (double)all.bytes / texts, SKETCH_SIZE + ID128_SIZE);
}

static bool open_run(struct offline *run, uint32_t shards)
{
	bool ok = sodium_init() >= 0;
	shard_map_init(&run->map, shards);
	ok = ok && (run->fold = fold_table_new()) != NULL && (run->frequency = frequency_new()) != NULL &&
	     (run->weights = weights_new_empty()) != NULL;
	for (uint32_t shard = 0; ok && shard < shards; shard++)
		ok = (run->shard[shard] = index_new(&run->map, shard)) != NULL;
	for (uint32_t t = 0; ok && t < run->threads; t++)
		ok = (run->signer[t] = signer_new(run->fold)) != NULL && (run->verifier[t] = verifier_new()) != NULL;
	return ok;
}

static void close_run(struct offline *run)
{
	for (uint32_t i = 0; i < run->count; i++)
		offline_text_deinit(&run->texts[i]);
	free(run->texts);
	for (uint32_t i = 0; i < BATCH_MAX; i++)
		shingle_set_free(&run->work[i].shingles);
	for (uint32_t shard = 0; shard < SHARDS_MAX; shard++)
		index_free(&run->shard[shard]);
	for (uint32_t t = 0; t < THREADS_MAX; t++) {
		signer_free(&run->signer[t]);
		verifier_free(&run->verifier[t]);
	}
	weights_free(&run->weights);
	frequency_free(&run->frequency);
	fold_table_free(&run->fold);
	buffer_deinit(&run->snapshot);
	buffer_deinit(&run->out);
	free(run);
}

static const char usage[] =
	"usage: deduplication --offline INPUT.jsonl|- [--threads N] [--shards N] [--near X] [--review X] [--stats]\n"
	"Reads lines {\"id\",\"text\"} and writes lines {\"id\",\"duplicate_of\",\"score\"} in the same order.\n"
	"  --threads N  for signing and verifying, 1-64 (the result is the same with any number)\n"
	"  --shards N   of the index, 1-64\n"
	"  --near X     score from which a text is a duplicate\n"
	"  --review X   score from which a person would look; shows in \"score\"\n"
	"  --stats      one line of JSON on standard error at the end\n";

static bool read_count(const char *word, uint32_t most, uint32_t *count)
{
	char *end = NULL;
	unsigned long value = strtoul(word, &end, 10);
	*count = (uint32_t)value;
	return *word != '\0' && *end == '\0' && value >= 1 && value <= most;
}

static bool read_share(const char *word, double *share)
{
	char *end = NULL;
	*share = strtod(word, &end);
	return *word != '\0' && *end == '\0' && *share > 0 && *share <= 1;
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
			taken = read_count(value, THREADS_MAX, &run->threads);
		else if (strcmp(word, "--shards") == 0)
			taken = read_count(value, SHARDS_MAX, shards);
		else if (strcmp(word, "--near") == 0)
			taken = read_share(value, &run->thresholds.near);
		else if (strcmp(word, "--review") == 0)
			taken = read_share(value, &run->thresholds.review);
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
	int code = open_run(run, shards) ? run_all(run, &reader) : EXIT_MEMORY;
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
	run->thresholds = (struct thresholds){VERDICT_NEAR_THRESHOLD, VERDICT_REVIEW_THRESHOLD};
	int code = EXIT_USAGE;
	if (read_arguments(run, argc, argv, &shards))
		code = run_file(run, shards);
	else
		fputs(usage, stderr);
	close_run(run);
	return code;
}
