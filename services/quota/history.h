/* The table of decisions: append-only, a revision is added only behind the one its writer has locked (law 2). */
#ifndef SANGKIEN_QUOTA_HISTORY_H
#define SANGKIEN_QUOTA_HISTORY_H

#include "services/quota/copies.h"
#include "services/quota/transaction.h"

/* The latest decisions of these ids, which are sorted and distinct, in that order; those without one are left out. */
enum pg_status history_read(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct decision **found, size_t *found_count) MUST_CHECK;

/* The same with the submission's person and instant of receipt, and with each row locked: `change` for adding a
 * successor, else only against one. Still the latest when it gives PG_OK. */
enum pg_status history_lock(struct transaction *transaction, const struct id128 *ids, size_t count, bool change,
	struct decision **found, size_t *found_count) MUST_CHECK;

/* The texts that the named ones (sorted, distinct) stand behind, by following duplicate_of; not locked. */
enum pg_status history_heads(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct named_text **found, size_t *found_count) MUST_CHECK;

/* What stands behind these, directly or behind another duplicate: ids, sorted, distinct; not locked. */
enum pg_status history_followers(struct transaction *transaction, const struct id128 *ids, size_t count,
	struct id128 **found, size_t *found_count) MUST_CHECK;

/* Adds the decisions of these changes, sorted by id. PG_RETRY: one of them is there already. */
enum pg_status history_add(struct transaction *transaction, const struct change *changes, size_t count) MUST_CHECK;

#endif
