/* The postings of one place: from a key to the entries that have it there. A slot is one octet of the key and the
 * entry's number; the rest of the key is where the slot stands. Open addressing in the order of the keys, so that
 * equal keys stand together and a list is read from a cache line or two. */
#ifndef SANGKIEN_DEDUPLICATION_POSTINGS_H
#define SANGKIEN_DEDUPLICATION_POSTINGS_H

#include "services/deduplication/entries.h"

struct postings {
	uint8_t *tag; /* 0: free */
	uint32_t *entry;
	uint32_t capacity; /* homes; behind them lies some slack, so that nothing wraps */
	uint32_t used;
};

void postings_deinit(struct postings *postings);

/* Where to begin to look; fetch it early, then walk. */
uint32_t postings_home(const struct postings *postings, uint32_t key);
static inline void postings_fetch(const struct postings *postings, uint32_t home)
{
	__builtin_prefetch(postings->tag + home);
	__builtin_prefetch(postings->entry + home);
}

/* Entries that (all but surely) have this key here, in the order they were added; at most `most`. */
uint32_t postings_find(const struct postings *postings, uint32_t key, uint32_t home, uint32_t *entries, uint32_t most);

/* Room for one more is made from the entries when there is none: false without memory. */
bool postings_reserve(struct postings *postings, uint32_t place, const struct entries *entries,
	const struct shard_map *map, uint32_t shard) MUST_CHECK;
/* Nothing happens where the key's list is full (INDEX_LIST_MAX) or its neighbourhood is. */
void postings_add(struct postings *postings, uint32_t key, uint32_t entry);
uint64_t postings_bytes(const struct postings *postings);

#endif
