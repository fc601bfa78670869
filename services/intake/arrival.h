/* One submission under way: made on the HTTP thread, judged and made durable by a writer, answered on the HTTP thread.
 * It has one owner at a time; what crosses is the pointer. */
#ifndef SANGKIEN_INTAKE_ARRIVAL_H
#define SANGKIEN_INTAKE_ARRIVAL_H

#include "common/runtime/http.h"
#include "services/intake/decision.h"
#include "services/intake/person.h"
#include "services/intake/problem.h"

#include <stdatomic.h>
#include <sys/queue.h>

/* What the HTTP thread's mailbox carries; first in every letter. */
enum letter_kind { LETTER_ARRIVAL, LETTER_DECISION, LETTER_REVIEW, LETTER_QUESTION };

/* Between the HTTP thread's deadline and the writer: who comes first decides whether anything was begun. */
enum arrival_stage { ARRIVAL_QUEUED, ARRIVAL_TAKEN, ARRIVAL_GIVEN_UP };

enum arrival_result {
	RESULT_NONE,
	RESULT_RECEIVED, /* committed */
	RESULT_REPLAYED, /* its key was seen with the same fields: the original's receipt */
	RESULT_PROBLEM,
};

struct batch;

struct arrival {
	enum letter_kind letter;
	_Atomic int stage; /* enum arrival_stage */

	/* The HTTP thread's alone. */
	TAILQ_ENTRY(arrival) link;
	enum { PLACE_NONE, PLACE_PENDING, PLACE_WAITING } place; /* which of its lists */
	http_ticket ticket;                                      /* of the exchange, where there is no batch */
	struct batch *batch;
	uint64_t line;
	bool english;
	int64_t deadline_ms;    /* monotonic: then it is answered without the writer */
	int64_t wait_until_ms;  /* Prefer: wait; 0: no */
	struct decision *early; /* came before the receipt */
	bool given_up;          /* its line of a batch has been answered without it */

	/* Set before it is handed to a writer. */
	struct submission submission; /* texts below */
	struct bytes key;             /* idempotency key; empty: none */
	bool has_digest;              /* its fields are all in order */
	uint8_t digest[FIELDS_DIGEST_SIZE];
	bool limited; /* the rate limit holds for it, and its person is known */
	uint32_t person_limit, person_window_s;
	enum problem refusal; /* what it gets unless it is a replay or over the limit; PROBLEM_NONE: it goes in */
	struct buffer errors; /* of PROBLEM_FIELDS, rendered */
	struct bytes sealed;
	struct bytes campaign_code;
	struct bytes receipt_channel; /* its submitter is told of the receipt through it; empty: not */
	bool has_entered_by;
	struct id128 entered_by;
	char trace_parent[TRACE_PARENT_SIZE];
	bool wants_decision;
	size_t bytes; /* of all this, for the bound of the queue */

	/* The writer's answer. */
	enum arrival_result result;
	enum problem problem;
	uint32_t retry_after_s;
	bool key_won; /* within a commit */
	bool charged; /* against the rate limit, to be given back if nothing is kept */
	struct id128 receipt_id;
	int64_t receipt_at;
	struct decision *decision; /* of a replay that is decided already */

	uint8_t texts[];
};
TAILQ_HEAD(arrival_list, arrival);

/* Copies all texts of `from` into one new arrival. NULL without memory. `from` borrows and is not an arrival itself. */
struct arrival *arrival_new(const struct arrival *from) MUST_CHECK;
void arrival_free(struct arrival **arrival); /* NULL is fine */

void arrival_refuse(struct arrival *arrival, enum problem problem);
void arrival_receipt(struct arrival *arrival, enum arrival_result result, const struct id128 *id, int64_t received_at);

#endif
