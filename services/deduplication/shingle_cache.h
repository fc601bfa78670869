/* Shingles of texts that were compared of late, so that a form everybody copies is not fetched and folded for every
 * copy. Bounded; a new text takes the place of an older one. One thread. */
#ifndef SANGKIEN_DEDUPLICATION_SHINGLE_CACHE_H
#define SANGKIEN_DEDUPLICATION_SHINGLE_CACHE_H

#include "services/deduplication/shingle.h"

struct shingle_cache;

struct shingle_cache *shingle_cache_new(uint32_t texts) MUST_CHECK; /* NULL without memory */
void shingle_cache_free(struct shingle_cache **cache);

/* Borrowed until the next put; NULL: not here. */
const struct shingle_set *shingle_cache_get(const struct shingle_cache *cache, const struct id128 *id);
/* Takes the set; gives it back borrowed. */
const struct shingle_set *shingle_cache_put(
	struct shingle_cache *cache, const struct id128 *id, struct shingle_set **set);

#endif
