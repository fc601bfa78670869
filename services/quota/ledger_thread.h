/* The station of the ledger: a thread that takes batches, decides them, and hands them to the board writer, while the
 * pipeline thread goes on polling. */
#ifndef SANGKIEN_QUOTA_LEDGER_THREAD_H
#define SANGKIEN_QUOTA_LEDGER_THREAD_H

#include "common/runtime/mailbox.h"
#include "common/runtime/metrics.h"
#include "services/quota/ledger.h"

struct ledger_thread;

struct ledger_thread_options {
	struct ledger *ledger;
	struct mailbox *in, *out; /* of struct batch; `out` has room for all there are */
	struct metrics *metrics;
};

struct ledger_thread *ledger_thread_open(const struct ledger_thread_options *options) MUST_CHECK;
/* Closes `in`; what is under way is ended by ledger_stop(). The ledger is the caller's. */
void ledger_thread_close(struct ledger_thread **thread);

#endif
