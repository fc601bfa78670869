#include "services/deduplication/signing.h"

enum { ANSWER_ARENA_BYTES = 1 << 20 };

static void open_metrics(struct signing *signing)
{
	struct metrics *metrics = service_metrics(signing->service);
	struct signing_metrics *m = &signing->metrics;
	const char *name = "sangkien_deduplication_verdicts_total", *help = "verdicts handed on to quota";

	m->counted = metrics_counter(metrics, name, "status=\"counted\"", help);
	m->under_review = metrics_counter(metrics, name, "status=\"under_review\"", help);
	m->duplicate = metrics_counter(metrics, name, "status=\"duplicate\"", help);
	m->rejected = metrics_counter(metrics, name, "status=\"rejected\"", help);
	m->returned = metrics_counter(metrics, "sangkien_deduplication_returned_total", NULL,
		"submissions given back to be handed out again");
	m->asked_again = metrics_counter(metrics, "sangkien_deduplication_asked_again_total", NULL,
		"verdicts that quota sent back to be compared anew");
	m->poison = metrics_counter(
		metrics, "sangkien_deduplication_poison_total", NULL, "verdicts that quota refused for good");
	m->questions = metrics_counter(metrics, "sangkien_deduplication_questions_total", NULL,
		"drafts compared and pairs explained for people");
	m->under_way = metrics_gauge(
		metrics, "sangkien_deduplication_under_way", NULL, "submissions between validation and quota");
}

bool signing_init(
	struct signing *signing, struct service *service, uint32_t shards, uint32_t window, uint32_t cached_texts)
{
	*signing = (struct signing){.service = service};
	shard_map_init(&signing->map, shards);
	open_metrics(signing);
	return (signing->pool = comparison_pool_new(window)) != NULL && (signing->fold = fold_table_new()) != NULL &&
	       (signing->signer = signer_new(signing->fold)) != NULL && (signing->verifier = verifier_new()) != NULL &&
	       (signing->weights = weights_new_empty()) != NULL &&
	       (signing->cache = shingle_cache_new(cached_texts)) != NULL &&
	       (signing->arena = arena_new(ANSWER_ARENA_BYTES)) != NULL;
}

void signing_deinit(struct signing *signing)
{
	if (signing->arena != NULL)
		arena_free(&signing->arena);
	buffer_deinit(&signing->body);
	shingle_cache_free(&signing->cache);
	weights_free(&signing->weights);
	verifier_free(&signing->verifier);
	signer_free(&signing->signer);
	fold_table_free(&signing->fold);
	comparison_pool_free(&signing->pool);
}

static bool weigh_alike(const struct campaign_weighting *a, const struct campaign_weighting *b)
{
	return a->prior == b->prior && a->power == b->power;
}

const struct weights *signing_weights(struct signing *signing, const struct campaign_weighting *by)
{
	static const struct campaign_weighting standard = CAMPAIGN_WEIGHTING_DEFAULT;

	if (weigh_alike(by, &standard))
		return signing->weights;
	for (uint32_t i = 0; i < SIGNING_WEIGHTINGS; i++) {
		const struct signing_weights *kept = &signing->other_weights[i];
		if (weigh_alike(by, &kept->by) && kept->weights.number == signing->weights->number &&
			kept->weights.level == signing->weights->level)
			return &kept->weights;
	}
	struct signing_weights *made = &signing->other_weights[signing->next_weights++ % SIGNING_WEIGHTINGS];
	made->by = *by;
	weights_for(signing->weights, by, &made->weights);
	return &made->weights;
}

void signing_release(struct signing *signing, struct comparison *comparison)
{
	if (comparison->draft)
		signing_end_draft(signing, comparison);
	else if (comparison->shingles != NULL)
		(void)shingle_cache_put(signing->cache, &comparison->text.id, &comparison->shingles);
	comparison_release(signing->pool, comparison);
}
