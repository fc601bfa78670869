#include "services/deduplication/shingle.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_SLOTS_MAX = 2 * SHINGLES_MAX, TABLE_SLOTS_LEAST = 256 };

struct shingle_table {
	uint32_t shift; /* 32 - log2(slots) */
	uint32_t mask;
	uint32_t slot[TABLE_SLOTS_MAX]; /* 0: free */
};

struct shingle_table *shingle_table_new(void)
{
	return calloc(1, sizeof(struct shingle_table));
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
	while (slots < 2 * keys && slots < TABLE_SLOTS_MAX) {
		slots *= 2;
		bits++;
	}
	table->mask = slots - 1;
	table->shift = 32 - bits;
	memset(table->slot, 0, slots * sizeof(table->slot[0]));
}

static bool table_add(struct shingle_table *table, uint32_t hash)
{
	uint32_t at = hash >> table->shift;
	while (table->slot[at] != 0) {
		if (table->slot[at] == hash)
			return false;
		at = (at + 1) & table->mask;
	}
	table->slot[at] = hash;
	return true;
}

/* The finaliser of MurmurHash3 over the window; the upper half is well mixed. */
static uint32_t hash_window(uint64_t window)
{
	window *= 0xFF51AFD7ED558CCDu;
	window ^= window >> 33;
	window *= 0xC4CEB9FE1A85EC53u;
	uint32_t hash = (uint32_t)(window >> 32);
	return hash == 0 ? 1 : hash;
}

static uint64_t window_at(const uint8_t *at, size_t left)
{
	uint64_t window = 0;
	memcpy(&window, at, left < sizeof(window) ? left : sizeof(window));
	return window & (((uint64_t)1 << (8 * SHINGLE_BYTES)) - 1);
}

uint32_t shingle_text(struct shingle_table *table, struct bytes folded, uint32_t *out, uint32_t *places)
{
	if (folded.size == 0)
		return 0;
	size_t windows = folded.size < SHINGLE_BYTES ? 1 : folded.size - SHINGLE_BYTES + 1;
	table_clear(table, windows);
	uint32_t count = 0;
	for (size_t i = 0; i < windows && count < SHINGLES_MAX; i++) {
		uint32_t hash = hash_window(window_at(folded.data + i, folded.size - i));
		out[count] = hash;
		if (places != NULL)
			places[count] = (uint32_t)i;
		count += table_add(table, hash);
	}
	return count;
}

void shingle_table_fill(struct shingle_table *table, const struct shingle_set *set)
{
	assert(set->count <= SHINGLES_MAX);
	table_clear(table, set->count);
	for (uint32_t i = 0; i < set->count; i++)
		(void)table_add(table, set->hash[i]);
}

bool shingle_table_has(const struct shingle_table *table, uint32_t hash)
{
	uint32_t at = hash >> table->shift;
	while (table->slot[at] != 0) {
		if (table->slot[at] == hash)
			return true;
		at = (at + 1) & table->mask;
	}
	return false;
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
