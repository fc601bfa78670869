#include "services/quota/answers.h"

#include "common/runtime/buffer.h"
#include "services/quota/reasons.h"

#include <stdlib.h>

enum {
	REASONS_ARENA_BYTES = 1 << 20,
	/* Verdicts of a batch, and decisions that followed from them. */
	ROUND_MAX = 512,
};

struct answers {
	struct sender *decisions, *outbox;
	struct arena *arena; /* of one message's reasons */
	struct buffer packed;
	struct {
		size_t offset, size;
	} bodies[ROUND_MAX];
	size_t count;
};

struct answers *answers_open(struct sender *decisions, struct sender *outbox)
{
	struct answers *answers = calloc(1, sizeof(*answers));

	if (answers == NULL)
		return NULL;
	answers->decisions = decisions;
	answers->outbox = outbox;
	answers->arena = arena_new(REASONS_ARENA_BYTES);
	if (answers->arena == NULL)
		answers_close(&answers);
	return answers;
}

void answers_close(struct answers **handle)
{
	struct answers *answers = *handle;

	*handle = NULL;
	if (answers == NULL)
		return;
	arena_free(&answers->arena);
	buffer_deinit(&answers->packed);
	free(answers);
}

/* Packs at the end of the buffer; its memory may move while it grows. */
struct buffer_of_protobuf {
	ProtobufCBuffer base;
	struct buffer *to;
};

static void append_to_buffer(ProtobufCBuffer *base, size_t size, const uint8_t *data)
{
	buffer_add(((struct buffer_of_protobuf *)base)->to, data, size);
}

static void send_round(struct answers *answers)
{
	struct bytes bodies[ROUND_MAX];

	if (!answers->packed.failed) {
		for (size_t i = 0; i < answers->count; i++)
			bodies[i] = (struct bytes){
				answers->packed.data + answers->bodies[i].offset, answers->bodies[i].size};
		if (answers->count > 0)
			sender_broadcast(answers->decisions, bodies, answers->count);
	}
	buffer_clear(&answers->packed);
	answers->count = 0;
}

static void add_decision(struct answers *answers, const struct decision *decision)
{
	Sangkien__Message__DecisionReached message = SANGKIEN__MESSAGE__DECISION_REACHED__INIT;
	struct buffer_of_protobuf to = {{append_to_buffer}, &answers->packed};
	double score = decision->score;

	arena_reset(answers->arena);
	message.id.data = (uint8_t *)(uintptr_t)decision->id.octet;
	message.id.len = ID128_SIZE;
	message.revision = decision->revision;
	message.status = decision->status;
	message.phase = decision->phase;
	message.decided_at = decision->decided_at;
	message.reasons = reasons_from_text(decision->reasons, answers->arena, &message.n_reasons);
	message.n_similar = decision->has_duplicate_of && decision->has_score;
	message.similar = &score;
	answers->bodies[answers->count].offset = answers->packed.size;
	answers->bodies[answers->count++].size =
		sangkien__message__decision_reached__pack_to_buffer(&message, &to.base);
	if (answers->count == ROUND_MAX)
		send_round(answers);
}

static void send_first(struct answers *answers, const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->verdicts[i].fate == FATE_DECIDED)
			add_decision(answers, &batch->verdicts[i].decision);
	send_round(answers);
}

/* A person's, and those of texts that had to give way to others. */
static void send_revised(struct answers *answers, const struct ledger_result *result)
{
	for (size_t i = 0; i < result->change_count; i++)
		if (result->changes[i].decision.revision > 1)
			add_decision(answers, &result->changes[i].decision);
	send_round(answers);
}

/* Notification looks into the outbox now and then; what finds no room here is found there. */
static void send_outbox(struct answers *answers, const struct ledger_result *result)
{
	for (size_t i = 0; i < result->outbox_count; i++) {
		Sangkien__Message__OutboxDue message = SANGKIEN__MESSAGE__OUTBOX_DUE__INIT;
		uint8_t packed[64];
		size_t size;

		message.outbox_id.data = result->outbox[i].id.octet;
		message.outbox_id.len = ID128_SIZE;
		message.campaign = result->outbox[i].campaign;
		assert(sangkien__message__outbox_due__get_packed_size(&message) <= sizeof(packed));
		size = sangkien__message__outbox_due__pack(&message, packed);
		if (!sender_push(answers->outbox, 0, 0, (struct bytes){0}, (struct bytes){packed, size}))
			return;
	}
}

static void end_item(struct batch *batch, const struct verdict *verdict)
{
	struct delivery *delivery = batch->deliveries[verdict->delivery];
	Sangkien__Message__VerdictTaken taken = SANGKIEN__MESSAGE__VERDICT_TAKEN__INIT;
	uint8_t packed[16];

	switch (verdict->fate) {
	case FATE_NOT_NOW:
		taken.ask_again = true;
		delivery_result(delivery, verdict->item,
			(struct bytes){packed, sangkien__message__verdict_taken__pack(&taken, packed)});
		break;
	case FATE_REFUSED:
		delivery_reject(delivery, verdict->item, false, "refused by the database");
		break;
	case FATE_ANOTHER_TIME:
		delivery_reject(delivery, verdict->item, true, "not decided in time");
		break;
	case FATE_OPEN:
	case FATE_DECIDED:
		break;
	}
}

void answers_tell(struct answers *answers, const struct ledger_result *result)
{
	send_revised(answers, result);
	send_outbox(answers, result);
}

void answers_give(struct answers *answers, struct batch *batch)
{
	send_first(answers, batch);
	answers_tell(answers, &batch->committed.result);
	for (size_t i = 0; i < batch->count; i++)
		end_item(batch, &batch->verdicts[i]);
}
