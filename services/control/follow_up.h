/* What became of the submissions that were sent under one idempotency key. */
#ifndef SANGKIEN_CONTROL_FOLLOW_UP_H
#define SANGKIEN_CONTROL_FOLLOW_UP_H

#include "common/domain/status.h"
#include "common/runtime/pg.h"

struct follow_up {
	uint64_t stored;
	uint64_t by_status[STATUS_REVOKED + 1]; /* STATUS_RECEIVED: no decision yet */
	uint64_t quarantined;
};

/* Counts those with the keys "<key>-<chunk>:<line>"; false with a line on stderr. */
bool follow_up_read(struct pg *pg, uint32_t campaign_id, const char *key, struct follow_up *found) MUST_CHECK;
/* Until each is decided or in quarantine; shows how many are pending. False when `patience_s` pass without progress. */
bool follow_up_await(
	struct pg *pg, uint32_t campaign_id, const char *key, uint32_t patience_s, struct follow_up *found) MUST_CHECK;
void follow_up_print(const struct follow_up *found);
void follow_up_print_json(const struct follow_up *found); /* the members of an object, without braces */

#endif
