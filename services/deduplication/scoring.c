#include "services/deduplication/scoring.h"

/* Of those that may be named: hardly ever has one further down more in common than the first four. */
enum { COMPARED_MAX = 4 };

void rivals_score(struct rivals *rivals, const struct shingle_set *text, const struct weights *weights,
	struct verifier *verifier, shingle_source *source, void *context)
{
	uint32_t compared = 0;

	for (uint32_t i = 0; i < rivals->count && compared < COMPARED_MAX; i++) {
		struct rival *rival = &rivals->rival[i];

		if (rival->exact) {
			rival->score = 1;
			return;
		}
		if (compared++ == 0)
			verifier_take(verifier, weights, text);
		const struct shingle_set *other = source(rival, context);
		rival->score = other == NULL ? 0 : verifier_score(verifier, other);
		if (rival->score >= VERDICT_ENOUGH)
			return;
	}
}
