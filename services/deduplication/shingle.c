#include "services/deduplication/shingle.h"

#include "services/deduplication/lanes.h"

#include <stdlib.h>
#include <string.h>

/* Eight slots a shingle, in two octets each: few probes end at another one, and a usual text's table is in the nearest
 * cache. */
enum { TABLE_SLOTS_MAX = 1 << 15, TABLE_SLOTS_LEAST = 256, SLOTS_A_SHINGLE = 8, WINDOWS_AT_ONCE = 1024 };
static_assert(TABLE_SLOTS_MAX >= 2 * SHINGLES_MAX && SHINGLES_MAX < UINT16_MAX, "a slot holds a number");

struct shingle_table {
	const struct lanes *lanes;
	const uint32_t *hash; /* of the set, borrowed */
	uint32_t shift;       /* 32 - log2(slots) */
	uint32_t mask;
	uint16_t slot[TABLE_SLOTS_MAX]; /* a hash's number in the set, from 1; 0: free */
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
static void table_clear(struct shingle_table *table, const uint32_t *hash, size_t keys)
{
	uint32_t slots = TABLE_SLOTS_LEAST, bits = 8;
	while (slots < SLOTS_A_SHINGLE * keys && slots < TABLE_SLOTS_MAX) {
		slots *= 2;
		bits++;
	}
	table->hash = hash;
	table->mask = slots - 1;
	table->shift = 32 - bits;
	memset(table->slot, 0, slots * sizeof(table->slot[0]));
}

/* The slot where a hash is, or where it would be. */
static uint32_t table_find(const struct shingle_table *table, uint32_t hash)
{
	uint32_t at = hash >> table->shift;
	while (table->slot[at] != 0 && table->hash[table->slot[at] - 1] != hash)
		at = (at + 1) & table->mask;
	return at;
}

/* The hash that is `number` in the set: is it new? */
static bool table_add(struct shingle_table *table, uint32_t number)
{
	uint32_t at = table_find(table, table->hash[number]);
	if (table->slot[at] != 0)
		return false;
	table->slot[at] = (uint16_t)(number + 1);
	return true;
}

uint32_t shingle_text(struct shingle_table *table, struct bytes folded, uint32_t *out, uint32_t *places)
{
	if (folded.size == 0)
		return 0;
	size_t windows = folded.size < SHINGLE_BYTES ? 1 : folded.size - SHINGLE_BYTES + 1;
	uint32_t hashes[WINDOWS_AT_ONCE], count = 0;
	table_clear(table, out, windows);
	for (size_t from = 0; from < windows && count < SHINGLES_MAX; from += WINDOWS_AT_ONCE) {
		size_t these = windows - from < WINDOWS_AT_ONCE ? windows - from : WINDOWS_AT_ONCE;
		table->lanes->hash_windows(folded.data + from, folded.size - from, these, hashes);
		for (size_t i = 0; i < these && count < SHINGLES_MAX; i++) {
			out[count] = hashes[i];
			if (places != NULL)
				places[count] = (uint32_t)(from + i);
			count += table_add(table, count);
		}
	}
	return count;
}

void shingle_table_fill(struct shingle_table *table, const struct shingle_set *set)
{
	assert(set->count <= SHINGLES_MAX);
	table_clear(table, set->hash, set->count);
	for (uint32_t i = 0; i < set->count; i++)
		(void)table_add(table, i);
}

bool shingle_table_has(const struct shingle_table *table, uint32_t hash)
{
	return table->slot[table_find(table, hash)] != 0;
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
