#include "services/deduplication/shingle.h"

#include "services/deduplication/lanes.h"

#include <stdlib.h>
#include <string.h>

/* Four slots a shingle: few probes end at another one, and a usual text's table is in the nearest cache. */
enum { TABLE_SLOTS_MAX = 1 << 16, TABLE_SLOTS_LEAST = 256, SLOTS_A_SHINGLE = 4, WINDOWS_AT_ONCE = 1024 };
static_assert(TABLE_SLOTS_MAX >= 2 * SHINGLES_MAX, "there is always a free slot");

struct shingle_table {
	const struct lanes *lanes;
	uint32_t shift; /* 32 - log2(slots) */
	uint32_t mask;
	uint32_t slot[TABLE_SLOTS_MAX]; /* a hash; 0: free */
};

struct shingle_table *shingle_table_new(void)
{
	struct shingle_table *table = calloc(1, sizeof(*table));
	if (table != NULL)
		table->lanes = lanes_best();
	return table;
}

void shingle_table_free(struct shingle_table **table)
{
	free(*table);
	*table = NULL;
}

/* Only as many slots as the text needs are cleared and touched: a short text stays in the nearest cache. */
static void table_clear(struct shingle_table *table, size_t keys)
{
	uint32_t slots = TABLE_SLOTS_LEAST, bits = 8;
	while (slots < SLOTS_A_SHINGLE * keys && slots < TABLE_SLOTS_MAX) {
		slots *= 2;
		bits++;
	}
	table->mask = slots - 1;
	table->shift = 32 - bits;
	memset(table->slot, 0, slots * sizeof(table->slot[0]));
}

/* The slot where a hash is, or where it would be. */
static inline uint32_t table_find(const struct shingle_table *table, uint32_t hash)
{
	uint32_t at = hash >> table->shift;
	while (table->slot[at] != 0 && table->slot[at] != hash)
		at = (at + 1) & table->mask;
	return at;
}

/* Those of the hashes that are new go to `out` (which may be `hashes`), with their places where they are wanted. */
static inline uint32_t add_new(struct shingle_table *table, const uint32_t *hashes, uint32_t count, uint32_t from,
	uint32_t *out, uint32_t *places)
{
	uint32_t added = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t hash = hashes[i], at = table_find(table, hash);
		out[added] = hash;
		if (places != NULL)
			places[added] = from + i;
		added += table->slot[at] == 0;
		table->slot[at] = hash;
	}
	return added;
}

uint32_t shingle_text(struct shingle_table *table, struct bytes folded, uint32_t *out, uint32_t *places)
{
	if (folded.size == 0)
		return 0;
	size_t windows = folded.size < SHINGLE_BYTES ? 1 : folded.size - SHINGLE_BYTES + 1;
	uint32_t hashes[WINDOWS_AT_ONCE], count = 0;
	table_clear(table, windows);
	for (size_t from = 0; from < windows && count < SHINGLES_MAX;) {
		uint32_t these = (uint32_t)(windows - from < WINDOWS_AT_ONCE ? windows - from : WINDOWS_AT_ONCE);
		these = these < SHINGLES_MAX - count ? these : SHINGLES_MAX - count;
		table->lanes->hash_windows(folded.data + from, folded.size - from, these, hashes);
		count += places == NULL ? add_new(table, hashes, these, 0, out + count, NULL)
					: add_new(table, hashes, these, (uint32_t)from, out + count, places + count);
		from += these;
	}
	return count;
}

struct shingle_slots shingle_table_fill(struct shingle_table *table, const struct shingle_set *set)
{
	assert(set->count <= SHINGLES_MAX);
	table_clear(table, set->count);
	for (uint32_t i = 0; i < set->count; i++)
		table->slot[table_find(table, set->hash[i])] = set->hash[i];
	return (struct shingle_slots){table->slot, table->shift, table->mask};
}

struct shingle_set *shingle_set_new(const uint32_t *hashes, uint32_t count)
{
	struct shingle_set *set = malloc(sizeof(*set) + count * sizeof(set->hash[0]));
	if (set == NULL)
		return NULL;
	set->count = count;
	memcpy(set->hash, hashes, count * sizeof(set->hash[0]));
	return set;
}

void shingle_set_free(struct shingle_set **set)
{
	free(*set);
	*set = NULL;
}
