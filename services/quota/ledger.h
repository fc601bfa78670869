/* The one transaction: verdicts become decisions, and every total, person and board version moves with them or not at
 * all (laws 2 to 5). One ledger is one connection and belongs to one thread; any number of them may work at once.
 *
 * Locks are taken in one order by everybody: the unit tree (shared), shards' epochs, places of texts, existing
 * decisions, signatures, new decisions, persons, participation, totals (roots last), boards, the audit log's head. Each
 * in key order. (A text that comes to stand by a revision takes a free place later than that; PostgreSQL finds the rare
 * circle and one of the two runs again.) */
#ifndef SANGKIEN_QUOTA_LEDGER_H
#define SANGKIEN_QUOTA_LEDGER_H

#include "services/quota/audit_log.h"
#include "services/quota/board.h"
#include "services/quota/decision.h"
#include "services/quota/transaction.h"
#include "services/quota/verdict.h"

enum { LEDGER_ATTEMPTS_MAX = 12 /* of a transaction that lost to others */ };

struct ledger;

struct ledger_options {
	const char *conninfo;
	const char *instance;
};

struct ledger *ledger_open(const struct ledger_options *options) MUST_CHECK; /* NULL only without memory */
void ledger_close(struct ledger **ledger);
/* From any thread: what waits for PostgreSQL gives up, with FATE_ANOTHER_TIME. */
void ledger_stop(struct ledger *ledger);
bool ledger_connected(const struct ledger *ledger); /* any thread; as it was last seen */
void ledger_probe(struct ledger *ledger);           /* sees, where there is nothing to do */

struct outbox_row {
	struct id128 id;
	uint32_t campaign;
};

/* What was committed. Lives in the arena that was given. */
struct ledger_result {
	struct change *changes; /* each is a new revision; one verdict may change others' decisions */
	size_t change_count;
	struct board_news *boards; /* in the order of their versions */
	size_t board_count;
	struct outbox_row *outbox;
	size_t outbox_count;
	uint32_t transactions, collisions; /* committed; run again */
};

/* Decides these verdicts, which are distinct and sorted by id, and sets each one's fate. Waits for PostgreSQL as long
 * as it takes. The arena is the ledger's until the result has been used. */
void ledger_decide(struct ledger *ledger, const struct reference *reference, struct verdict *verdicts, size_t count,
	struct arena *arena, struct ledger_result *result);

/* A person's or the system's word on a submission that has a decision. */
struct revision {
	struct id128 id;
	uint32_t expected; /* the revision it was made against, 0: whatever is the latest */
	enum submission_status status;
	enum decided_by decided_by;
	struct bytes reasons;

	enum revision_fate {
		REVISION_OPEN,
		REVISION_MADE,
		REVISION_REPEATED, /* this very act made the latest one before */
		REVISION_UNKNOWN,  /* no decision yet, or no such submission */
		REVISION_CONFLICT, /* the latest is not what was expected, or has this status by another act, or
				      somebody has decided since this very act: `latest` says what stands */
	} fate;
	struct decision latest; /* the new one, or the one that stands */
};

enum ledger_end {
	LEDGER_COMMITTED, /* or nothing was to be done */
	LEDGER_REFUSED,   /* these very values are refused */
	LEDGER_GAVE_UP,   /* to be asked again later; after a loss of the connection it may have been done */
};

/* Makes these revisions, distinct and sorted by id, in one transaction, with all that follows: what stood behind a
 * text that stands no more comes under review, and its place goes to the earliest received of its copies that stand.
 * Each change is a row of the audit log; an act that is repeated is not made again.
 * Fates and `latest` hold with LEDGER_COMMITTED. Tries until `deadline_ms`. */
enum ledger_end ledger_revise(struct ledger *ledger, const struct reference *reference, const struct act *act,
	struct revision *revisions, size_t count, struct arena *arena, struct ledger_result *result,
	int64_t deadline_ms) MUST_CHECK;

/* For the steps within: adds the decisions of these changes (sorted by id) to an open transaction, with all their
 * effects and, where the campaign tells of decisions, a row of the outbox each, and appends to the result. */
enum pg_status ledger_apply(struct transaction *transaction, const struct change *changes, size_t count,
	struct ledger_result *result) MUST_CHECK;

#endif
