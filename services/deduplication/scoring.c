#include "services/deduplication/scoring.h"

void rivals_score(struct rivals *rivals, const struct shingle_set *text, const struct weights *weights,
	struct verifier *verifier, shingle_source *source, void *context)
{
	bool taken = false;

	for (uint32_t i = 0; i < rivals->count; i++) {
		struct rival *rival = &rivals->rival[i];

		if (rival->exact) {
			rival->score = 1;
			return;
		}
		if (!taken)
			verifier_take(verifier, weights, text);
		taken = true;
		const struct shingle_set *other = source(rival, context);
		rival->score = other == NULL ? 0 : verifier_score(verifier, other);
		if (rival->score >= VERDICT_ENOUGH)
			return;
	}
}
