/* The inside of a ledger, shared by the files ledger*.c alone: how a transaction is begun, ended and run again. */
#ifndef SANGKIEN_QUOTA_LEDGER_FRAME_H
#define SANGKIEN_QUOTA_LEDGER_FRAME_H

#include "services/quota/ledger.h"

#include <stdatomic.h>

struct ledger {
	struct pg *pg;
	atomic_bool stopping, connected;
};

/* The steps between BEGIN and COMMIT. Run again from the start after a loss, so it sets all that it finds anew. */
typedef enum pg_status ledger_steps(struct transaction *transaction, struct ledger_result *result, void *context);

struct ledger_frame {
	const struct reference *reference;
	struct arena *arena;
	struct ledger_result *result; /* what steps append to it is taken back when they are run again */
	int64_t now_us;
	int64_t give_up_ms; /* monotonic; INT64_MAX: only at ledger_stop() */
	ledger_steps *steps;
	void *context;
};

enum ledger_end ledger_run(struct ledger *ledger, const struct ledger_frame *frame) MUST_CHECK;

#endif
