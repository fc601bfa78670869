/* A submission made up around a text, so that it satisfies a campaign's rules: for `simulate`, and for `submit` of bare
 * texts. Pure. */
#ifndef SANGKIEN_CONTROL_MADE_SUBMISSION_H
#define SANGKIEN_CONTROL_MADE_SUBMISSION_H

#include "common/domain/campaign.h"
#include "common/runtime/buffer.h"

struct made_submission {
	uint64_t seed;
	uint64_t person;  /* the same number is the same person: name, phone and national id */
	const char *unit; /* code */
	struct bytes description;
	int64_t received_at; /* the instant to give (needs an operator's token); 0: none */
};

/* Appends the contract's JSON on one line, without newline, by the rules that hold at its receipt (`now` where none is
 * given). */
void made_submission_write(
	const struct made_submission *made, const struct campaign *campaign, int64_t now, struct buffer *out);

#endif
