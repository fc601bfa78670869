/* What the neighbours are told of a batch that was decided. */
#ifndef SANGKIEN_QUOTA_ANSWERS_H
#define SANGKIEN_QUOTA_ANSWERS_H

#include "common/edge/sender.h"
#include "services/quota/batch.h"

struct answers;

struct answers *answers_open(struct sender *decisions, struct sender *outbox) MUST_CHECK;
void answers_close(struct answers **answers);

/* DecisionReached for all that is decided, now or before, OutboxDue for new rows of the outbox, and in each delivery
 * the ends of its items. The deliveries are still to be done. */
void answers_give(struct answers *answers, struct batch *batch);

/* The same of what persons decided: no verdict is answered. */
void answers_tell(struct answers *answers, const struct ledger_result *result);

#endif
