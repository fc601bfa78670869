/* The log of what persons decided: append-only rows in a hash chain, written in the transaction that makes the
 * decision. Its head is locked last of all, so reviews wait for each other no longer than a commit takes. */
#ifndef SANGKIEN_QUOTA_AUDIT_LOG_H
#define SANGKIEN_QUOTA_AUDIT_LOG_H

#include "services/quota/decision.h"
#include "services/quota/transaction.h"

/* Who decides, and why in their own words. */
struct act {
	struct id128 token;
	struct bytes reason;
};

/* The newest earlier act of the same person, to the same status for the same reason, on one submission. */
struct recalled_act {
	struct id128 id;
	uint32_t revision; /* that it made */
	bool overtaken;    /* by somebody else's act */
};

/* For these submissions (sorted, distinct) and the status each is to get; those without such an act are left out. */
enum pg_status audit_log_recall(struct transaction *transaction, const struct act *act, const struct id128 *ids,
	const enum submission_status *wanted, size_t count, struct recalled_act **found,
	size_t *found_count) MUST_CHECK;

/* One row a change, in their order. */
enum pg_status audit_log_append(
	struct transaction *transaction, const struct act *act, const struct change *changes, size_t count) MUST_CHECK;

#endif
