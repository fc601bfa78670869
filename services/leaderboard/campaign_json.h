/* Campaigns and units in the contract's words. Pure. */
#ifndef SANGKIEN_LEADERBOARD_CAMPAIGN_JSON_H
#define SANGKIEN_LEADERBOARD_CAMPAIGN_JSON_H

#include "common/domain/reference.h"
#include "common/domain/targets.h"

/* By code. */
void campaigns_json(const struct reference *reference, int64_t now, bool english, struct buffer *json);
/* `total` is the whole campaign's figures as JSON. `targets` may be NULL. */
void campaign_json(const struct reference_campaign *campaign, const struct targets *targets, int64_t now, bool english,
	struct bytes total, struct buffer *json);
void units_json(const struct unit_tree *tree, const struct unit *const *units, size_t count, struct buffer *json);

#endif
