/* Texts for the tests of this wing: words by a small generator, the same on every machine. */
#ifndef SANGKIEN_TESTS_DEDUPLICATION_TEXTS_H
#define SANGKIEN_TESTS_DEDUPLICATION_TEXTS_H

#include "services/deduplication/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROSE_SIZE = 16384 };

static inline uint32_t prose_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Appends that many words, of so many letters that two texts seldom have one in common. */
static inline void prose_add(char text[PROSE_SIZE], uint64_t seed, int words)
{
	size_t size = strlen(text);

	for (int i = 0; i < words && size + 8 < PROSE_SIZE; i++) {
		for (uint32_t letters = 3 + prose_next(&seed) % 4; letters > 0; letters--)
			text[size++] = (char)('a' + prose_next(&seed) % 26);
		text[size++] = ' ';
		text[size] = '\0';
	}
}

static inline struct id128 id_of_number(uint32_t number)
{
	struct id128 id = {{0}};
	uint64_t mixed = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);

	id.octet[0] = (uint8_t)(number >> 24);
	id.octet[1] = (uint8_t)(number >> 16);
	id.octet[2] = (uint8_t)(number >> 8);
	id.octet[3] = (uint8_t)number;
	memcpy(id.octet + 8, &mixed, sizeof(mixed));
	return id;
}

#endif
