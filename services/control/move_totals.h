/* What a plan of moves does to everything that is added up over the tree, within the caller's transaction: worked out
 * in temporary tables, then shown, then stored. Counts of a unit itself stay; those of its ancestors are added up anew
 * along the new tree; people and newcomers are found again from the participation of each person. */
#ifndef SANGKIEN_CONTROL_MOVE_TOTALS_H
#define SANGKIEN_CONTROL_MOVE_TOTALS_H

#include "common/runtime/pg.h"
#include "services/control/unit_moves.h"

/* Waits until no transaction of quota is under way, and holds up the next ones until the end of this one. */
bool move_lock(struct pg *pg) MUST_CHECK;

/* Reads units and totals as they are now, writes nothing that others see. */
bool move_totals_work_out(struct pg *pg, uint32_t campaign, const struct move_plan *plan) MUST_CHECK;
/* A line a unit whose figures change, before and after, and that of the root. */
bool move_totals_show(struct pg *pg, uint32_t campaign, struct buffer *out) MUST_CHECK;
/* Units, their past, the tree's version. */
bool move_units_store(struct pg *pg, uint32_t campaign, const struct move_plan *plan, struct bytes source) MUST_CHECK;
/* Totals, days, and a version of the board that Redis never gets: it is built anew. */
bool move_totals_store(struct pg *pg, uint32_t campaign) MUST_CHECK;

/* Around a new evaluation of the quota plan: targets of today that it changes, a line each. */
bool move_targets_keep(struct pg *pg, uint32_t campaign) MUST_CHECK;
bool move_targets_show(struct pg *pg, uint32_t campaign, struct buffer *out) MUST_CHECK;

#endif
