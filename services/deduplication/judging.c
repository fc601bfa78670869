#include "common/runtime/clock.h"
#include "services/deduplication/records.h"
#include "services/deduplication/scoring.h"
#include "services/deduplication/signing.h"
#include "services/deduplication/snapshots.h"

#include <stdlib.h>
#include <string.h>

enum {
	JUDGED_AT_ONCE = 256,
	WISHES_MAX = JUDGED_AT_ONCE * RIVALS_MAX,
	RECORDS_DEADLINE_MS = 2000,
};

/* The records of a batch's rivals --------------------------------------------------------------------------------- */

static int compare_wishes(const void *a, const void *b)
{
	return memcmp(
		&((const struct records_wish *)a)->id, &((const struct records_wish *)b)->id, sizeof(struct id128));
}

/* Distinct rivals of the whole batch; the text of those that must be compared and are not in the cache. */
static size_t gather_wishes(
	const struct signing *signing, struct comparison *const *batch, size_t count, struct records_wish *wishes)
{
	size_t wished = 0, distinct = 0;

	for (size_t i = 0; i < count; i++) {
		for (uint32_t r = 0; r < batch[i]->rivals.count; r++) {
			const struct rival *rival = &batch[i]->rivals.rival[r];
			wishes[wished].id = rival->id;
			wishes[wished++].text = !rival->exact && shingle_cache_get(signing->cache, &rival->id) == NULL;
		}
	}
	qsort(wishes, wished, sizeof(*wishes), compare_wishes);
	for (size_t i = 0; i < wished; i++) {
		if (distinct > 0 && id128_equal(&wishes[distinct - 1].id, &wishes[i].id))
			wishes[distinct - 1].text |= wishes[i].text;
		else
			wishes[distinct++] = wishes[i];
	}
	return distinct;
}

static void fill_record(const struct record *from, const struct comparison *comparison,
	const struct reference_campaign *campaign, struct rival_record *to)
{
	*to = (struct rival_record){.known = from != NULL};
	if (from == NULL)
		return;
	to->same_campaign = from->campaign == comparison->campaign;
	to->decided = from->decided;
	to->original_counts = from->original_counts;
	to->received_at = from->received_at;
	to->original = from->original;
	to->original_person = from->original_person;
	if (campaign == NULL || unit_by_id(campaign->units, from->original_unit) == NULL) {
		to->known = false;
		return;
	}
	to->original_near_scope = campaign_scope_unit(comparison->near_bound, campaign->units, from->original_unit);
	to->original_exact_scope = campaign_scope_unit(comparison->exact_bound, campaign->units, from->original_unit);
}

/* Only those that may be named are worth comparing. */
static void keep_nameable(struct signing *signing, struct comparison *comparison, struct records *records,
	const struct reference *reference)
{
	struct rivals *rivals = &comparison->rivals;
	const struct reference_campaign *campaign =
		reference == NULL ? NULL : reference_by_id(reference, comparison->campaign);
	uint32_t kept = 0;

	for (uint32_t r = 0; r < rivals->count; r++) {
		struct rival *rival = &rivals->rival[r];
		fill_record(records_find(records, &rival->id), comparison, campaign, &rival->record);
		if (verdict_may_name(&signing->map, &comparison->text, rival))
			rivals->rival[kept++] = *rival;
	}
	rivals->count = kept;
	rivals_settle(rivals, &comparison->text.sketch);
}

/* Reaching the verdict -------------------------------------------------------------------------------------------- */

struct text_source {
	struct signing *signing;
	struct records *records;
};

/* Nothing goes into the cache while a batch is judged: what was there when its texts were asked for must still be
 * there, or a rival would be compared with nothing. */
static const struct shingle_set *find_shingles(const struct rival *rival, void *context)
{
	const struct text_source *source = context;
	struct signing *signing = source->signing;
	const struct shingle_set *cached = shingle_cache_get(signing->cache, &rival->id);
	struct record *record = cached != NULL ? NULL : records_find(source->records, &rival->id);

	if (record == NULL || !record->has_text)
		return cached;
	if (record->shingles == NULL)
		record->shingles = signer_shingles_of(signing->signer, record->text);
	return record->shingles;
}

static void keep_shingles(struct signing *signing, struct records *records)
{
	for (size_t i = 0; i < records_count(records); i++) {
		struct record *record = records_at(records, i);

		if (record->shingles != NULL)
			(void)shingle_cache_put(signing->cache, &record->id, &record->shingles);
	}
}

static void judge(struct signing *signing, struct comparison *comparison, struct records *records,
	const struct reference *reference)
{
	struct text_source source = {signing, records};

	keep_nameable(signing, comparison, records, reference);
	rivals_score(&comparison->rivals, comparison->shingles,
		signing_weights(signing, &comparison->thresholds.weighting), signing->verifier, find_shingles, &source);
	const struct thresholds thresholds = thresholds_at(&comparison->thresholds, signing->weights->documents);
	comparison->verdict = verdict_reach(&signing->map, &comparison->text, &comparison->rivals, &thresholds);
	comparison->snapshot = signing->weights->number;
	if (comparison->draft) {
		signing_answer_draft(signing, comparison);
		return;
	}
	/* Nothing stands for what is not a duplicate. Nobody saw it until it is posted, so by what came meanwhile,
	 * which did not see it, it is judged again. */
	if (comparison->verdict.status != STATUS_DUPLICATE && comparison->unposted != 0) {
		comparison->stage = STAGE_INSISTING;
		signing_ask(signing, comparison);
		return;
	}
	comparison->stage = STAGE_REACHED;
	comparison_enqueue(&signing->reached, comparison);
}

/* False: PostgreSQL is away. */
static bool fetch(struct signing *signing, struct comparison *const *batch, size_t count, struct records **records)
{
	int64_t deadline_ms = clock_monotonic_ms() + RECORDS_DEADLINE_MS;
	struct records_wish *wishes = malloc(WISHES_MAX * sizeof(*wishes));
	uint32_t newest = 0;

	if (wishes == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		newest = batch[i]->snapshot > newest ? batch[i]->snapshot : newest;
	bool fetched = newest <= signing->weights->number ||
		       snapshots_take_newest(signing->pg, &signing->weights, deadline_ms);
	if (fetched) {
		size_t distinct = gather_wishes(signing, batch, count, wishes);
		fetched = records_fetch(signing->pg, wishes, distinct, records, deadline_ms) == PG_OK;
	}
	free(wishes);
	return fetched;
}

static size_t take_batch(struct signing *signing, struct comparison **batch)
{
	size_t count = 0;

	while (count < JUDGED_AT_ONCE && signing->compared.first != NULL) {
		struct comparison *comparison = comparison_dequeue(&signing->compared);
		if (comparison->abandoned)
			signing_release(signing, comparison);
		else
			batch[count++] = comparison;
	}
	return count;
}

void signing_set_away(struct signing *signing, bool away)
{
	signing->is_away = away;
	service_condition(signing->service, "postgresql", !away, "PostgreSQL is away");
}

void signing_judge(struct signing *signing)
{
	struct comparison *batch[JUDGED_AT_ONCE];
	size_t count;

	while ((count = take_batch(signing, batch)) > 0) {
		CLEANUP(records_free) struct records *records = NULL;
		if (!fetch(signing, batch, count, &records)) {
			signing_set_away(signing, true);
			for (size_t i = 0; i < count; i++)
				comparison_enqueue(&signing->compared, batch[i]);
			return;
		}
		signing_set_away(signing, false);
		const struct reference *reference = reference_acquire(signing->references);
		for (size_t i = 0; i < count; i++)
			judge(signing, batch[i], records, reference);
		reference_release(signing->references, &reference);
		keep_shingles(signing, records);
	}
}
