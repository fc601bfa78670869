/* What the files of the ledger share. */
#ifndef SANGKIEN_INTAKE_LEDGER_INSIDE_H
#define SANGKIEN_INTAKE_LEDGER_INSIDE_H

#include "services/intake/ledger.h"

struct ledger {
	struct pg *pg;
	int64_t lock; /* held by every transaction: who has it next knows that the one before has ended */
	struct arrival **sorted;
	size_t sorted_capacity;
	uint32_t careful; /* transactions to come that expect to find a key taken */
};

/* A wait for synchronous replication that was cut short leaves a row that is visible here and perhaps nowhere else.
 * The transaction under way writes too where there is a standby to wait for, so its own COMMIT waits for everything
 * before it.
 */
enum pg_status ledger_wait_for_replication(struct ledger *ledger, int64_t deadline_ms) MUST_CHECK;

/* Puts the keys in, within the transaction under way. `won[i]`: it had none, or its key was new. PG_RETRY: one was
 * taken meanwhile; the transaction is to be rolled back, and its next run will find out which. */
enum pg_status ledger_take_keys(struct ledger *ledger, struct arrival *const *arrivals, size_t count, bool *won,
	int64_t deadline_ms) MUST_CHECK;

#endif
