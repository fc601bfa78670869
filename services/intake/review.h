/* One review under way: a person's word on a submission, read on the HTTP thread, looked up by the desk, handed to
 * quota, answered on the HTTP thread. What crosses is the pointer; it always comes back as a letter and is freed there.
 */
#ifndef SANGKIEN_INTAKE_REVIEW_H
#define SANGKIEN_INTAKE_REVIEW_H

#include "common/domain/status_json.h"
#include "common/domain/unit_tree.h"
#include "services/intake/arrival.h"
#include "services/intake/tokens.h"

enum {
	REVIEW_REASON_MAX = 500,        /* characters */
	REVIEW_REASON_BYTES_MAX = 8000, /* beyond any text of so many characters but a strange one */
	REVIEW_HISTORY_MAX = 32,
	CAMPAIGN_CODE_BYTES = 64,
};

/* Between the HTTP thread's deadline and the edge: who comes first decides whether anything was begun. */
enum review_stage { REVIEW_QUEUED, REVIEW_SENT, REVIEW_GIVEN_UP };

struct review {
	enum letter_kind letter; /* LETTER_REVIEW */
	_Atomic int stage;       /* enum review_stage */

	/* The HTTP thread's alone. */
	TAILQ_ENTRY(review) link;
	http_ticket ticket;
	bool english, answered;
	int64_t deadline_ms; /* monotonic */

	/* Set before it is handed to the desk. */
	struct token token;
	struct id128 submission;
	enum submission_status wanted;
	uint32_t seen; /* revision that it was made against; 0: as the desk finds it */
	int64_t expires_at;
	char reason[REVIEW_REASON_BYTES_MAX];
	size_t reason_size;

	/* As the desk found it. */
	char campaign[CAMPAIGN_CODE_BYTES], unit[UNIT_CODE_MAX + 1];
	int64_t received_at;
	uint32_t revision; /* newest */
	struct status_change history[REVIEW_HISTORY_MAX + 2];
	size_t history_count; /* of very many the newest, behind the receipt */

	/* The answer: a problem, or what stands now; with PROBLEM_ALREADY_DECIDED too. */
	enum problem problem;
	struct {
		uint32_t revision, phase;
		enum submission_status status;
		enum decided_by decided_by;
		int64_t at;
		bool has_score;
		double score;
	} now;
};
TAILQ_HEAD(review_list, review);

/* What the body says, pure: `decision`, `reason`, `revision`. Errors go to `shape`. */
enum json_fault review_read(
	struct shaper *shaper, struct bytes body, struct shape *shape, struct review *review) MUST_CHECK;

/* One more step, behind those that are known. */
void review_add_step(struct review *review, enum submission_status status, int64_t at);

/* The bodies of 200 and of 409 `already_decided`. */
void review_json(const struct review *review, struct buffer *out);
void review_conflict_json(const struct review *review, struct buffer *out);

#endif
