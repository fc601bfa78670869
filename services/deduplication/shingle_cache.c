#include "services/deduplication/shingle_cache.h"

#include <stdlib.h>
#include <string.h>

struct place {
	struct id128 id;
	struct shingle_set *set; /* NULL: free */
};

struct shingle_cache {
	uint32_t places;
	struct place place[];
};

struct shingle_cache *shingle_cache_new(uint32_t texts)
{
	struct shingle_cache *cache = calloc(1, sizeof(*cache) + texts * sizeof(cache->place[0]));

	if (cache != NULL)
		cache->places = texts;
	return cache;
}

void shingle_cache_free(struct shingle_cache **cache)
{
	if (*cache == NULL)
		return;
	for (uint32_t i = 0; i < (*cache)->places; i++)
		free((*cache)->place[i].set);
	free(*cache);
	*cache = NULL;
}

/* Ids end in random octets. */
static uint32_t place_of(const struct shingle_cache *cache, const struct id128 *id)
{
	uint32_t random;

	memcpy(&random, id->octet + ID128_SIZE - sizeof(random), sizeof(random));
	return (uint32_t)((uint64_t)random * cache->places >> 32);
}

const struct shingle_set *shingle_cache_get(const struct shingle_cache *cache, const struct id128 *id)
{
	const struct place *place = &cache->place[place_of(cache, id)];

	return place->set != NULL && id128_equal(&place->id, id) ? place->set : NULL;
}

const struct shingle_set *shingle_cache_put(
	struct shingle_cache *cache, const struct id128 *id, struct shingle_set **set)
{
	struct place *place = &cache->place[place_of(cache, id)];

	free(place->set);
	place->id = *id;
	place->set = *set;
	*set = NULL;
	return place->set;
}
