/* The commands of the model of Redis: what each does to the keyspace, and the scripts among them. */
#ifndef SANGKIEN_SIMULATION_REDIS_COMMANDS_H
#define SANGKIEN_SIMULATION_REDIS_COMMANDS_H

#include "tests/simulation/redis_keys.h"

struct call {
	size_t count;
	const char *const *words;
	const size_t *sizes;
};

/* redis_scripts.c: EVAL and EVAL_RO, EVALSHA, SCRIPT LOAD; run by Lua itself. */
redisReply *redis_eval(const struct call *call);
redisReply *redis_evalsha(const struct call *call);
redisReply *redis_script(const struct call *call);
void redis_forget_scripts(void); /* the server begins anew: who knows a script by its digest alone must send it */

#endif
