#include "common/runtime/log.h"
#include "services/deduplication/messages.h"
#include "services/deduplication/signing.h"

#include <stdlib.h>

enum { TAUGHT_BYTES_MAX = 32768 }; /* more than that many shingles are not kept of a text anyway */

/* Shards are routes; 0 is left for edges where all workers are alike. */
static uint32_t route_of(uint32_t shard)
{
	return shard + 1;
}

static uint64_t tag_of(const struct signing *signing, const struct comparison *comparison, uint32_t shard)
{
	return (uint64_t)comparison_number(signing->pool, comparison) * SHARDS_MAX + shard;
}

static bool push_question(struct signing *signing, struct comparison *comparison, uint32_t shard)
{
	const struct index_question question = {
		.id = comparison->text.id,
		.campaign = comparison->campaign,
		.scope = comparison->text.near_scope,
		.digest = comparison->text.digest,
		.sketch = comparison->text.sketch,
		.insist = comparison->stage == STAGE_INSISTING,
		.peek = comparison->draft,
		.overtake = comparison->text.overtakes,
	};
	size_t taught = comparison->folded_size < TAUGHT_BYTES_MAX ? comparison->folded_size : TAUGHT_BYTES_MAX;
	struct bytes folded = {comparison->folded, shard == LEARNING_SHARD ? taught : 0};

	buffer_clear(&signing->body);
	question_write(&question, comparison->text.received_at, folded, &signing->body);
	return !signing->body.failed &&
	       sender_push(signing->asks, tag_of(signing, comparison, shard), route_of(shard),
		       (struct bytes){comparison->trace, comparison->trace_size}, buffer_bytes(&signing->body));
}

/* What is left to ask. False: the edge is full. */
static bool ask_rest(struct signing *signing, struct comparison *comparison)
{
	while (comparison->to_ask != 0) {
		uint32_t shard = (uint32_t)__builtin_ctzll(comparison->to_ask);
		if (!push_question(signing, comparison, shard))
			return false;
		comparison->to_ask &= comparison->to_ask - 1;
		comparison->awaited |= UINT64_C(1) << shard;
	}
	return true;
}

/* Those that wait are asked first, so that the order of arrival is the order of asking. */
void signing_ask(struct signing *signing, struct comparison *comparison)
{
	comparison->rivals.count = 0;
	comparison->consulted = comparison->unposted = 0;
	comparison->to_ask = shards_of_text(&signing->map, &comparison->text.sketch, &comparison->text.digest);
	if (signing->unasked.first != NULL || !ask_rest(signing, comparison))
		comparison_enqueue(&signing->unasked, comparison);
}

/* All answers are in. */
static void advance(struct signing *signing, struct comparison *comparison)
{
	if (comparison->failed)
		signing_return(signing, comparison, "an index owner gave no answer");
	if (comparison->abandoned || comparison->failed) {
		signing_release(signing, comparison);
		return;
	}
	comparison->stage = STAGE_COMPARED;
	comparison_enqueue(&signing->compared, comparison);
}

void signing_ask_on(struct signing *signing)
{
	while (signing->unasked.first != NULL) {
		struct comparison *comparison = signing->unasked.first;
		if (comparison->abandoned)
			comparison->to_ask = 0;
		else if (!ask_rest(signing, comparison))
			return;
		(void)comparison_dequeue(&signing->unasked);
		if (comparison->awaited == 0)
			advance(signing, comparison);
	}
}

static void take_answer(struct signing *signing, struct comparison *comparison, uint32_t shard, struct bytes result)
{
	struct shard_word word;
	struct index_answer answer;
	uint64_t bit = UINT64_C(1) << shard;

	arena_reset(signing->arena);
	if (!answer_read(result, signing->arena, &word, &answer) || word.shard != shard) {
		comparison->failed = true;
		log_warn("answer_unreadable", KV_U64("shard", shard));
		return;
	}
	/* Where the owner changed between two answers the older epoch counts: quota will have it asked again. */
	if ((comparison->consulted & bit) == 0 || word.epoch < comparison->epoch[shard])
		comparison->epoch[shard] = word.epoch;
	comparison->consulted |= bit;
	if (word.snapshot > comparison->snapshot)
		comparison->snapshot = word.snapshot;
	comparison->unposted = answer.posted ? comparison->unposted & ~bit : comparison->unposted | bit;
	rivals_merge(&comparison->rivals, &comparison->text.sketch, shard, &answer);
}

static struct comparison *answered(struct signing *signing, uint64_t tag, uint32_t *shard)
{
	struct comparison *comparison = comparison_at(signing->pool, (uint32_t)(tag / SHARDS_MAX));

	*shard = (uint32_t)(tag % SHARDS_MAX);
	assert((comparison->awaited >> *shard & 1) == 1);
	comparison->awaited &= ~(UINT64_C(1) << *shard);
	return comparison;
}

void on_text_compared(uint64_t tag, struct bytes result, void *context)
{
	struct signing *signing = context;
	uint32_t shard;
	struct comparison *comparison = answered(signing, tag, &shard);

	take_answer(signing, comparison, shard, result);
	if (comparison->awaited == 0 && comparison->to_ask == 0)
		advance(signing, comparison);
}

void on_question_poison(uint64_t tag, const char *reason, void *context)
{
	struct signing *signing = context;
	uint32_t shard;
	struct comparison *comparison = answered(signing, tag, &shard);

	log_warn("question_given_up", KV_U64("shard", shard), KV_TEXT("why", reason),
		KV_ID("submission", &comparison->text.id));
	comparison->failed = true;
	if (comparison->awaited == 0 && comparison->to_ask == 0)
		advance(signing, comparison);
}
