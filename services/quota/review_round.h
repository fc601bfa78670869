/* The reviews of one delivery, on their way from the loop to the ledger, over the boards and back. */
#ifndef SANGKIEN_QUOTA_REVIEW_ROUND_H
#define SANGKIEN_QUOTA_REVIEW_ROUND_H

#include "common/edge/receiver.h"
#include "proto/submission.pb-c.h"
#include "services/quota/committed.h"

/* Borrows its texts from the delivery. */
struct review {
	struct act act;
	struct revision revision;
	int64_t expires_at; /* microseconds since 1970: nothing is begun after that, for nobody waits any more */
	bool malformed;
	Sangkien__Message__ReviewOutcome outcome;
};

struct review_round {
	struct committed committed;
	struct delivery *delivery;
	struct arena *arena; /* of the result */
	size_t count;
	struct review reviews[];
};

struct review_round *review_round_new(struct delivery *delivery) MUST_CHECK; /* NULL without memory */
void review_round_free(struct review_round **round);

/* Makes each review, as far as it can be made now. Waits for PostgreSQL until the review expires. */
void review_round_make(struct review_round *round, struct ledger *ledger, const struct reference *reference);

/* Each review's outcome into the delivery, which is still to be done. */
void review_round_answer(struct review_round *round);

#endif
