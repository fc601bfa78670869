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

struct lanes {
	const char *name; /* "avx2", "plain" */

	/* The hashes (never 0) of `count` windows of SHINGLE_BYTES octets, one beginning at each octet. `text` is
	 * readable for `readable` octets: at least count + SHINGLE_BYTES - 1, and what is more makes it faster. */
	void (*hash_windows)(const uint8_t *text, size_t readable, size_t count, uint32_t *hash);

	/* When the clock of each shingle rings, and in which place of the sketch (sketch.h). */
	void (*run_clocks)(const uint32_t *hash, const float *weight, size_t count, float *rings, uint32_t *place);

	/* In how many of those places two texts have the same key. Both are packed and have LANES_KEYS_ROOM octets. */
	uint32_t (*keys_shared)(const uint8_t *a, const uint8_t *b, struct lanes_places places);
};

extern const struct lanes LANES_PLAIN;
/* NULL where the program was not built for it. Not to be called where the processor has no AVX2. */
const struct lanes *lanes_avx2(void);
/* What this processor runs best. */
const struct lanes *lanes_best(void);

#endif
