/* What the steps of quota's one transaction share. */
#ifndef SANGKIEN_QUOTA_TRANSACTION_H
#define SANGKIEN_QUOTA_TRANSACTION_H

#include "common/domain/reference.h"
#include "common/runtime/arena.h"
#include "common/runtime/pg.h"

/* A step gives PG_RETRY also where it finds that another instance was faster: nothing is kept, the transaction is run
 * again and sees what the other one did. PG_REFUSED is also a full arena, or a total that would fall below zero: with
 * a smaller batch it may pass, else it is poison. */
struct transaction {
	struct pg *pg;
	struct arena *arena; /* results live here until the end of the batch */
	const struct reference *reference;
	int64_t now_us;      /* decided_at */
	int64_t deadline_ms; /* monotonic */
};

#endif
