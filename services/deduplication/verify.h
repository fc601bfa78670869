/* How alike two texts are, exactly: the weight of what they have in common by the weight of the lighter one. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_VERIFY_H
#define SANGKIEN_DEDUPLICATION_VERIFY_H

#include "services/deduplication/weights.h"

enum {
	VERIFY_SHINGLES_LEAST = 24, /* of both: below it the sets must be the same */
};
/* Texts of which one outweighs the other more than this many times fade from the score: a sentence inside a report
 * is a quotation, not a copy. */
#define VERIFY_RATIO_LEAST 0.35
/* From here on a text is in the other whatever its shingles are worth: what very many copy whole becomes common, and
 * would hide its own copies. */
#define VERIFY_PLAIN_LEAST 0.95

/* One text compared with several others. One thread. */
struct verifier;
struct verifier *verifier_new(void) MUST_CHECK; /* NULL without memory */
void verifier_free(struct verifier **verifier);

/* The text, borrowed until the next one, and the weights that hold for all comparisons with it. */
void verifier_take(struct verifier *verifier, const struct weights *weights, const struct shingle_set *text);
/* 0..1: weighted containment. */
double verifier_score(const struct verifier *verifier, const struct shingle_set *other);

#endif
