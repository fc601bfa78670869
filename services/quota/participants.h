/* The rows of persons and their participation, locked and moved within quota's transaction. */
#ifndef SANGKIEN_QUOTA_PARTICIPANTS_H
#define SANGKIEN_QUOTA_PARTICIPANTS_H

#include "services/quota/decision.h"
#include "services/quota/tally.h"
#include "services/quota/transaction.h"

/* Moves the participation of everybody whose submissions begin or cease to count, and adds to the tally the people
 * that units gain and lose by it. */
enum pg_status participants_apply(
	struct transaction *transaction, const struct change *changes, size_t count, struct tally *tally) MUST_CHECK;

#endif
