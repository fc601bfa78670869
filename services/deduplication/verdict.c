#include "services/deduplication/verdict.h"

#include <string.h>

static struct rival *find_rival(struct rivals *rivals, const struct id128 *id)
{
	for (uint32_t i = 0; i < rivals->count; i++)
		if (id128_equal(&rivals->rival[i].id, id))
			return &rivals->rival[i];
	return NULL;
}

static bool comes_before(const struct rival *a, const struct rival *b)
{
	if (a->exact != b->exact)
		return a->exact;
	return a->points != b->points ? a->points > b->points : memcmp(&a->id, &b->id, sizeof(a->id)) < 0;
}

static struct rival *add_rival(struct rivals *rivals, const struct rival *rival)
{
	if (rivals->count < RIVALS_MAX) {
		rivals->rival[rivals->count] = *rival;
		return &rivals->rival[rivals->count++];
	}
	struct rival *least = &rivals->rival[0];
	for (uint32_t i = 1; i < RIVALS_MAX; i++)
		if (comes_before(least, &rivals->rival[i]))
			least = &rivals->rival[i];
	if (comes_before(rival, least))
		*least = *rival;
	return least;
}

void rivals_merge(struct rivals *rivals, const struct sketch *text, uint32_t shard, const struct index_answer *answer)
{
	const uint32_t least = sketch_shared_least(sketch_keys(text));
	for (uint32_t i = 0; i < answer->count; i++) {
		const struct index_candidate *candidate = &answer->candidates[i];
		/* One shard alone has counted them all, and sends no sketches. */
		bool has_sketch = sketch_keys(&candidate->sketch) > 0;
		if (!candidate->exact && has_sketch && sketch_shared(text, &candidate->sketch) < least)
			continue;
		struct rival *rival = find_rival(rivals, &candidate->id);
		if (rival == NULL) {
			(void)add_rival(rivals, &(struct rival){.id = candidate->id,
							.sketch = candidate->sketch,
							.points = candidate->points,
							.exact = candidate->exact,
							.seen_in = UINT64_C(1) << shard});
			continue;
		}
		rival->points += candidate->points;
		rival->exact |= candidate->exact;
		rival->seen_in |= UINT64_C(1) << shard;
	}
}

static bool is_worth_comparing(const struct rival *rival, const struct sketch *text, uint32_t keys)
{
	bool has_sketch = sketch_keys(&rival->sketch) > 0;
	return rival->exact || !has_sketch ||
	       index_is_worth_comparing(keys, sketch_shared(text, &rival->sketch), rival->points);
}

void rivals_settle(struct rivals *rivals, const struct sketch *text)
{
	const uint32_t keys = sketch_keys(text);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < rivals->count; i++)
		if (is_worth_comparing(&rivals->rival[i], text, keys))
			rivals->rival[kept++] = rivals->rival[i];
	rivals->count = kept;
	for (uint32_t i = 1; i < rivals->count; i++) {
		struct rival moving = rivals->rival[i];
		uint32_t at = i;
		for (; at > 0 && comes_before(&moving, &rivals->rival[at - 1]); at--)
			rivals->rival[at] = rivals->rival[at - 1];
		rivals->rival[at] = moving;
	}
}

static bool received_earlier(const struct rival *rival, const struct verdict_text *text)
{
	if (rival->record.received_at != text->received_at)
		return rival->record.received_at < text->received_at;
	return memcmp(&rival->id, &text->id, sizeof(text->id)) < 0;
}

static bool came_first_everywhere(
	const struct shard_map *map, const struct verdict_text *text, const struct rival *rival)
{
	uint64_t common = shards_in_common(map, &text->sketch, &rival->sketch);
	if (rival->exact)
		common |= UINT64_C(1) << shard_of_digest(map, &text->digest);
	return (common & ~rival->seen_in) == 0;
}

bool verdict_may_name(const struct shard_map *map, const struct verdict_text *text, const struct rival *rival)
{
	const struct rival_record *record = &rival->record;
	if (!record->known || !record->same_campaign || id128_equal(&record->original, &text->id))
		return false;
	if (record->decided ? !record->original_counts
			    : !received_earlier(rival, text) &&
				      (text->overtakes || !came_first_everywhere(map, text, rival)))
		return false;
	return rival->exact ? record->original_exact_scope == text->exact_scope ||
				      record->original_near_scope == text->near_scope
			    : record->original_near_scope == text->near_scope;
}

static void resemble(struct verdict *verdict, const struct verdict_text *text, const struct rival *best,
	const struct thresholds *thresholds)
{
	verdict->resembles = true;
	verdict->waits_for_later = !best->record.decided && !received_earlier(best, text);
	verdict->duplicate_of = best->record.original;
	verdict->score = best->score;
	verdict->status = STATUS_UNDER_REVIEW;
	if (best->score < thresholds->near)
		return;
	bool own = id128_equal(&best->record.original_person, &text->person);
	verdict->status = STATUS_DUPLICATE;
	verdict->reasons[verdict->reason_count++] = own ? "own_duplicate" : "duplicate";
}

struct thresholds thresholds_of(const struct rule_pack *rules)
{
	return (struct thresholds){
		.near = rules->near_threshold, .review = rules->review_threshold, .weighting = rules->weighting};
}

/* Where it makes no difference to a campaign's own near_threshold, none is made: 1 stays 1, and no review none. */
struct thresholds thresholds_at(const struct thresholds *thresholds, uint64_t documents)
{
	const struct campaign_weighting *weighting = &thresholds->weighting;
	double unknown = weighting->prior / (weighting->prior + (double)documents);
	double near = thresholds->near + weighting->cold_start_margin * unknown * unknown;
	struct thresholds at = *thresholds;

	near = near < VERDICT_ENOUGH ? near : VERDICT_ENOUGH;
	at.near = near > thresholds->near ? near : thresholds->near;
	at.review = thresholds->review < thresholds->near ? thresholds->review : at.near;
	return at;
}

static bool is_listed(const struct verdict *verdict, const struct id128 *id)
{
	for (uint32_t i = 0; i < verdict->candidate_count; i++)
		if (id128_equal(&verdict->candidates[i].id, id))
			return true;
	return false;
}

/* The most alike of those that are not listed yet; NULL: no other scores `least`. */
static const struct rival *next_candidate(const struct verdict *verdict, const struct shard_map *map,
	const struct verdict_text *text, const struct rivals *rivals, double least)
{
	const struct rival *best = NULL;
	for (uint32_t i = 0; i < rivals->count; i++) {
		const struct rival *rival = &rivals->rival[i];
		if (rival->score >= least && (best == NULL || rival->score > best->score) &&
			verdict_may_name(map, text, rival) && !is_listed(verdict, &rival->record.original))
			best = rival;
	}
	return best;
}

/* For the person who looks at it: what comes near, not only the nearest; each text once, however many of its copies
 * resemble this one. */
static void list_candidates(struct verdict *verdict, const struct shard_map *map, const struct verdict_text *text,
	const struct rivals *rivals, double least)
{
	const struct rival *rival;
	while (verdict->candidate_count < VERDICT_CANDIDATES_MAX &&
		(rival = next_candidate(verdict, map, text, rivals, least)) != NULL)
		verdict->candidates[verdict->candidate_count++] =
			(struct resemblance){.id = rival->record.original, .score = rival->score};
}

struct verdict verdict_reach(const struct shard_map *map, const struct verdict_text *text, const struct rivals *rivals,
	const struct thresholds *thresholds)
{
	const struct rival *best = NULL;
	for (uint32_t i = 0; i < rivals->count; i++) {
		const struct rival *rival = &rivals->rival[i];
		if (verdict_may_name(map, text, rival) && (best == NULL || rival->score > best->score))
			best = rival;
	}
	struct verdict verdict = {.status = STATUS_COUNTED};
	if (best != NULL && (best->score >= thresholds->review || best->score >= thresholds->near))
		resemble(&verdict, text, best, thresholds);
	if (verdict.resembles && verdict.status == STATUS_UNDER_REVIEW)
		list_candidates(&verdict, map, text, rivals, thresholds->review);
	if (text->legacy != LEGACY_NONE) {
		verdict.reasons[verdict.reason_count++] = "legacy_encoding";
		if (verdict.status == STATUS_COUNTED && thresholds->review < thresholds->near)
			verdict.status = STATUS_UNDER_REVIEW;
	}
	return verdict;
}
