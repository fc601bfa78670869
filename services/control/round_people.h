/* People of rounds, counted anew: after the rounds' days or the tree have changed. */
#ifndef SANGKIEN_CONTROL_ROUND_PEOPLE_H
#define SANGKIEN_CONTROL_ROUND_PEOPLE_H

#include "common/runtime/pg.h"

/* Within the caller's transaction, which holds the unit tree's lock (move_lock). */
bool round_people_recount(struct pg *pg, uint32_t campaign) MUST_CHECK;
/* Whether the campaign has rounds in force. False: PostgreSQL failed. */
bool round_people_any(struct pg *pg, uint32_t campaign, bool *any) MUST_CHECK;

#endif
