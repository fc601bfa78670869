#include "services/deduplication/verify.h"

#include <stdlib.h>

enum { AT_ONCE = 512 };
static_assert(AT_ONCE % LANES_SUMS == 0, "sums are kept in parts");

struct verifier {
	const struct lanes *lanes;
	const struct weights *weights;
	struct shingle_table *table;
	struct shingle_slots slots;
	uint32_t count;
	double total;
};

struct verifier *verifier_new(void)
{
	struct verifier *verifier = calloc(1, sizeof(*verifier));
	if (verifier == NULL)
		return NULL;
	verifier->lanes = lanes_best();
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

static struct lanes_overlap overlap(const struct verifier *verifier, const struct shingle_set *set)
{
	const struct weights *weights = verifier->weights;
	struct lanes_overlap sum = {0};
	float weight[AT_ONCE];
	for (uint32_t from = 0; from < set->count; from += AT_ONCE) {
		uint32_t these = set->count - from < AT_ONCE ? set->count - from : AT_ONCE;
		verifier->lanes->weigh(weights->level, weights->worth, set->hash + from, these, weight);
		verifier->lanes->overlap(&verifier->slots, set->hash + from, weight, these, &sum);
	}
	return sum;
}

void verifier_take(struct verifier *verifier, const struct weights *weights, const struct shingle_set *text)
{
	verifier->weights = weights;
	verifier->count = text->count;
	verifier->slots = shingle_table_fill(verifier->table, text);
	struct lanes_overlap whole = overlap(verifier, text);
	verifier->total = (double)lanes_sum(whole.all);
}

/* Of a text that repeats itself little is left: then the whole set must be the same. */
static double score_small(const struct verifier *verifier, const struct shingle_set *other, uint32_t common)
{
	return common > 0 && common == other->count && common == verifier->count;
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
	struct lanes_overlap sum = overlap(verifier, other);
	if (verifier->count < VERIFY_SHINGLES_LEAST || other->count < VERIFY_SHINGLES_LEAST)
		return score_small(verifier, other, sum.common);
	double both = (double)lanes_sum(sum.both), total = (double)lanes_sum(sum.all);
	double lighter = total < verifier->total ? total : verifier->total;
	double heavier = total < verifier->total ? verifier->total : total;
	double score = both / lighter, ratio = lighter / heavier;
	double plain = plain_score(sum.common, verifier->count, other->count);
	if (ratio < VERIFY_RATIO_LEAST)
		score *= ratio / VERIFY_RATIO_LEAST;
	score = plain > score ? plain : score;
	return score > 1 ? 1 : score;
}
