#include "services/deduplication/messages.h"

#include "proto/submission.pb-c.h"

#include <stdlib.h>
#include <string.h>

typedef Sangkien__Message__TextSigned text_signed;
typedef Sangkien__Message__TextCompared text_compared;
typedef Sangkien__Message__Candidate candidate;

/* protobuf-c borrows; it only reads what it packs. */
static ProtobufCBinaryData binary(const void *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static bool read_id(const ProtobufCBinaryData *data, struct id128 *id)
{
	if (data->len != sizeof(*id))
		return false;
	memcpy(id, data->data, sizeof(*id));
	return true;
}

/* A packed message behind what `out` holds. */
static void append(const ProtobufCMessage *message, struct buffer *out)
{
	uint8_t small[4096], *packed = small;
	size_t size = protobuf_c_message_get_packed_size(message);

	if (size > sizeof(small))
		packed = malloc(size);
	if (packed == NULL) {
		out->failed = true;
		return;
	}
	buffer_add(out, packed, protobuf_c_message_pack(message, packed));
	if (packed != small)
		free(packed);
}

void question_write(const struct index_question *question, int64_t received_at, struct bytes folded, struct buffer *out)
{
	text_signed message = SANGKIEN__MESSAGE__TEXT_SIGNED__INIT;
	uint8_t sketch[SKETCH_SIZE];

	sketch_write(&question->sketch, sketch);
	message.id = binary(&question->id, sizeof(question->id));
	message.campaign = question->campaign;
	message.scope = question->scope;
	message.received_at = received_at;
	message.digest = binary(&question->digest, sizeof(question->digest));
	message.sketch = binary(sketch, sizeof(sketch));
	message.snapshot = question->sketch.snapshot;
	message.folded = binary(folded.data, folded.size);
	message.insist = question->insist;
	message.peek = question->peek;
	message.overtake = question->overtake;
	append(&message.base, out);
}

bool question_read(struct bytes body, struct arena *arena, struct index_question *question, struct bytes *folded)
{
	const text_signed *message =
		sangkien__message__text_signed__unpack(arena_protobuf_allocator(arena), body.size, body.data);

	if (message == NULL || !read_id(&message->id, &question->id) || !read_id(&message->digest, &question->digest) ||
		message->campaign > UINT16_MAX ||
		!sketch_read((struct bytes){message->sketch.data, message->sketch.len}, &question->sketch))
		return false;
	question->campaign = message->campaign;
	question->scope = message->scope;
	question->insist = message->insist;
	question->peek = message->peek;
	question->overtake = message->overtake;
	*folded = (struct bytes){message->folded.data, message->folded.len};
	return true;
}

void answer_write(const struct id128 *id, const struct shard_word *word, const struct index_answer *answer,
	bool with_sketches, struct buffer *out)
{
	text_compared message = SANGKIEN__MESSAGE__TEXT_COMPARED__INIT;
	Sangkien__Message__ShardEpoch shard = SANGKIEN__MESSAGE__SHARD_EPOCH__INIT;
	candidate candidates[INDEX_CANDIDATES_MAX], *list[INDEX_CANDIDATES_MAX];
	uint8_t sketches[INDEX_CANDIDATES_MAX][SKETCH_SIZE];

	for (uint32_t i = 0; i < answer->count; i++) {
		const struct index_candidate *from = &answer->candidates[i];

		sangkien__message__candidate__init(&candidates[i]);
		list[i] = &candidates[i];
		candidates[i].id = binary(&from->id, sizeof(from->id));
		candidates[i].points = from->points;
		candidates[i].exact = from->exact;
		if (with_sketches) {
			sketch_write(&from->sketch, sketches[i]);
			candidates[i].sketch = binary(sketches[i], SKETCH_SIZE);
		}
	}
	shard.shard = word->shard;
	shard.epoch = word->epoch;
	message.id = binary(id, sizeof(*id));
	message.shard = &shard;
	message.n_candidates = answer->count;
	message.candidates = list;
	message.snapshot = word->snapshot;
	message.posted = answer->posted;
	append(&message.base, out);
}

static bool read_candidate(const candidate *from, struct index_candidate *to)
{
	*to = (struct index_candidate){.points = from->points, .exact = from->exact};
	if (!read_id(&from->id, &to->id))
		return false;
	return from->sketch.len == 0 || sketch_read((struct bytes){from->sketch.data, from->sketch.len}, &to->sketch);
}

bool answer_read(struct bytes body, struct arena *arena, struct shard_word *word, struct index_answer *answer)
{
	const text_compared *message =
		sangkien__message__text_compared__unpack(arena_protobuf_allocator(arena), body.size, body.data);

	if (message == NULL || message->shard == NULL || message->n_candidates > INDEX_CANDIDATES_MAX ||
		message->shard->shard >= SHARDS_MAX)
		return false;
	word->shard = message->shard->shard;
	word->epoch = message->shard->epoch;
	word->snapshot = message->snapshot;
	answer->count = (uint32_t)message->n_candidates;
	answer->posted = message->posted;
	for (uint32_t i = 0; i < answer->count; i++)
		if (!read_candidate(message->candidates[i], &answer->candidates[i]))
			return false;
	return true;
}
