/* Compares a text with its rivals, in the order of the rivals, until one is alike enough. */
#ifndef SANGKIEN_DEDUPLICATION_SCORING_H
#define SANGKIEN_DEDUPLICATION_SCORING_H

#include "services/deduplication/verdict.h"
#include "services/deduplication/verify.h"

/* The rival's shingles, borrowed until the next call; NULL: cannot be had, its score stays 0. */
typedef const struct shingle_set *shingle_source(const struct rival *rival, void *context);

/* Sets the scores of the rivals, which are sorted: 1 where the text is the same. Those behind a rival that is alike
 * enough, or behind the first four, are left at 0. */
void rivals_score(struct rivals *rivals, const struct shingle_set *text, const struct weights *weights,
	struct verifier *verifier, shingle_source *source, void *context);

#endif
