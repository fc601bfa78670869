/* Chance for tests that live many lives: from a seed, the same on every machine. */
#ifndef SANGKIEN_TESTS_CHANCE_H
#define SANGKIEN_TESTS_CHANCE_H

#include <stdint.h>

static inline uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t below(uint64_t *seed, uint32_t bound)
{
	return (uint32_t)(next_random(seed) % bound);
}

#endif
