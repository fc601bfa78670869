/* Randomness that nobody can guess (libsodium). */
#ifndef SANGKIEN_RUNTIME_RANDOM_H
#define SANGKIEN_RUNTIME_RANDOM_H

#include "common/runtime/base.h"

void random_fill(void *data, size_t size);
uint32_t random_u32(void);
struct id128 random_id(void);

#endif
