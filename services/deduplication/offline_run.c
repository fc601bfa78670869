#include "services/deduplication/offline_run.h"

#include <endian.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_BATCH = 16, CACHED_TEXTS = 16384 };

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

static enum signer_fault keep(struct offline_text *text, const struct signed_text *signature, struct offline_work *work)
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
	struct offline_work *work = &run->work[i];
	struct signed_text signature;

	*work = (struct offline_work){0};
	work->fault =
		signer_sign(run->signer[thread], run->weights, (struct bytes){text->text, text->size}, &signature);
	if (work->fault != SIGNER_OK)
		return;
	work->about.digest = signature.digest;
	work->about.sketch = signature.sketch;
	work->about.legacy = signature.legacy;
	work->about.asked = 1;
	work->fault = keep(text, &signature, work);
}

/* Of the latest texts the shingles are kept, as the service keeps them; of the others no more than the folded text. */
struct shingle_maker {
	const struct offline *run;
	struct signer *signer;
	struct shingle_set *made;
};

static const struct shingle_set *make_shingles(const struct rival *rival, void *context)
{
	struct shingle_maker *maker = context;
	const struct shingle_set *kept = shingle_cache_get(maker->run->cache, &rival->id);
	if (kept != NULL)
		return kept;
	const struct offline_text *text = &maker->run->texts[number_of(&rival->id)];

	free(maker->made);
	maker->made = signer_shingles(maker->signer, (struct bytes){text->text, text->size});
	return maker->made;
}

static void verify(struct offline *run, uint32_t thread, uint32_t i)
{
	struct offline_work *work = &run->work[i];
	struct shingle_maker maker = {.run = run, .signer = run->signer[thread]};

	rivals_settle(&work->rivals, &work->about.sketch);
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
	struct worker worker[OFFLINE_THREADS_MAX];
	bool started[OFFLINE_THREADS_MAX] = {false};
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

static void publish(struct offline *run)
{
	frequency_weights(run->frequency, &run->thresholds.weighting, run->weights);
	frequency_published(run->frequency);
}

static bool ask(struct offline *run, struct offline_work *work, uint64_t shards, bool insist)
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
		rivals_merge(&work->rivals, &work->about.sketch, shard, &answer);
		work->unposted |= (uint64_t)!answer.posted << shard;
	}
	return true;
}

static int ask_and_learn(struct offline *run)
{
	for (uint32_t i = 0; i < run->batch; i++) {
		struct offline_work *work = &run->work[i];
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
	if (frequency_is_due(run->frequency))
		publish(run);
	return 0;
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
	const struct thresholds thresholds = thresholds_at(&run->thresholds, run->weights->documents);
	for (uint32_t i = 0; i < run->batch; i++) {
		struct offline_work *work = &run->work[i];
		struct offline_text *text = text_of(run, i);
		look_up(run, &work->rivals);
		struct verdict verdict = verdict_reach(&run->map, &work->about, &work->rivals, &thresholds);
		bool duplicate = verdict.status == STATUS_DUPLICATE;
		text->duplicate_of = duplicate ? number_of(&verdict.duplicate_of) : number_of(&work->about.id);
		text->score = (float)verdict.score;
		text->legacy = work->about.legacy;
		run->duplicates += duplicate;
		run->exact += duplicate && work->rivals.rival[0].exact;
		run->under_review += verdict.status == STATUS_UNDER_REVIEW;
		if (!duplicate && !ask(run, work, work->unposted, true))
			return EXIT_MEMORY;
		offline_write(&run->out, text, &run->texts[text->duplicate_of]);
		(void)shingle_cache_put(run->cache, &work->about.id, &work->shingles);
	}
	bool written = !run->out.failed && fwrite(run->out.data, 1, run->out.size, stdout) == run->out.size;
	buffer_clear(&run->out);
	return written ? 0 : EXIT_OUTPUT;
}

/* The run --------------------------------------------------------------------------------------------------------- */

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
	most = most < OFFLINE_BATCH_MAX ? most : OFFLINE_BATCH_MAX;
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

int offline_judge(struct offline *run, struct offline_reader *reader)
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

bool offline_open(struct offline *run, uint32_t shards)
{
	bool ok = sodium_init() >= 0;
	shard_map_init(&run->map, shards);
	ok = ok && (run->fold = fold_table_new()) != NULL && (run->frequency = frequency_new()) != NULL &&
	     (run->weights = weights_new_empty()) != NULL && (run->cache = shingle_cache_new(CACHED_TEXTS)) != NULL;
	for (uint32_t shard = 0; ok && shard < shards; shard++)
		ok = (run->shard[shard] = index_new(&run->map, shard)) != NULL;
	for (uint32_t t = 0; ok && t < run->threads; t++)
		ok = (run->signer[t] = signer_new(run->fold)) != NULL && (run->verifier[t] = verifier_new()) != NULL;
	return ok;
}

void offline_close(struct offline *run)
{
	for (uint32_t i = 0; i < run->count; i++)
		offline_text_deinit(&run->texts[i]);
	free(run->texts);
	for (uint32_t i = 0; i < OFFLINE_BATCH_MAX; i++)
		shingle_set_free(&run->work[i].shingles);
	for (uint32_t shard = 0; shard < SHARDS_MAX; shard++)
		index_free(&run->shard[shard]);
	for (uint32_t t = 0; t < OFFLINE_THREADS_MAX; t++) {
		signer_free(&run->signer[t]);
		verifier_free(&run->verifier[t]);
	}
	shingle_cache_free(&run->cache);
	weights_free(&run->weights);
	frequency_free(&run->frequency);
	fold_table_free(&run->fold);
	buffer_deinit(&run->out);
}
