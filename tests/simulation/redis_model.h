/* A model of Redis' keys and commands; scripts are run by Lua itself, as the services wrote them. */
#ifndef SANGKIEN_SIMULATION_REDIS_MODEL_H
#define SANGKIEN_SIMULATION_REDIS_MODEL_H

#include "common/runtime/redis.h"
#include "tests/simulation/world.h"

void redis_begin(void);
redisReply *redis_execute(size_t count, const char *const *words, const size_t *sizes); /* an error is a reply too */
void redis_release(redisReply *reply);

void redis_empty(void);
void redis_save(void);    /* a dump ... */
void redis_restore(void); /* ... that is put back */
void redis_away(int64_t us, bool forgets_scripts);
bool redis_is_away(void);
uint64_t redis_life(void); /* changes with every loss of connections */

/* For the oracle: a field of a hash, NULL where there is none. */
const char *redis_hash_field(const char *key, const char *field);

#endif
