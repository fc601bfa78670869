#include "common/runtime/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

static void start_sodium(void)
{
	/* Without a source of randomness nothing here may go on: ids and keys would be guessable. */
	if (sodium_init() < 0)
		abort();
}

void random_fill(void *data, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_sodium);
	randombytes_buf(data, size);
}

uint32_t random_u32(void)
{
	uint32_t value;
	random_fill(&value, sizeof(value));
	return value;
}

struct id128 random_id(void)
{
	struct id128 id;
	random_fill(&id, sizeof(id));
	return id;
}
