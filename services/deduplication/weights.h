/* What a shingle is worth: the rarer among all texts, the more. Document frequencies are learnt from every text that is
 * posted in the index: duplicates too (learnt from originals alone they never learn the forms), but not a text that is
 * all but the same as an earlier one, or ten thousand copies would make their own words common. They are published as
 * numbered immutable snapshots, so that whoever weighs with snapshot n weighs alike. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_WEIGHTS_H
#define SANGKIEN_DEDUPLICATION_WEIGHTS_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"
#include "services/deduplication/shingle.h"

enum { WEIGHT_COUNTERS = 1 << 20 };

/* One snapshot as signers use it: a level a counter, and what a level is worth. 1 MiB, immutable. */
struct weights {
	uint32_t number;    /* 0: nothing has been learnt */
	uint64_t documents; /* learnt from */
	uint8_t level[WEIGHT_COUNTERS];
	float worth[256]; /* of a level, > 0 */
};

static inline float weight_of(const struct weights *weights, uint32_t hash)
{
	return weights->worth[weights->level[hash % WEIGHT_COUNTERS]];
}
/* The weight of what that share of all texts has. */
double weight_at_share(const struct weights *weights, double share);
float weight_total(const struct weights *weights, const uint32_t *hashes, uint32_t count);

/* Number 0: every shingle alike. NULL without memory. */
struct weights *weights_new_empty(void) MUST_CHECK;
/* NULL: not a snapshot of this version, or no memory. */
struct weights *weights_new(uint32_t number, struct bytes snapshot) MUST_CHECK;
void weights_free(struct weights **weights);

/* The owner's side: counts, and says when a new snapshot is due (after an eighth more texts, at first 32). */
struct frequency;
struct frequency *frequency_new(void) MUST_CHECK;
void frequency_free(struct frequency **frequency);
void frequency_learn(struct frequency *frequency, const uint32_t *hashes, uint32_t count, const struct id128 *id);
uint64_t frequency_documents(const struct frequency *frequency);
bool frequency_is_due(const struct frequency *frequency);
uint32_t frequency_number(const struct frequency *frequency); /* of the newest published */
/* Appends the snapshot that would be number frequency_number() + 1. */
void frequency_write(const struct frequency *frequency, struct buffer *out);
/* It is published (committed) under that number. */
void frequency_published(struct frequency *frequency);
/* Goes on from a snapshot. `last` is the greatest id learnt from: what came after it is to be learnt again. */
bool frequency_resume(
	struct frequency *frequency, uint32_t number, struct bytes snapshot, struct id128 *last) MUST_CHECK;

#endif
