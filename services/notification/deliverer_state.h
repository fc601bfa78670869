/* Inside of the deliverer, for its three files: deliverer (rounds, opening and closing), deliverer_begin (from the
 * outbox to a gateway) and deliverer_end (from its answer to the mark in the outbox). Others see deliverer.h alone. */
#ifndef SANGKIEN_NOTIFICATION_DELIVERER_STATE_H
#define SANGKIEN_NOTIFICATION_DELIVERER_STATE_H

#include "common/runtime/mailbox.h"
#include "services/notification/deliverer.h"
#include "services/notification/gateways.h"
#include "services/notification/outbox.h"
#include "services/notification/transfer.h"

#include <pthread.h>

enum { DELIVERER_STATEMENT_MS = 5000 };

/* One transfer's place: free, under way, or at its end and not yet marked in the outbox. */
struct slot {
	enum { SLOT_FREE, SLOT_UNDER_WAY, SLOT_ENDED } state;
	struct transfer transfer;
	const struct reference *reference; /* held while it is under way: its channel lives there */
	struct gateway *gateway;
	struct outbox_claim claim;
	struct transfer_outcome outcome;
};

struct deliverer {
	struct deliverer_options options;
	struct pg *pg;
	struct mailbox *wakes;
	uint8_t secret_key[SEALED_KEY_SIZE];
	CURLM *multi;
	struct slot *slots;
	struct gateways gateways;
	struct notice notice;                                         /* the one being made, wiped after */
	int64_t follow_at_ms, backlog_at_ms, mark_at_ms, claim_at_ms; /* the last two: PostgreSQL was away */
	int64_t running;
	pthread_t thread;
	bool has_thread;
	atomic_bool stopping, stopped;
	struct metric *sent, *put_off, *dead, *lost_claims, *due, *overdue_ms, *delay, *under_way;
};

static inline bool deliverer_stops(const struct deliverer *deliverer)
{
	return atomic_load(&deliverer->stopping);
}
bool deliverer_has_postgresql(struct deliverer *deliverer); /* keeps the condition */
void deliverer_show_gateways(struct deliverer *deliverer);  /* the condition */

/* deliverer_begin.c. Claims what is due and begins to send it, of each gateway in turn, so that a slow one takes no
 * more than its share. False: PostgreSQL is away. */
bool deliverer_claim_all(struct deliverer *deliverer) MUST_CHECK;
uint32_t deliverer_room(const struct deliverer *deliverer); /* transfers that can be begun */

/* deliverer_end.c */
void deliverer_move_transfers(struct deliverer *deliverer);
/* What came of a transfer says something about its gateway, too. */
void deliverer_note_gateway(
	struct deliverer *deliverer, struct gateway *gateway, const struct transfer_outcome *outcome);
/* Marks what is at its end; false: some are left, because PostgreSQL is away. Who stops waits no longer: that will be
 * sent again under the same id when its claim has run out. */
bool deliverer_mark_all(struct deliverer *deliverer) MUST_CHECK;

#endif
