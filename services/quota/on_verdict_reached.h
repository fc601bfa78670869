/* Verdicts come in from deduplication, go through ledger and boards in batches, and are answered: DecisionReached to
 * every intake, OutboxDue to notification, and to deduplication what it must ask again. The pipeline thread's part. */
#ifndef SANGKIEN_QUOTA_ON_VERDICT_REACHED_H
#define SANGKIEN_QUOTA_ON_VERDICT_REACHED_H

#include "common/edge/receiver.h"
#include "common/edge/sender.h"
#include "common/runtime/mailbox.h"
#include "services/quota/batch.h"

struct counter;

struct counter_options {
	struct service *service;
	struct reference_source *reference;
	struct sender *decisions; /* to intakes */
	struct sender *outbox;    /* to notification */
	struct mailbox *to_ledger, *answers;
	uint32_t batch_verdicts; /* deliveries are joined up to so many */
};

struct counter *counter_open(const struct counter_options *options) MUST_CHECK;
/* After the receiver and the threads have ended: what was not answered stays with its upstream, whose lease runs out.
 */
void counter_close(struct counter **counter);

void on_verdict_reached(struct delivery *delivery, void *counter);
bool counter_is_idle(const struct counter *counter);

#endif
