/* One question under way: is something like a draft in, or what do two submissions share? Read on the HTTP thread,
 * handed to deduplication by the desk, answered on the HTTP thread. What crosses is the pointer; it always comes back
 * as a letter and is freed there. Nothing is kept of it. */
#ifndef SANGKIEN_INTAKE_QUESTION_H
#define SANGKIEN_INTAKE_QUESTION_H

#include "services/intake/arrival.h"
#include "services/intake/tokens.h"

enum { QUESTION_SCORES_MAX = 8, QUESTION_DRAFT_BYTES_MAX = 32768 };

/* Between the HTTP thread's deadline and the edge. */
enum question_stage { QUESTION_QUEUED, QUESTION_SENT, QUESTION_GIVEN_UP };

struct question {
	enum letter_kind letter; /* LETTER_QUESTION */
	_Atomic int stage;       /* enum question_stage */

	/* The HTTP thread's alone. */
	TAILQ_ENTRY(question) link;
	http_ticket ticket;
	bool answered;
	int64_t deadline_ms; /* monotonic */
	struct token token;  /* of who wants a pair explained */

	/* Set before it is handed to the desk. */
	struct id128 id; /* the submission, or the draft's own */
	bool is_draft, has_other;
	struct id128 other;
	uint32_t campaign, unit; /* of a draft; then, of the explained submission */
	int64_t expires_at;
	struct buffer draft;

	/* The answer. */
	enum problem problem;
	uint32_t status;
	size_t score_count;
	double scores[QUESTION_SCORES_MAX];
	struct buffer explanation; /* members of a JSON object */
};
TAILQ_HEAD(question_list, question);

void question_free(struct question **question);

#endif
