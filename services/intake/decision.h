/* A decision as its submitter is told it. */
#ifndef SANGKIEN_INTAKE_DECISION_H
#define SANGKIEN_INTAKE_DECISION_H

#include "common/domain/status.h"
#include "proto/submission.pb-c.h"

enum { DECISION_SIMILAR_MAX = 8, DECISION_REASONS_MAX = 2048 };

struct decision {
	enum submission_status status;
	uint32_t phase; /* 0: in none */
	int64_t decided_at;
	double similar[DECISION_SIMILAR_MAX];
	size_t similar_count;
	size_t reasons_size;
	char reasons[]; /* "code field;code field", as decision.reasons */
};

/* A copy on the heap (free()). NULL without memory. */
struct decision *decision_new(struct bytes reasons) MUST_CHECK;
struct decision *decision_of_message(const Sangkien__Message__DecisionReached *message) MUST_CHECK;

#endif
