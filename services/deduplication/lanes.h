/* The hot loops of the method, each written twice: in plain C, and for AVX2. Which of the two runs is chosen when the
 * program runs, by the processor it finds. Both give the same bits, so that texts signed on different machines meet;
 * tests/unit/deduplication/test_lanes.c holds them against each other. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_LANES_H
#define SANGKIEN_DEDUPLICATION_LANES_H

#include "services/deduplication/shingle.h"

enum {
	LANES_PLACES = 40,                  /* of a sketch */
	LANES_KEYS_SIZE = 3 * LANES_PLACES, /* packed: three octets a key, lowest first */
	LANES_KEYS_ROOM = 128,              /* what packed keys take, so that they can be read in whole registers */
};

/* A set of places: bit 3 * place of 128. */
struct lanes_places {
	uint64_t low, high;
};
static inline void lanes_places_add(struct lanes_places *places, uint32_t place)
{
	if (3 * place < 64)
		places->low |= UINT64_C(1) << 3 * place;
	else
		places->high |= UINT64_C(1) << (3 * place - 64);
}

enum {
	LANES_SUMS = 8, /* a sum is kept in eight parts, in whatever loop: floats add up otherwise in another order */
	LANES_COUNTERS = 1 << 20,  /* of document frequencies */
	LANES_COUNTERS_BEHIND = 4, /* octets readable behind them */
};
struct lanes_overlap {
	float both[LANES_SUMS], all[LANES_SUMS]; /* weight of the hashes that are in the table, and of all */
	uint32_t common;                         /* how many are in it */
};
static inline float lanes_sum(const float parts[LANES_SUMS])
{
	return ((parts[0] + parts[4]) + (parts[2] + parts[6])) + ((parts[1] + parts[5]) + (parts[3] + parts[7]));
}

struct lanes {
	const char *name; /* "avx2", "plain" */

	/* The hashes (never 0) of `count` windows of SHINGLE_BYTES octets, one beginning at each octet. `text` is
	 * readable for `readable` octets: at least count + SHINGLE_BYTES - 1, and what is more makes it faster. */
	void (*hash_windows)(const uint8_t *text, size_t readable, size_t count, uint32_t *hash);

	/* What each shingle is worth: the worth of its counter's level (weights.h). */
	void (*weigh)(const uint8_t *level, const float *worth, const uint32_t *hash, size_t count, float *weight);

	/* When the clock of each shingle rings, and in which place of the sketch (sketch.h). */
	void (*run_clocks)(const uint32_t *hash, const float *weight, size_t count, float *rings, uint32_t *place);

	/* In how many of those places two texts have the same key. Both are packed and have LANES_KEYS_ROOM octets. */
	uint32_t (*keys_shared)(const uint8_t *a, const uint8_t *b, struct lanes_places places);

	/* Adds what hashes of that weight have in common with a table. Of several calls all but the last have a
	 * multiple of LANES_SUMS. */
	void (*overlap)(const struct shingle_slots *table, const uint32_t *hash, const float *weight, size_t count,
		struct lanes_overlap *sum);
};

extern const struct lanes LANES_PLAIN;
/* NULL where the program was not built for it. Not to be called where the processor has no AVX2. */
const struct lanes *lanes_avx2(void);
/* What this processor runs best. */
const struct lanes *lanes_best(void);

#endif
