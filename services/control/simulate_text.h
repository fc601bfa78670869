/* Vietnamese texts of initiatives from a grammar: formulaic as real ones are, yet with enough own words each that no
 * two are near duplicates. Pure: the same seed and number give the same text. */
#ifndef SANGKIEN_CONTROL_SIMULATE_TEXT_H
#define SANGKIEN_CONTROL_SIMULATE_TEXT_H

#include "common/runtime/buffer.h"

/* Appends text `number` of `seed`, about 400-900 characters. */
void simulate_text(uint64_t seed, uint64_t number, struct buffer *out);
/* Appends the same text as somebody copies it: other capitals and spacing, the same words. */
void simulate_copy(uint64_t seed, uint64_t number, uint64_t copy, struct buffer *out);
/* Appends a person's full name. */
void simulate_name(uint64_t seed, uint64_t number, struct buffer *out);

/* A well-mixed number of (seed, number, salt): SplitMix64 (Steele et al., 2014). */
uint64_t simulate_mix(uint64_t seed, uint64_t number, uint64_t salt);

#endif
