/* The refusals of the contract's table, in one place: status, stable word, words for people. */
#ifndef SANGKIEN_INTAKE_PROBLEM_H
#define SANGKIEN_INTAKE_PROBLEM_H

#include "common/runtime/buffer.h"
#include "services/intake/json_object.h"
#include "services/intake/shape.h"

enum problem {
	PROBLEM_NONE,
	PROBLEM_NOT_JSON,
	PROBLEM_NOT_UTF8,
	PROBLEM_NUL,
	PROBLEM_DUPLICATE_KEY,
	PROBLEM_TOO_DEEP,
	PROBLEM_TOO_COMPLEX,
	PROBLEM_NO_TOKEN,
	PROBLEM_BAD_TOKEN,
	PROBLEM_CAMPAIGN_NOT_OPEN,
	PROBLEM_CAMPAIGN_CLOSED,
	PROBLEM_OUT_OF_SCOPE,
	PROBLEM_UNKNOWN_CAMPAIGN,
	PROBLEM_UNKNOWN_CODE,
	PROBLEM_MISTYPED_CODE,
	PROBLEM_KEY_USED,
	PROBLEM_ALREADY_DECIDED,
	PROBLEM_NOT_DECIDED_YET,
	PROBLEM_LINE_TOO_LARGE,
	PROBLEM_FIELDS,
	PROBLEM_RATE_LIMITED,
	PROBLEM_FAILED,
	PROBLEM_UNAVAILABLE,
	PROBLEM_REVIEW_UNAVAILABLE,
	PROBLEM_QUESTION_UNAVAILABLE,
	PROBLEM_ASKED_TOO_OFTEN,
	PROBLEM_NOTHING_BESIDE,
	PROBLEM_OUTCOME_UNKNOWN,
	PROBLEM_REVIEW_UNKNOWN,
	PROBLEM_COUNT,
};

struct problem_words {
	int status;
	const char *type; /* URI reference; its last segment is the stable word */
	struct {
		const char *vi, *en;
	} title, detail; /* detail may be NULL */
};

const struct problem_words *problem_words(enum problem problem);
enum problem problem_of_json(enum json_fault fault); /* PROBLEM_NONE for JSON_OK */

/* Appends the inside of "errors":[…]. */
void problem_errors(const struct shape *shape, bool english, struct buffer *out);

#endif
