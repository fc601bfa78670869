/* What becomes of texts' places and signatures when revisions make submissions stand, or stand no more (law 3). */
#ifndef SANGKIEN_QUOTA_INHERITANCE_H
#define SANGKIEN_QUOTA_INHERITANCE_H

#include "services/quota/decision.h"
#include "services/quota/transaction.h"

/* Locks the places of these submissions' texts, whoever holds them, before any decision is locked. Sorted ids. */
enum pg_status inheritance_lock(struct transaction *transaction, const struct id128 *ids, size_t count) MUST_CHECK;

/* Those that are to stand (and are locked) take their texts' places where they are free. */
enum pg_status inheritance_take(struct transaction *transaction, const struct id128 *rising, size_t count) MUST_CHECK;

/* After the revisions were added: plain copies among `risen` get a signature of their own, from the text they stood
 * behind. */
enum pg_status inheritance_sign(struct transaction *transaction, const struct change *risen, size_t count) MUST_CHECK;

/* After that: each place held by one of these, which do not stand, goes to the earliest received copy that does, or
 * is given up. */
enum pg_status inheritance_pass_on(
	struct transaction *transaction, const struct id128 *fallen, size_t count) MUST_CHECK;

#endif
