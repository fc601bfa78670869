/* How often one person may submit: an exact sliding window, shared by all instances through Redis; each instance on its
 * own while Redis is away (the contract's 429). */
#ifndef SANGKIEN_INTAKE_RATE_LIMIT_H
#define SANGKIEN_INTAKE_RATE_LIMIT_H

#include "common/runtime/redis.h"
#include "services/intake/arrival.h"

/* The table of one instance. Pure: time is an argument. */
struct rate_table;

/* `people_max` is a power of two; beyond it the one seen longest ago among a few is forgotten. */
struct rate_table *rate_table_new(size_t people_max) MUST_CHECK;
void rate_table_free(struct rate_table **table);
/* 0: within the limit (and counted, where `charge`); else milliseconds until it is again. */
int64_t rate_table_check(struct rate_table *table, const uint8_t person[PERSON_SIZE], uint32_t limit, int64_t window_ms,
	bool charge, int64_t now_ms) MUST_CHECK;
/* Takes back the last charge: nothing was kept of it. */
void rate_table_refund(struct rate_table *table, const uint8_t person[PERSON_SIZE]);

/* Both ways; the table is shared between writers, the connection is one writer's. */
struct rate_limit;
struct rate_shared;
struct rate_shared *rate_shared_new(void) MUST_CHECK;
void rate_shared_free(struct rate_shared **shared);

/* `user` and `password_file` may be NULL. */
struct rate_limit *rate_limit_new(
	struct rate_shared *shared, const char *address, const char *user, const char *password_file) MUST_CHECK;
void rate_limit_free(struct rate_limit **limit);
/* Judges all at once (one round trip): those over the limit are refused, the others that are to go in are charged.
 * Where an arrival has no `limited`, or a result already, it is left alone. Tells whether Redis answered. */
bool rate_limit_judge(struct rate_limit *limit, struct arrival *const *arrivals, size_t count);
void rate_limit_refund(struct rate_limit *limit, struct arrival *const *arrivals, size_t count);

#endif
