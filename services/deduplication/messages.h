/* The index's questions and answers, and verdicts, as they travel. Everything that arrives is checked here. */
#ifndef SANGKIEN_DEDUPLICATION_MESSAGES_H
#define SANGKIEN_DEDUPLICATION_MESSAGES_H

#include "common/runtime/arena.h"
#include "common/runtime/buffer.h"
#include "services/deduplication/index.h"

/* TextSigned. `folded` is for the shard that learns, else empty. */
void question_write(
	const struct index_question *question, int64_t received_at, struct bytes folded, struct buffer *out);
/* False: not a TextSigned that anyone could answer. `folded` is borrowed from the body or the arena. */
bool question_read(
	struct bytes body, struct arena *arena, struct index_question *question, struct bytes *folded) MUST_CHECK;

/* Who answers. */
struct shard_word {
	uint32_t shard;
	uint64_t epoch;
	uint32_t snapshot; /* newest that the owner knows of; 0: it does not learn, or has published none */
};

/* TextCompared. The candidates' sketches travel only where there are several shards to be reconciled. */
void answer_write(const struct id128 *id, const struct shard_word *word, const struct index_answer *answer,
	bool with_sketches, struct buffer *out);
bool answer_read(
	struct bytes body, struct arena *arena, struct shard_word *word, struct index_answer *answer) MUST_CHECK;

#endif
