/* The SQL of receipts: keys seen before, and the one transaction that makes a batch durable. One writer's, one thread.
 */
#ifndef SANGKIEN_INTAKE_LEDGER_H
#define SANGKIEN_INTAKE_LEDGER_H

#include "common/runtime/pg.h"
#include "services/intake/arrival.h"

struct ledger;

struct ledger *ledger_open(const char *conninfo, const char *name) MUST_CHECK;
void ledger_close(struct ledger **ledger);
bool ledger_ready(struct ledger *ledger, int64_t deadline_ms) MUST_CHECK;
const char *ledger_error(const struct ledger *ledger); /* of the last failure, for the log */
/* After PG_REFUSED: was it for what a row holds (SQLSTATE 22, 23)? Else it would be so for any row. */
bool ledger_blames_row(const struct ledger *ledger);

/* Gives those whose key was seen their answer: the original's receipt, or PROBLEM_KEY_USED. PG_UNKNOWN: the original
 * can be seen, but nobody knows whether a synchronous standby has it. */
enum pg_status ledger_find_keys(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, int64_t deadline_ms) MUST_CHECK;

/* Keys first, sorted (in random order 9 of 13 transactions deadlocked), then the rows of those whose key was new, in
 * one transaction. `won[i]` tells which; the key of the others came first elsewhere, and nothing of them is kept. Two
 * arrivals with one key must not come together. Nothing is kept unless PG_OK or PG_UNKNOWN. */
enum pg_status ledger_commit(struct ledger *ledger, struct arrival *const *arrivals, size_t count, bool *won,
	int64_t deadline_ms) MUST_CHECK;

/* After PG_UNKNOWN, on a new connection: was the batch committed (law 1)? True: *kept says. False: it cannot be learnt
 * in time. `won` as ledger_commit() left it. */
bool ledger_learn(struct ledger *ledger, struct arrival *const *arrivals, size_t count, const bool *won, bool *kept,
	int64_t deadline_ms) MUST_CHECK;

/* find_decisions() on this connection. */
enum pg_status ledger_find_decisions(struct ledger *ledger, const struct id128 *submissions, size_t count,
	void (*take)(size_t at, struct decision *decision, void *context), void *context,
	int64_t deadline_ms) MUST_CHECK;

#endif
