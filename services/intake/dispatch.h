/* Edge out and decisions in: a bounded window of submissions under way, each freed by its decision (law 7). Runs on the
 * service's loop; parcels and answers come in from other threads. */
#ifndef SANGKIEN_INTAKE_DISPATCH_H
#define SANGKIEN_INTAKE_DISPATCH_H

#include "common/edge/receiver.h"
#include "common/edge/sender.h"
#include "services/intake/metrics.h"
#include "services/intake/submission.h"
#include "services/intake/waiters.h"

struct dispatch;

/* One submission as it is handed to the pipeline. */
struct parcel {
	struct id128 id;
	bool again;                 /* it is in the window already and is sent once more */
	bool swept;                 /* from the sweeper */
	struct window_entry *entry; /* its place, once it is offered */
	char trace_parent[TRACE_PARENT_SIZE];
	struct bytes body; /* SubmissionReceived, behind this struct */
};
/* NULL without memory. free() it. */
struct parcel *parcel_new(const struct submission *submission, const char *trace_parent) MUST_CHECK;

/* What the loop asks of the sweeper's thread, which has a connection to PostgreSQL. */
enum errand_kind {
	ERRAND_LOOK,       /* which of these are decided (or in quarantine)? */
	ERRAND_SEND,       /* the same, and the rest is to be sent again */
	ERRAND_QUARANTINE, /* poison: make it durable, then let it go */
};
enum { ERRAND_IDS_MAX = 512, ERRAND_REASON_SIZE = 200 };
struct errand {
	enum errand_kind kind;
	char reason[ERRAND_REASON_SIZE];
	size_t count;
	struct id128 ids[ERRAND_IDS_MAX];
};

struct dispatch_options {
	struct service *service;
	const char *endpoint;  /* INTAKE_EDGE */
	const char *decisions; /* upstream list of quota's decisions */
	const struct curve_keys *keys;
	const char *quota_public_key;
	uint32_t window;   /* submissions under way at most */
	uint32_t lease_ms; /* after which an undecided one is looked after */
	/* Not ready before a quota is connected, whose decisions nobody would hear else; but not for longer than this.
	 */
	uint32_t greeting_ms;
	struct waiters *waiters;
	struct intake_metrics *metrics;
};

struct dispatch *dispatch_open(const struct dispatch_options *options) MUST_CHECK;
void dispatch_close(struct dispatch **dispatch);

/* On the loop: nothing waits to go out and no worker holds anything unanswered. */
bool dispatch_is_handed_on(const struct dispatch *dispatch);

/* Any thread ---- */
/* How many more may be offered now; the rest waits in PostgreSQL. */
size_t dispatch_room(struct dispatch *dispatch);
/* Places the sweeper wants kept for what it has found, beside those for the backlog; together at most half of the
 * window. */
void dispatch_reserve(struct dispatch *dispatch, size_t places);
/* Takes the parcel over, and a place for it. False: no room, it is still the caller's. */
bool dispatch_offer(struct dispatch *dispatch, struct parcel *parcel) MUST_CHECK;
/* It found no room: the backlog has its id, for the sweeper's thread to feed as soon as there is some. One that the
 * backlog does not take either is found by its age. */
void dispatch_put_off(struct dispatch *dispatch, const struct id128 *id);
size_t dispatch_backlog(struct dispatch *dispatch);
size_t dispatch_backlog_take(struct dispatch *dispatch, struct id128 *ids, size_t most); /* oldest first */
/* Moves the ids that are not in the window to the front; gives how many. */
size_t dispatch_missing(struct dispatch *dispatch, struct id128 *ids, size_t count);
/* These need nothing any more: decided, or in quarantine. */
void dispatch_settle(struct dispatch *dispatch, const struct id128 *ids, size_t count);
struct mailbox *dispatch_errands(struct dispatch *dispatch); /* of struct errand, to be freed by the taker */

#endif
