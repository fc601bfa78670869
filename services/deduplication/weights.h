/* What a shingle is worth: the rarer among all texts, the more. Document frequencies are learnt from every text that is
 * posted in the index: duplicates too (learnt from originals alone they never learn the forms), but not a text that is
 * all but the same as an earlier one, or ten thousand copies would make their own words common. They are published as
 * numbered immutable snapshots, so that whoever weighs with snapshot n weighs alike. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_WEIGHTS_H
#define SANGKIEN_DEDUPLICATION_WEIGHTS_H

#include "common/domain/campaign.h"
#include "common/runtime/buffer.h"
#include "services/deduplication/lanes.h"

enum { WEIGHT_COUNTERS = LANES_COUNTERS };

/* One snapshot as signers use it: a level a counter, the same for all campaigns, and what a level is worth to one. A
 * level is the frequency itself up to 32, and from there on a step of a sixteenth. Immutable. */
struct weights {
	uint32_t number;      /* 0: nothing has been learnt */
	uint64_t documents;   /* learnt from */
	const uint8_t *level; /* of each counter */
	uint8_t *own;         /* the same where they are its own; NULL: borrowed */
	float worth[256];     /* of a level, > 0 */
};

static inline uint8_t weight_level(const struct weights *weights, uint32_t hash)
{
	return weights->level[hash % WEIGHT_COUNTERS];
}
static inline float weight_of(const struct weights *weights, uint32_t hash)
{
	return weights->worth[weight_level(weights, hash)];
}
/* The lowest level of what at least that share of all texts has. */
uint8_t weight_level_at(const struct weights *weights, double share);

/* All weigh by CAMPAIGN_WEIGHTING_DEFAULT. Number 0: every shingle alike. NULL without memory. */
struct weights *weights_new_empty(void) MUST_CHECK;
/* NULL: not a snapshot of this version, or no memory. */
struct weights *weights_new(uint32_t number, struct bytes snapshot) MUST_CHECK;
void weights_free(struct weights **weights);
/* The same snapshot as another campaign weighs by it. Its levels are borrowed: nothing to free. */
void weights_for(const struct weights *weights, const struct campaign_weighting *weighting, struct weights *out);

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
/* Makes these weights, which are not borrowed from, those of that snapshot without writing and reading it. */
void frequency_weights(
	const struct frequency *frequency, const struct campaign_weighting *weighting, struct weights *weights);
/* It is published (committed) under that number. */
void frequency_published(struct frequency *frequency);
/* Goes on from a snapshot. `last` is the greatest id learnt from: what came after it is to be learnt again. */
bool frequency_resume(
	struct frequency *frequency, uint32_t number, struct bytes snapshot, struct id128 *last) MUST_CHECK;

#endif
