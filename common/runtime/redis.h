/* Redis with deadlines and reconnection (hiredis 0.14: a new context each time). One thread each. */
#ifndef SANGKIEN_RUNTIME_REDIS_H
#define SANGKIEN_RUNTIME_REDIS_H

#include "common/runtime/base.h"

#include <hiredis/hiredis.h>

struct redis;

/* `address` is unix:/path or host:port; `user`/`password_file` may be NULL. NULL only without memory. */
struct redis *redis_open(
	const char *address, const char *user, const char *password_file, uint32_t timeout_ms) MUST_CHECK;
void redis_close(struct redis **redis);

/* Connected (by now, with backoff)? Loss and return are logged once each. */
bool redis_ready(struct redis *redis) MUST_CHECK;

/* NULL when Redis is away or answers an error (logged); else freeReplyObject is the caller's
 * (CLEANUP(redis_reply_clear)). */
redisReply *redis_run(struct redis *redis, int argc, const char **argv, const size_t *sizes) MUST_CHECK;
redisReply *redis_command(struct redis *redis, const char *format, ...) MUST_CHECK;
void redis_reply_clear(redisReply **reply);

/* Pipelining: append any number, then collect exactly as many. */
bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *sizes) MUST_CHECK;
redisReply *redis_collect(struct redis *redis) MUST_CHECK;

#endif
