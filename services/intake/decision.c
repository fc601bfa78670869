#include "services/intake/decision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decision *decision_new(struct bytes reasons)
{
	struct decision *decision = calloc(1, sizeof(*decision) + reasons.size + 1);
	if (decision == NULL)
		return NULL;
	decision->reasons_size = reasons.size;
	if (reasons.size > 0)
		memcpy(decision->reasons, reasons.data, reasons.size);
	return decision;
}

struct decision *decision_of_message(const Sangkien__Message__DecisionReached *message)
{
	char reasons[DECISION_REASONS_MAX];
	size_t size = 0;
	for (size_t i = 0; i < message->n_reasons; i++) {
		const Sangkien__Message__Reason *reason = message->reasons[i];
		int added = snprintf(reasons + size, sizeof(reasons) - size, "%s%s %s", i > 0 ? ";" : "", reason->code,
			reason->field);
		if (added < 0 || (size_t)added >= sizeof(reasons) - size)
			break;
		size += (size_t)added;
	}
	struct decision *decision = decision_new((struct bytes){(const uint8_t *)reasons, size});
	if (decision == NULL)
		return NULL;
	decision->status = (enum submission_status)message->status;
	decision->phase = message->phase;
	decision->decided_at = message->decided_at;
	while (decision->similar_count < message->n_similar && decision->similar_count < DECISION_SIMILAR_MAX) {
		decision->similar[decision->similar_count] = message->similar[decision->similar_count];
		decision->similar_count++;
	}
	return decision;
}
