/* One writer's batch: judged in the contract's order, committed, answered (law 1). One thread's. */
#ifndef SANGKIEN_INTAKE_SCRIBE_H
#define SANGKIEN_INTAKE_SCRIBE_H

#include "services/intake/dispatch.h"
#include "services/intake/ledger.h"
#include "services/intake/rate_limit.h"

enum {
	BATCH_ROWS_MAX = 512,
	SCRIBE_AWAY_MS = 50, /* how long a batch waits for a PostgreSQL that has been away for a while */
};

struct scribe {
	struct service *service;
	struct ledger *ledger;
	struct rate_limit *rates;
	struct dispatch *dispatch;
	struct waiters *waiters;
	struct mailbox *http_mailbox; /* answered arrivals go back there */
	struct intake_metrics *metrics;
	atomic_size_t *under_way, *queue_bytes; /* of the writer; less by each answer */

	bool away; /* PostgreSQL was not there the last time */
	int64_t complain_at_ms;
	struct arrival *again[BATCH_ROWS_MAX];
	size_t again_count;
	bool won[BATCH_ROWS_MAX];
};

/* Answers all of at most BATCH_ROWS_MAX arrivals; they are gone after it. */
void scribe_process(struct scribe *scribe, struct arrival **arrivals, size_t count);
/* Is PostgreSQL there, within that time? Keeps the condition "postgresql". */
bool scribe_is_ready(struct scribe *scribe, int64_t wait_ms);

#endif
