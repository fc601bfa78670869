/* What a new campaign file does to what was decided by the one in force. */
#ifndef SANGKIEN_CONTROL_RULES_HISTORY_H
#define SANGKIEN_CONTROL_RULES_HISTORY_H

#include "common/domain/campaign.h"
#include "common/runtime/pg.h"

/* What was decided stands by a version of the rules and by one key of a person: neither can be taken from under it. A
 * version that says something else now than when it decided is said on stderr, and allowed. False: said there too. */
bool rules_history_keeps(
	struct pg *pg, int16_t campaign_id, const struct campaign *before, const struct campaign *next) MUST_CHECK;

/* Would the two judge every submission alike? Names, texts, targets and rate limits judge none. Pure. */
bool rule_packs_judge_alike(const struct rule_pack *a, const struct rule_pack *b);

#endif
