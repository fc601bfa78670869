/* What changes do to persons, totals and boards, in the locks' order: persons, participation, days, totals,
 * boards. */
#ifndef SANGKIEN_QUOTA_EFFECTS_H
#define SANGKIEN_QUOTA_EFFECTS_H

#include "services/quota/board.h"
#include "services/quota/decision.h"
#include "services/quota/transaction.h"

/* Every total that the changes move, once, and the new version of each board they touch. PG_REFUSED: a total would
 * fall below zero, which is a bug or damage; nothing is kept. Units must be in the reference data's trees. */
enum pg_status effects_apply(struct transaction *transaction, const struct change *changes, size_t count,
	struct board_news **boards, size_t *board_count) MUST_CHECK;

#endif
