/* The index role's state: the owner of one shard. epoch.c claims the shard and watches over the claim, rebuild.c makes
 * the index whole, on_text_signed.c answers. Nothing is answered before the index is whole. One thread. */
#ifndef SANGKIEN_DEDUPLICATION_OWNER_H
#define SANGKIEN_DEDUPLICATION_OWNER_H

#include "common/edge/receiver.h"
#include "common/runtime/pg.h"
#include "services/deduplication/index.h"
#include "services/deduplication/signer.h"

enum owner_stage {
	OWNER_CLAIMING,   /* raises the epoch */
	OWNER_RESUMING,   /* takes up the newest snapshot (learning shard) */
	OWNER_RELEARNING, /* and the texts that came after it */
	OWNER_REBUILDING, /* from the stored signatures */
	OWNER_WHOLE,
	OWNER_SUPERSEDED, /* somebody else has raised the epoch since: this process has nothing to say any more */
};

struct owner {
	struct service *service;
	struct pg *pg;
	struct shard_map map;
	uint32_t shard;
	enum owner_stage stage;
	uint64_t epoch;
	struct text_index *index;
	/* Of the learning shard: */
	struct frequency *frequency;
	struct fold_table *fold;
	struct signer *signer;
	uint32_t *hashes; /* SHINGLES_MAX + 1 */
	struct shingle_table *shingles;
	struct id128 cursor; /* greatest id read in this stage */
	uint64_t read;       /* rows, in this stage */
	int64_t began_ms, checked_ms;
	bool overtaken;     /* a text has overtaken others, and the epoch is not raised yet */
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

/* epoch.c. False: PostgreSQL is away, try again. */
bool epoch_claim(struct owner *owner) MUST_CHECK;
/* What was answered before is not to be decided by any more. False: not raised (PostgreSQL is away, or somebody else
 * has raised it: OWNER_SUPERSEDED), try again. */
bool epoch_raise(struct owner *owner) MUST_CHECK;
/* Is the shard still ours? Asked each second; a failure to ask is no answer: quota's fence holds meanwhile. */
void epoch_check(struct owner *owner);

/* rebuild.c: one step (a page of rows). False: PostgreSQL is away, or there is no memory; try again. */
bool rebuild_resume(struct owner *owner) MUST_CHECK;
bool rebuild_relearn(struct owner *owner) MUST_CHECK;
bool rebuild_page(struct owner *owner) MUST_CHECK;

/* on_text_signed.c: the receiver's on_batch, once the owner is whole. */
void on_text_signed(struct delivery *delivery, void *owner);
void owner_learn(struct owner *owner, const struct id128 *id, struct bytes folded);
/* Publishes a snapshot where one is due. */
void owner_publish(struct owner *owner);

#endif
