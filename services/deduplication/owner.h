/* The index role's state: the owner of one shard. What it does next is its tenure's; epoch.c claims the shard and
 * watches over the claim, rebuild.c makes the index whole, on_text_signed.c answers. One thread. */
#ifndef SANGKIEN_DEDUPLICATION_OWNER_H
#define SANGKIEN_DEDUPLICATION_OWNER_H

#include "common/edge/receiver.h"
#include "common/runtime/pg.h"
#include "services/deduplication/index.h"
#include "services/deduplication/signer.h"
#include "services/deduplication/tenure.h"

struct owner {
	struct service *service;
	struct pg *pg;
	struct shard_map map;
	uint32_t shard;
	struct tenure tenure;
	struct text_index *index;
	/* Of the learning shard: */
	struct frequency *frequency;
	struct fold_table *fold;
	struct signer *signer;
	uint32_t *hashes; /* SHINGLES_MAX + 1 */
	struct shingle_table *shingles;
	struct id128 cursor; /* greatest id read in this stage */
	uint64_t read;       /* rows, in this stage */
	int64_t began_ms;
	struct buffer body; /* of the answer being written */
	struct owner_metrics {
		struct metric *answered, *learnt, *refused, *texts, *bytes, *epoch, *snapshot;
	} metrics;
};

bool owner_init(
	struct owner *owner, struct service *service, struct pg *pg, uint32_t shard, uint32_t shards) MUST_CHECK;
void owner_deinit(struct owner *owner); /* tolerates the half-built */
static inline bool owner_learns(const struct owner *owner)
{
	return owner->shard == LEARNING_SHARD;
}

/* What the tenure asks for. False: nothing is known of what came of it (PostgreSQL is away, or there is no memory).
 * epoch.c: */
bool epoch_claim(struct owner *owner) MUST_CHECK;
bool epoch_check(struct owner *owner) MUST_CHECK;
/* What was answered before is not to be decided by any more. False also where the shard is not ours any more. */
bool epoch_raise(struct owner *owner) MUST_CHECK;
/* rebuild.c, where one step is a page of rows: */
bool rebuild_resume(struct owner *owner) MUST_CHECK;
bool rebuild_relearn(struct owner *owner) MUST_CHECK;
bool rebuild_page(struct owner *owner) MUST_CHECK;

/* on_text_signed.c: the receiver's on_batch, once the owner is whole. */
void on_text_signed(struct delivery *delivery, void *owner);
void owner_learn(struct owner *owner, const struct id128 *id, struct bytes folded);
/* Publishes a snapshot where one is due. */
void owner_publish(struct owner *owner);

#endif
