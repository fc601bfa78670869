/* The texts a shard holds, in the order they came, and the maps that find them by id and by digest. A map is a plain
 * array of numbers: the key itself stands in the entry. */
#ifndef SANGKIEN_DEDUPLICATION_ENTRIES_H
#define SANGKIEN_DEDUPLICATION_ENTRIES_H

#include "services/deduplication/sketch.h"

enum { ENTRY_NONE = UINT32_MAX, ENTRY_CHAIN_MAX = 64 };

struct entry {
	/* Three octets a place, lowest first. In front, because LANES_KEYS_ROOM octets are read. */
	uint8_t key[LANES_KEYS_SIZE];
	struct id128 id;
	struct id128 digest;
	uint32_t scope;
	uint32_t same_digest; /* the next entry of the same digest and campaign, in order; ENTRY_NONE */
	uint32_t order;       /* in which they came to stand: of asking, or of insisting where it was posted then */
	uint16_t campaign;
	bool posted, overtakes;
};
static_assert(sizeof(struct entry) >= LANES_KEYS_ROOM, "keys are read in whole registers");

enum { ENTRY_CHUNK_SIZE = 1 << 21, ENTRIES_A_CHUNK = ENTRY_CHUNK_SIZE / sizeof(struct entry) }; /* a huge page */

struct entry_map {
	uint32_t *slot; /* entry number, or ENTRY_NONE */
	uint32_t capacity, used;
};

struct entries {
	struct entry **chunk;
	uint32_t chunks, count;
	struct entry_map by_id, by_digest;
};

void entries_deinit(struct entries *entries);

static inline struct entry *entry_at(const struct entries *entries, uint32_t number)
{
	return &entries->chunk[number / ENTRIES_A_CHUNK][number % ENTRIES_A_CHUNK];
}
static inline uint32_t entry_key(const struct entry *entry, uint32_t place)
{
	const uint8_t *at = entry->key + 3 * place;
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

/* ENTRY_NONE: none. By digest: the first that came in that campaign; the others follow by same_digest. */
uint32_t entries_find(const struct entries *entries, const struct id128 *id);
uint32_t entries_find_digest(const struct entries *entries, const struct id128 *digest, uint32_t campaign);

/* Room for one more entry is made first, so that entries_add() cannot fail. */
bool entries_reserve(struct entries *entries) MUST_CHECK;
/* A new entry, in the maps, with no keys yet. */
struct entry *entries_add(
	struct entries *entries, const struct id128 *id, const struct id128 *digest, uint32_t campaign, uint32_t scope);
uint64_t entries_bytes(const struct entries *entries);

#endif
