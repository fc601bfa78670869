/* The rows of persons and their participation, locked and moved within quota's transaction. */
#ifndef SANGKIEN_QUOTA_PARTICIPANTS_H
#define SANGKIEN_QUOTA_PARTICIPANTS_H

#include "services/quota/days.h"
#include "services/quota/decision.h"
#include "services/quota/tally.h"
#include "services/quota/transaction.h"

struct sums { /* of one transaction */
	struct tally *tally;
	struct days *days;
	struct hours *hours;
	struct days *rounds; /* people of rounds: a row's phase is the round; NULL: no campaign has any */
};

/* Moves the participation of everybody whose submissions begin or cease to count, and adds to the sums the people that
 * units gain and lose by it. */
enum pg_status participants_apply(struct transaction *transaction, const struct change *changes, size_t count,
	const struct sums *sums) MUST_CHECK;

#endif
