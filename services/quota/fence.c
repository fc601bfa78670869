#include "services/quota/fence.h"

#include "common/runtime/mutant.h"

#include <stdlib.h>

static int compare_shards(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

uint32_t *fence_shards(const struct verdict *verdicts, size_t count, struct arena *arena, size_t *shard_count)
{
	size_t all = 0, next = 0;
	uint32_t *shards;

	for (size_t i = 0; i < count; i++)
		all += verdicts[i].fate == FATE_OPEN ? verdicts[i].consulted_count : 0;
	shards = arena_alloc(arena, all * sizeof(*shards));
	*shard_count = 0;
	if (shards == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; verdicts[i].fate == FATE_OPEN && k < verdicts[i].consulted_count; k++)
			shards[next++] = verdicts[i].consulted[k].shard;
	qsort(shards, all, sizeof(*shards), compare_shards);
	for (size_t i = 0; i < all; i++)
		if (*shard_count == 0 || shards[*shard_count - 1] != shards[i])
			shards[(*shard_count)++] = shards[i];
	return shards;
}

static bool is_current(const struct shard_epoch *consulted, const struct shard_epoch *locked, size_t locked_count)
{
	if (MUTANT_NO_FENCING_EPOCH)
		return true;
	for (size_t i = 0; i < locked_count; i++)
		if (locked[i].shard == consulted->shard)
			return locked[i].epoch == consulted->epoch;
	return false;
}

static bool is_admitted(const struct verdict *verdict, const struct shard_epoch *locked, size_t locked_count)
{
	for (size_t i = 0; i < verdict->consulted_count; i++)
		if (!is_current(&verdict->consulted[i], locked, locked_count))
			return false;
	return true;
}

void fence_judge(struct verdict *verdicts, size_t count, const struct shard_epoch *locked, size_t locked_count)
{
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].fate == FATE_OPEN && !is_admitted(&verdicts[i], locked, locked_count)) {
			verdicts[i].fate = FATE_NOT_NOW;
			verdicts[i].is_fenced = true;
		}
}
