#include "services/deduplication/entries.h"

#include "services/deduplication/pages.h"

#include <stdlib.h>
#include <string.h>

enum { MAP_LEAST = 1024, LOAD_NUMERATOR = 3, LOAD_DENOMINATOR = 4 };

/* Ids end in random octets and a digest is random all through: the last eight are a hash as they are. */
static uint32_t home_of(const struct id128 *key, uint32_t campaign, uint32_t capacity)
{
	uint64_t hash;
	memcpy(&hash, key->octet + 8, sizeof(hash));
	hash = (hash ^ campaign) * 0x9E3779B97F4A7C15u;
	return (uint32_t)((hash >> 32) * capacity >> 32);
}

static void map_put(struct entry_map *map, uint32_t home, uint32_t number)
{
	while (map->slot[home] != ENTRY_NONE)
		home = home + 1 == map->capacity ? 0 : home + 1;
	map->slot[home] = number;
	map->used++;
}

static void map_deinit(struct entry_map *map)
{
	pages_free(map->slot, map->capacity * sizeof(*map->slot));
}

static bool map_resize(struct entry_map *map, uint32_t capacity)
{
	uint32_t *slot = pages_new(capacity * sizeof(*slot));
	if (slot == NULL)
		return false;
	memset(slot, 0xFF, capacity * sizeof(*slot));
	map_deinit(map);
	*map = (struct entry_map){.slot = slot, .capacity = capacity};
	return true;
}

static bool map_is_full(const struct entry_map *map)
{
	return (uint64_t)(map->used + 1) * LOAD_DENOMINATOR > (uint64_t)map->capacity * LOAD_NUMERATOR;
}

static uint32_t map_next_capacity(const struct entry_map *map)
{
	return map->capacity < MAP_LEAST ? MAP_LEAST : map->capacity + map->capacity / 3;
}

void entries_deinit(struct entries *entries)
{
	for (uint32_t i = 0; i < entries->chunks; i++)
		pages_free(entries->chunk[i], ENTRY_CHUNK_SIZE);
	free(entries->chunk);
	map_deinit(&entries->by_id);
	map_deinit(&entries->by_digest);
	*entries = (struct entries){0};
}

uint32_t entries_find(const struct entries *entries, const struct id128 *id)
{
	const struct entry_map *map = &entries->by_id;
	if (map->capacity == 0)
		return ENTRY_NONE;
	uint32_t at = home_of(id, 0, map->capacity);
	while (map->slot[at] != ENTRY_NONE && !id128_equal(&entry_at(entries, map->slot[at])->id, id))
		at = at + 1 == map->capacity ? 0 : at + 1;
	return map->slot[at];
}

uint32_t entries_find_digest(const struct entries *entries, const struct id128 *digest, uint32_t campaign)
{
	const struct entry_map *map = &entries->by_digest;
	if (map->capacity == 0)
		return ENTRY_NONE;
	for (uint32_t at = home_of(digest, campaign, map->capacity); map->slot[at] != ENTRY_NONE;
		at = at + 1 == map->capacity ? 0 : at + 1) {
		const struct entry *entry = entry_at(entries, map->slot[at]);
		if (id128_equal(&entry->digest, digest) && entry->campaign == campaign)
			return map->slot[at];
	}
	return ENTRY_NONE;
}

static bool reserve_by_id(struct entries *entries)
{
	struct entry_map *map = &entries->by_id;
	if (!map_is_full(map))
		return true;
	if (!map_resize(map, map_next_capacity(map)))
		return false;
	for (uint32_t i = 0; i < entries->count; i++)
		map_put(map, home_of(&entry_at(entries, i)->id, 0, map->capacity), i);
	return true;
}

static bool reserve_by_digest(struct entries *entries)
{
	struct entry_map old = entries->by_digest, *map = &entries->by_digest;
	if (!map_is_full(map))
		return true;
	map->slot = NULL;
	if (!map_resize(map, map_next_capacity(&old))) {
		*map = old;
		return false;
	}
	for (uint32_t i = 0; i < old.capacity; i++) {
		if (old.slot[i] == ENTRY_NONE)
			continue;
		const struct entry *entry = entry_at(entries, old.slot[i]);
		map_put(map, home_of(&entry->digest, entry->campaign, map->capacity), old.slot[i]);
	}
	map_deinit(&old);
	return true;
}

bool entries_reserve(struct entries *entries)
{
	if (!reserve_by_id(entries) || !reserve_by_digest(entries))
		return false;
	if (entries->count < entries->chunks * ENTRIES_A_CHUNK)
		return true;
	struct entry **chunk = realloc(entries->chunk, (entries->chunks + 1) * sizeof(struct entry *));
	if (chunk == NULL)
		return false;
	entries->chunk = chunk;
	chunk[entries->chunks] = pages_new(ENTRY_CHUNK_SIZE);
	if (chunk[entries->chunks] == NULL)
		return false;
	entries->chunks++;
	return true;
}

/* At the chain's end, in order. Only the first of a scope and digest is chained: a copy in the same scope is
 * represented by it, and ten thousand copies make no chain. Nor do copies in ten thousand scopes: beyond
 * ENTRY_CHAIN_MAX they are found by their keys alone. */
static void chain(struct entries *entries, uint32_t first, uint32_t number)
{
	const struct entry *entry = entry_at(entries, number);
	struct entry *at = entry_at(entries, first);
	uint32_t length = 1;
	for (; at->scope != entry->scope && at->same_digest != ENTRY_NONE; length++)
		at = entry_at(entries, at->same_digest);
	if (at->scope != entry->scope && length < ENTRY_CHAIN_MAX)
		at->same_digest = number;
}

struct entry *entries_add(
	struct entries *entries, const struct id128 *id, const struct id128 *digest, uint32_t campaign, uint32_t scope)
{
	uint32_t number = entries->count++;
	struct entry *entry = entry_at(entries, number);
	*entry = (struct entry){.id = *id,
		.digest = *digest,
		.scope = scope,
		.same_digest = ENTRY_NONE,
		.campaign = (uint16_t)campaign};
	map_put(&entries->by_id, home_of(id, 0, entries->by_id.capacity), number);
	uint32_t first = entries_find_digest(entries, digest, campaign);
	if (first == ENTRY_NONE)
		map_put(&entries->by_digest, home_of(digest, campaign, entries->by_digest.capacity), number);
	else
		chain(entries, first, number);
	return entry;
}

uint64_t entries_bytes(const struct entries *entries)
{
	return (uint64_t)entries->chunks * ENTRY_CHUNK_SIZE +
	       ((uint64_t)entries->by_id.capacity + entries->by_digest.capacity) * sizeof(uint32_t);
}
