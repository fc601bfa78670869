/* The set of five-byte windows of a folded text, hashed to 32 bits. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_SHINGLE_H
#define SANGKIEN_DEDUPLICATION_SHINGLE_H

#include "common/runtime/base.h"

enum {
	SHINGLE_BYTES = 5,
	SHINGLES_MAX = 16384, /* of a text; what goes beyond is not compared (exact copies are found by digest) */
};

/* Each hash once, in order of first occurrence; never 0. */
struct shingle_set {
	uint32_t count;
	uint32_t hash[];
};

/* Open addressing from the upper bits of a hash; 0 is a free slot. */
struct shingle_slots {
	const uint32_t *slot;
	uint32_t shift; /* 32 - log2(slots) */
	uint32_t mask;
};

/* A hash table of one set, for building it and for asking what another set has in common with it. One thread. */
struct shingle_table;
struct shingle_table *shingle_table_new(void) MUST_CHECK; /* NULL without memory */
void shingle_table_free(struct shingle_table **table);

/* Writes the set of a folded text and where each shingle first stands (NULL: not wanted); both have room for
 * SHINGLES_MAX + 1. A text of 1-4 bytes is one shingle. */
uint32_t shingle_text(struct shingle_table *table, struct bytes folded, uint32_t *out, uint32_t *places);

/* Fills the table with a set, to be asked what another has in common with it (lanes.h); borrowed until the next. */
struct shingle_slots shingle_table_fill(struct shingle_table *table, const struct shingle_set *set);

/* A set of its own on the heap; NULL without memory. */
struct shingle_set *shingle_set_new(const uint32_t *hashes, uint32_t count) MUST_CHECK;
void shingle_set_free(struct shingle_set **set);

#endif
