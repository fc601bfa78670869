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

/* Of a text that repeats itself little is left: then the whole set must be the same. */
static double score_small(const struct verifier *verifier, const struct shingle_set *other)
{
	if (verifier->count != other->count)
		return 0;
	for (uint32_t i = 0; i < other->count; i++)
		if (!shingle_table_has(verifier->table, other->hash[i]))
			return 0;
	return other->count > 0;
}

/* How much of the smaller text is in the other when every shingle weighs alike. */
static double plain_score(uint32_t common, uint32_t a, uint32_t b)
{
	uint32_t smaller = a < b ? a : b, larger = a < b ? b : a;
	double plain = (double)common / smaller;

	return plain >= VERIFY_PLAIN_LEAST && 2 * smaller >= larger ? plain : 0;
}

double verifier_score(const struct verifier *verifier, const struct shingle_set *other)
{
	float both = 0, total = 0;
	uint32_t common = 0;

	if (verifier->count < VERIFY_SHINGLES_LEAST || other->count < VERIFY_SHINGLES_LEAST)
		return score_small(verifier, other);
	for (uint32_t i = 0; i < other->count; i++) {
		float weight = weight_of(verifier->weights, other->hash[i]);
		bool has = shingle_table_has(verifier->table, other->hash[i]);
		total += weight;
		both += has ? weight : 0;
		common += has;
	}
	double lighter = (double)total < verifier->total ? (double)total : verifier->total;
	double heavier = (double)total < verifier->total ? verifier->total : (double)total;
	double score = (double)both / lighter, ratio = lighter / heavier;
	double plain = plain_score(common, verifier->count, other->count);
	if (ratio < VERIFY_RATIO_LEAST)
		score *= ratio / VERIFY_RATIO_LEAST;
	score = plain > score ? plain : score;
	return score > 1 ? 1 : score;
}
