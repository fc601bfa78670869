#include "services/deduplication/comparison.h"

#include <stdlib.h>
#include <string.h>

struct comparison_pool {
	uint32_t size, used;
	struct comparison *free;
	struct comparison comparison[];
};

void comparison_enqueue(struct comparison_queue *queue, struct comparison *comparison)
{
	comparison->next = NULL;
	if (queue->last == NULL)
		queue->first = comparison;
	else
		queue->last->next = comparison;
	queue->last = comparison;
}

struct comparison *comparison_dequeue(struct comparison_queue *queue)
{
	struct comparison *first = queue->first;

	if (first == NULL)
		return NULL;
	queue->first = first->next;
	if (queue->first == NULL)
		queue->last = NULL;
	return first;
}

struct comparison_pool *comparison_pool_new(uint32_t count)
{
	struct comparison_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(pool->comparison[0]));

	if (pool == NULL)
		return NULL;
	pool->size = count;
	for (uint32_t i = count; i > 0; i--) {
		pool->comparison[i - 1].next = pool->free;
		pool->free = &pool->comparison[i - 1];
	}
	return pool;
}

void comparison_pool_free(struct comparison_pool **pool)
{
	if (*pool == NULL)
		return;
	for (uint32_t i = 0; i < (*pool)->size; i++) {
		free((*pool)->comparison[i].shingles);
		free((*pool)->comparison[i].folded);
	}
	free(*pool);
	*pool = NULL;
}

struct comparison *comparison_take(struct comparison_pool *pool)
{
	struct comparison *comparison = pool->free;

	if (comparison == NULL)
		return NULL;
	pool->free = comparison->next;
	pool->used++;
	memset(comparison, 0, sizeof(*comparison));
	return comparison;
}

void comparison_release(struct comparison_pool *pool, struct comparison *comparison)
{
	assert(comparison->gathering == NULL);
	free(comparison->shingles);
	free(comparison->folded);
	comparison->shingles = NULL;
	comparison->folded = NULL;
	comparison->stage = STAGE_FREE;
	comparison->next = pool->free;
	pool->free = comparison;
	pool->used--;
}

uint32_t comparison_number(const struct comparison_pool *pool, const struct comparison *comparison)
{
	return (uint32_t)(comparison - pool->comparison);
}

struct comparison *comparison_at(struct comparison_pool *pool, uint32_t number)
{
	assert(number < pool->size);
	return &pool->comparison[number];
}

uint32_t comparison_pool_size(const struct comparison_pool *pool)
{
	return pool->size;
}

uint32_t comparison_pool_used(const struct comparison_pool *pool)
{
	return pool->used;
}
