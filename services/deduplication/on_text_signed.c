#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/index_batch.h"
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
		tenure_supersede(&owner->tenure);
		log_error("shard_superseded", KV_U64("shard", owner->shard), KV_U64("epoch", owner->tenure.epoch),
			KV_U64("snapshot", frequency_number(owner->frequency) + 1));
	}
	metric_set(owner->metrics.snapshot, frequency_number(owner->frequency));
}

static void read_item(struct delivery *delivery, size_t item, struct index_asked *asked)
{
	const ProtobufCBinaryData *body = &delivery_item(delivery, item)->body;

	*asked = (struct index_asked){0};
	asked->readable = question_read(
		(struct bytes){body->data, body->len}, delivery_arena(delivery), &asked->question, &asked->folded);
}

static void learn(struct owner *owner, struct index_asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (owner_learns(owner) && asked[i].to_be_learnt && asked[i].folded.size > 0)
			owner_learn(owner, &asked[i].question.id, asked[i].folded);
		asked[i].to_be_learnt = false;
	}
}

static void answer_item(struct owner *owner, struct delivery *delivery, size_t item, const struct index_asked *asked)
{
	const struct shard_word word = {
		.shard = owner->shard,
		.epoch = owner->tenure.epoch,
		.snapshot = owner_learns(owner) ? frequency_number(owner->frequency) : 0,
	};

	if (!asked->readable) {
		delivery_reject(delivery, item, false, "not a TextSigned of this version");
		return;
	}
	if (asked->fault != INDEX_OK) {
		metric_add(owner->metrics.refused, 1);
		delivery_reject(
			delivery, item, true, asked->fault == INDEX_FULL ? "the shard is full" : "out of memory");
		return;
	}
	buffer_clear(&owner->body);
	answer_write(&asked->question.id, &word, &asked->answer, owner->map.shards > 1, &owner->body);
	if (owner->body.failed) {
		delivery_reject(delivery, item, true, "out of memory");
		return;
	}
	delivery_result(delivery, item, buffer_bytes(&owner->body));
	metric_add(owner->metrics.answered, 1);
}

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
	struct index_asked *asked = arena_alloc(delivery_arena(delivery), count * sizeof(*asked));

	if (!tenure_is_whole(&owner->tenure) || asked == NULL) {
		turn_away(delivery, asked == NULL ? "out of memory" : "not the owner of this shard");
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_item(delivery, i, &asked[i]);
	if (index_batch_overtake(owner->index, asked, count))
		tenure_overtook(&owner->tenure);
	learn(owner, asked, count);
	if (tenure_must_raise(&owner->tenure) && !epoch_raise(owner)) {
		turn_away(delivery, "the epoch is not raised");
		return;
	}
	index_batch_ask(owner->index, asked, count);
	learn(owner, asked, count);
	if (owner_learns(owner))
		owner_publish(owner);
	for (size_t i = 0; i < count; i++)
		answer_item(owner, delivery, i, &asked[i]);
	delivery_done(&delivery);
}
