#include "services/deduplication/verify.h"

#include <stdlib.h>

struct verifier {
	const struct weights *weights;
	struct shingle_table *table;
	uint32_t count;
	double total;
};

struct verifier *verifier_new(void)
{
	struct verifier *verifier = calloc(1, sizeof(*verifier));
	if (verifier == NULL)
		return NULL;
	verifier->table = shingle_table_new();
	if (verifier->table == NULL)
		verifier_free(&verifier);
	return verifier;
}

void verifier_free(struct verifier **verifier)
{
	if (*verifier == NULL)
		return;
	shingle_table_free(&(*verifier)->table);
	free(*verifier);
	*verifier = NULL;
}

void verifier_take(struct verifier *verifier, const struct weights *weights, const struct shingle_set *text)
{
	verifier->weights = weights;
	verifier->count = text->count;
	verifier->total = (double)weight_total(weights, text->hash, text->count);
	shingle_table_fill(verifier->table, text);
}

double verifier_score(const struct verifier *verifier, const struct shingle_set *other)
{
	if (verifier->count < VERIFY_SHINGLES_LEAST || other->count < VERIFY_SHINGLES_LEAST)
		return 0;
	float both = 0, total = 0;
	for (uint32_t i = 0; i < other->count; i++) {
		float weight = weight_of(verifier->weights, other->hash[i]);
		total += weight;
		both += shingle_table_has(verifier->table, other->hash[i]) ? weight : 0;
	}
	double lighter = (double)total < verifier->total ? (double)total : verifier->total;
	double heavier = (double)total < verifier->total ? verifier->total : (double)total;
	double score = (double)both / lighter, ratio = lighter / heavier;
	if (ratio < VERIFY_RATIO_LEAST)
		score *= ratio / VERIFY_RATIO_LEAST;
	return score > 1 ? 1 : score;
}
