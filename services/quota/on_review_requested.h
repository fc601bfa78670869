/* Reviews come in from intakes, are made by the ledger one by one, go over the boards, and are answered in the
 * acknowledgement: what was made, or what stands in the way. A station and a connection of their own, so that no
 * backlog of verdicts keeps a reviewer waiting. */
#ifndef SANGKIEN_QUOTA_ON_REVIEW_REQUESTED_H
#define SANGKIEN_QUOTA_ON_REVIEW_REQUESTED_H

#include "common/domain/reference.h"
#include "common/edge/receiver.h"
#include "common/edge/sender.h"
#include "common/runtime/mailbox.h"
#include "services/quota/ledger.h"

enum { REVIEW_ROUNDS_MAX = 64 }; /* deliveries at once */

struct review_desk;

struct review_desk_options {
	struct service *service;
	struct reference_source *reference;
	struct ledger *ledger;             /* the desk's alone; the caller's to close */
	struct sender *decisions, *outbox; /* as for verdicts */
	struct mailbox *to_boards;         /* with room for REVIEW_ROUNDS_MAX beside the batches */
};

struct review_desk *review_desk_open(const struct review_desk_options *options) MUST_CHECK;
/* In two steps, before and after the board writer: ends its thread (what waits in it is ended by ledger_stop()), then
 * frees it. */
void review_desk_stop(struct review_desk *desk);
void review_desk_close(struct review_desk **desk);

void on_review_requested(struct delivery *delivery, void *desk);
bool review_desk_is_idle(const struct review_desk *desk);

#endif
