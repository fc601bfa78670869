#include "common/domain/quarantine.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/signing.h"

#include <stdlib.h>

enum {
	QUARANTINE_DEADLINE_MS = 1000,
	ASKED_MAX = 60, /* then the sweeper finds it */
};

typedef Sangkien__Message__VerdictReached verdict_reached;
typedef Sangkien__Message__ShardEpoch shard_epoch;

static ProtobufCBinaryData binary(const void *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static size_t list_epochs(const struct comparison *comparison, shard_epoch *epochs, shard_epoch **list)
{
	size_t count = 0;

	for (uint64_t rest = comparison->consulted; rest != 0; rest &= rest - 1) {
		uint32_t shard = (uint32_t)__builtin_ctzll(rest);
		sangkien__message__shard_epoch__init(&epochs[count]);
		epochs[count].shard = shard;
		epochs[count].epoch = comparison->epoch[shard];
		list[count] = &epochs[count];
		count++;
	}
	return count;
}

static void write_facts(const struct comparison *comparison, verdict_reached *message)
{
	message->id = binary(&comparison->text.id, ID128_SIZE);
	message->person = binary(&comparison->text.person, ID128_SIZE);
	message->campaign = comparison->campaign;
	message->unit = comparison->unit;
	message->received_at = comparison->text.received_at;
	message->rules_version = comparison->rules_version;
	message->has_phase = comparison->has_phase;
	message->phase = comparison->phase;
	message->has_applied_on = comparison->has_applied_on;
	message->applied_on = comparison->applied_on;
}

static void write_refusal(const struct comparison *comparison, verdict_reached *message)
{
	message->status = STATUS_REJECTED;
	message->n_reasons = comparison->refused->n_reasons;
	message->reasons = comparison->refused->reasons;
}

static void write_verdict(const struct comparison *comparison, const uint8_t *sketch, verdict_reached *message)
{
	const struct verdict *verdict = &comparison->verdict;

	message->status = verdict->status;
	message->digest = binary(&comparison->text.digest, ID128_SIZE);
	message->sketch = binary(sketch, SKETCH_SIZE);
	message->covered = (comparison->consulted & ~comparison->unposted) == 0;
	message->snapshot = comparison->snapshot;
	message->scope = comparison->text.exact_scope;
	message->near_scope = comparison->text.near_scope;
	message->score = verdict->score;
	if (verdict->resembles)
		message->duplicate_of = binary(&verdict->duplicate_of, ID128_SIZE);
}

static size_t list_candidates(const struct verdict *verdict, Sangkien__Message__Resemblance *candidates,
	Sangkien__Message__Resemblance **list)
{
	for (uint32_t i = 0; i < verdict->candidate_count; i++) {
		sangkien__message__resemblance__init(&candidates[i]);
		candidates[i].id = binary(&verdict->candidates[i].id, ID128_SIZE);
		candidates[i].score = verdict->candidates[i].score;
		list[i] = &candidates[i];
	}
	return verdict->candidate_count;
}

static bool push_verdict(struct signing *signing, const struct comparison *comparison)
{
	verdict_reached message = SANGKIEN__MESSAGE__VERDICT_REACHED__INIT;
	Sangkien__Message__Reason reason[VERDICT_REASONS_MAX], *reasons[VERDICT_REASONS_MAX];
	shard_epoch epochs[SHARDS_MAX], *list[SHARDS_MAX];
	Sangkien__Message__Resemblance candidates[VERDICT_CANDIDATES_MAX], *candidate_list[VERDICT_CANDIDATES_MAX];
	uint8_t sketch[SKETCH_SIZE];

	sketch_write(&comparison->text.sketch, sketch);
	write_facts(comparison, &message);
	if (comparison->refused != NULL) {
		write_refusal(comparison, &message);
	} else {
		write_verdict(comparison, sketch, &message);
		message.n_consulted = list_epochs(comparison, epochs, list);
		message.consulted = list;
		message.n_candidates = list_candidates(&comparison->verdict, candidates, candidate_list);
		message.candidates = candidate_list;
		for (uint32_t i = 0; i < comparison->verdict.reason_count; i++) {
			sangkien__message__reason__init(&reason[i]);
			reason[i].code = (char *)(uintptr_t)comparison->verdict.reasons[i];
			reason[i].field = (char *)(uintptr_t) "description";
			reasons[i] = &reason[i];
		}
		message.n_reasons = comparison->verdict.reason_count;
		message.reasons = reasons;
	}
	size_t size = sangkien__message__verdict_reached__get_packed_size(&message);
	uint8_t *packed = malloc(size);
	if (packed == NULL)
		return false;
	sangkien__message__verdict_reached__pack(&message, packed);
	bool pushed = sender_push(signing->verdicts, comparison_number(signing->pool, comparison), 0,
		(struct bytes){comparison->trace, comparison->trace_size}, (struct bytes){packed, size});
	free(packed);
	return pushed;
}

static struct metric *metric_of(const struct signing *signing, const struct comparison *comparison)
{
	if (comparison->refused != NULL)
		return signing->metrics.rejected;
	if (comparison->verdict.status == STATUS_DUPLICATE)
		return signing->metrics.duplicate;
	return comparison->verdict.status == STATUS_UNDER_REVIEW ? signing->metrics.under_review
								 : signing->metrics.counted;
}

void signing_hand_on(struct signing *signing)
{
	while (signing->reached.first != NULL) {
		struct comparison *comparison = signing->reached.first;
		if (!comparison->abandoned && !push_verdict(signing, comparison))
			return;
		(void)comparison_dequeue(&signing->reached);
		if (comparison->abandoned) {
			signing_release(signing, comparison);
			continue;
		}
		metric_add(metric_of(signing, comparison), 1);
		comparison->stage = STAGE_HANDED;
		comparison->refused = NULL; /* its delivery ends */
		signing_finish_item(signing, comparison);
	}
}

/* What quota answers ---------------------------------------------------------------------------------------------- */

static bool is_to_be_asked_again(struct signing *signing, struct bytes result)
{
	arena_reset(signing->arena);
	const Sangkien__Message__VerdictTaken *taken = sangkien__message__verdict_taken__unpack(
		arena_protobuf_allocator(signing->arena), result.size, result.data);
	return taken != NULL && taken->ask_again;
}

void on_verdict_taken(uint64_t tag, struct bytes result, void *context)
{
	struct signing *signing = context;
	struct comparison *comparison = comparison_at(signing->pool, (uint32_t)tag);

	assert(comparison->stage == STAGE_HANDED);
	if (result.size == 0 || !is_to_be_asked_again(signing, result) || comparison->shingles == NULL ||
		comparison->text.asked >= ASKED_MAX) {
		signing_release(signing, comparison);
		return;
	}
	metric_add(signing->metrics.asked_again, 1);
	comparison->stage = STAGE_WAITING;
	comparison_enqueue(&signing->waiting, comparison);
}

void on_verdict_poison(uint64_t tag, const char *reason, void *context)
{
	struct signing *signing = context;
	struct comparison *comparison = comparison_at(signing->pool, (uint32_t)tag);
	bool kept = quarantine_put(
		signing->pg, &comparison->text.id, "quota", reason, clock_monotonic_ms() + QUARANTINE_DEADLINE_MS);

	metric_add(signing->metrics.poison, 1);
	log_error("verdict_poison", KV_ID("submission", &comparison->text.id), KV_TEXT("reason", reason),
		KV_BOOL("quarantined", kept));
	signing_release(signing, comparison);
}

void signing_ask_again(struct signing *signing)
{
	struct comparison *comparison;

	while ((comparison = comparison_dequeue(&signing->waiting)) != NULL) {
		comparison->text.asked++;
		comparison->text.overtakes |=
			comparison->verdict.waits_for_later && comparison->text.asked >= VERDICT_ASKED_TOO_OFTEN;
		comparison->stage = STAGE_ASKING;
		signing_ask(signing, comparison);
	}
}
