/* The fence (law 3): a verdict that asked an index which has been rebuilt since may have missed a copy, for the new
 * owner took in what was decided alone. So it is admitted where every shard that it consulted has now the epoch that it
 * had then, and refused anywhere else, to be dispatched again. `Now` is a row locked FOR SHARE until the commit, which
 * keeps an owner from raising its epoch until what is decided here can be read by its rebuild. No I/O: the rows are an
 * argument, and ledger_decide.c locks them. */
#ifndef SANGKIEN_QUOTA_FENCE_H
#define SANGKIEN_QUOTA_FENCE_H

#include "services/quota/verdict.h"

/* The shards to lock for the verdicts that are still open: each once, ascending, so that no two batches wait for each
 * other. NULL: the arena is full. */
uint32_t *fence_shards(
	const struct verdict *verdicts, size_t count, struct arena *arena, size_t *shard_count) MUST_CHECK;

/* `locked`: the rows that were there, in any order. Of the open verdicts those of a passed epoch become FATE_NOT_NOW
 * and fenced. */
void fence_judge(struct verdict *verdicts, size_t count, const struct shard_epoch *locked, size_t locked_count);

#endif
