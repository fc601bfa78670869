/* What became of the submissions that were sent under one idempotency key. */
#ifndef SANGKIEN_CONTROL_OUTCOME_H
#define SANGKIEN_CONTROL_OUTCOME_H

#include "common/domain/status.h"
#include "common/runtime/pg.h"

struct outcome {
	uint64_t stored;
	uint64_t by_status[STATUS_REVOKED + 1]; /* STATUS_RECEIVED: no decision yet */
	uint64_t quarantined;
};

/* Counts those with the keys "<key>-<chunk>:<line>"; false with a line on stderr. */
bool outcome_read(struct pg *pg, uint32_t campaign_id, const char *key, struct outcome *outcome) MUST_CHECK;
/* Until each is decided or in quarantine; shows how many are pending. False when `patience_s` pass without progress. */
bool outcome_await(
	struct pg *pg, uint32_t campaign_id, const char *key, uint32_t patience_s, struct outcome *outcome) MUST_CHECK;
void outcome_print(const struct outcome *outcome);
void outcome_print_json(const struct outcome *outcome); /* the members of an object, without braces */

#endif
