#include "services/deduplication/owner.h"

#include <stdlib.h>

static void open_metrics(struct owner *owner)
{
	struct metrics *metrics = service_metrics(owner->service);
	struct owner_metrics *m = &owner->metrics;

	m->answered = metrics_counter(
		metrics, "sangkien_deduplication_answered_total", NULL, "texts asked about and answered");
	m->learnt = metrics_counter(
		metrics, "sangkien_deduplication_learnt_total", NULL, "texts whose shingles were counted");
	m->refused = metrics_counter(metrics, "sangkien_deduplication_index_refused_total", NULL,
		"questions sent back for want of room in the index");
	m->texts = metrics_gauge(metrics, "sangkien_deduplication_index_texts", NULL, "texts in this shard");
	m->bytes = metrics_gauge(metrics, "sangkien_deduplication_index_bytes", NULL, "memory of this shard's index");
	m->epoch = metrics_gauge(metrics, "sangkien_deduplication_index_epoch", NULL, "epoch of this shard");
	m->snapshot = metrics_gauge(
		metrics, "sangkien_deduplication_snapshot_number", NULL, "newest snapshot this owner has published");
}

bool owner_init(struct owner *owner, struct service *service, struct pg *pg, uint32_t shard, uint32_t shards)
{
	*owner = (struct owner){.service = service, .pg = pg, .shard = shard};
	tenure_init(&owner->tenure, owner_learns(owner));
	shard_map_init(&owner->map, shards);
	open_metrics(owner);
	owner->index = index_new(&owner->map, shard);
	if (owner->index == NULL || !owner_learns(owner))
		return owner->index != NULL;
	return (owner->frequency = frequency_new()) != NULL && (owner->fold = fold_table_new()) != NULL &&
	       (owner->signer = signer_new(owner->fold)) != NULL && (owner->shingles = shingle_table_new()) != NULL &&
	       (owner->hashes = malloc((SHINGLES_MAX + 1) * sizeof(*owner->hashes))) != NULL;
}

void owner_deinit(struct owner *owner)
{
	index_free(&owner->index);
	frequency_free(&owner->frequency);
	signer_free(&owner->signer);
	fold_table_free(&owner->fold);
	shingle_table_free(&owner->shingles);
	free(owner->hashes);
	buffer_deinit(&owner->body);
}
