/* What the steps of quota's one transaction share. */
#ifndef SANGKIEN_QUOTA_TRANSACTION_H
#define SANGKIEN_QUOTA_TRANSACTION_H

#include "common/domain/reference.h"
#include "common/runtime/arena.h"
#include "common/runtime/pg.h"

#include <string.h>

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

/* Ends a COPY of rows that belong to first decisions. Where one is there already its text was decided at the same time
 * elsewhere, and the next run finds that. */
static inline enum pg_status transaction_copy_end(struct transaction *transaction)
{
	enum pg_status status = pg_copy_end(transaction->pg, transaction->deadline_ms);
	bool taken = status == PG_REFUSED && strcmp(pg_sqlstate(transaction->pg), PG_UNIQUE_VIOLATION) == 0;

	return taken ? PG_RETRY : status;
}

#endif
