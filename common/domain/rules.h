/* The campaign's rules on one submission: every reason at once. Pure; time is in the submission, not in the clock.
 * validation judges by them, and control rehearses a change of them. */
#ifndef SANGKIEN_DOMAIN_RULES_H
#define SANGKIEN_DOMAIN_RULES_H

#include "common/domain/campaign.h"
#include "proto/submission.pb-c.h"

enum { RULES_REASONS_MAX = 16 };

struct rules_reason {
	const char *code, *field; /* literals: the contract's words */
};
struct rules_verdict {
	struct rules_reason reasons[RULES_REASONS_MAX]; /* in the order of the form; none: valid */
	size_t count;
};

/* `rules` is the version that holds at the submission's receipt. */
void rules_judge(const struct rule_pack *rules, const Sangkien__Message__Fields *fields, struct rules_verdict *verdict);

#endif
