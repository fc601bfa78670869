#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/messages.h"
#include "services/deduplication/owner.h"
#include "services/deduplication/snapshots.h"

enum { PUBLISH_DEADLINE_MS = 5000 };

void owner_learn(struct owner *owner, const struct id128 *id, struct bytes folded)
{
	uint32_t count = shingle_text(owner->shingles, folded, owner->hashes, NULL);

	frequency_learn(owner->frequency, owner->hashes, count, id);
	metric_add(owner->metrics.learnt, 1);
}

/* Before the batch is answered, so that its texts are weighed by what they have taught: at a cold start the first
 * batch is the first of a form. */
void owner_publish(struct owner *owner)
{
	if (!frequency_is_due(owner->frequency))
		return;
	if (snapshots_publish(owner->pg, owner->frequency, clock_monotonic_ms() + PUBLISH_DEADLINE_MS) ==
		PUBLISHED_BY_OTHER) {
		owner->stage = OWNER_SUPERSEDED;
		log_error("shard_superseded", KV_U64("shard", owner->shard), KV_U64("epoch", owner->epoch),
			KV_U64("snapshot", frequency_number(owner->frequency) + 1));
	}
	metric_set(owner->metrics.snapshot, frequency_number(owner->frequency));
}

/* Asks the index about one item. False: it was rejected. */
static bool ask(
	struct owner *owner, struct delivery *delivery, size_t item, struct index_answer *answer, struct id128 *id)
{
	const ProtobufCBinaryData *body = &delivery_item(delivery, item)->body;
	struct index_question question;
	struct bytes folded;

	if (!question_read((struct bytes){body->data, body->len}, delivery_arena(delivery), &question, &folded)) {
		delivery_reject(delivery, item, false, "not a TextSigned of this version");
		return false;
	}
	*id = question.id;
	if (question.peek) {
		index_peek(owner->index, &question, answer);
		return true;
	}
	enum index_fault fault = index_ask(owner->index, &question, answer);
	if (fault != INDEX_OK) {
		metric_add(owner->metrics.refused, 1);
		delivery_reject(delivery, item, true, fault == INDEX_FULL ? "the shard is full" : "out of memory");
		return false;
	}
	if (owner_learns(owner) && answer->newly_posted && folded.size > 0)
		owner_learn(owner, &question.id, folded);
	return true;
}

static void answer_item(struct owner *owner, struct delivery *delivery, size_t item, const struct id128 *id,
	const struct index_answer *answer)
{
	const struct shard_word word = {
		.shard = owner->shard,
		.epoch = owner->epoch,
		.snapshot = owner_learns(owner) ? frequency_number(owner->frequency) : 0,
	};

	buffer_clear(&owner->body);
	answer_write(id, &word, answer, owner->map.shards > 1, &owner->body);
	if (owner->body.failed) {
		delivery_reject(delivery, item, true, "out of memory");
		return;
	}
	delivery_result(delivery, item, buffer_bytes(&owner->body));
	metric_add(owner->metrics.answered, 1);
}

struct asked {
	struct index_answer answer;
	struct id128 id;
	bool answered;
};

static void turn_away(struct delivery *delivery, const char *why)
{
	for (size_t i = 0; i < delivery_count(delivery); i++)
		delivery_reject(delivery, i, true, why);
	delivery_done(&delivery);
}

void on_text_signed(struct delivery *delivery, void *context)
{
	struct owner *owner = context;
	size_t count = delivery_count(delivery);
	struct asked *asked = arena_alloc(delivery_arena(delivery), count * sizeof(*asked));

	if (owner->stage != OWNER_WHOLE || asked == NULL) {
		turn_away(delivery, owner->stage != OWNER_WHOLE ? "not the owner of this shard" : "out of memory");
		return;
	}
	for (size_t i = 0; i < count; i++)
		asked[i].answered = ask(owner, delivery, i, &asked[i].answer, &asked[i].id);
	if (owner_learns(owner))
		owner_publish(owner);
	for (size_t i = 0; i < count; i++)
		if (asked[i].answered)
			answer_item(owner, delivery, i, &asked[i].id, &asked[i].answer);
	delivery_done(&delivery);
}
