/* What the handlers on the HTTP thread share. Everything here is that thread's alone unless it says otherwise. */
#ifndef SANGKIEN_INTAKE_FRONT_H
#define SANGKIEN_INTAKE_FRONT_H

#include "common/domain/reference.h"
#include "common/domain/sealed.h"
#include "services/intake/arrival.h"
#include "services/intake/metrics.h"
#include "services/intake/question_desk.h"
#include "services/intake/receipt_clock.h"
#include "services/intake/receipt_writer.h"
#include "services/intake/review_desk.h"
#include "services/intake/tokens.h"
#include "services/intake/waiters.h"

enum {
	REQUEST_MS = 10000, /* after that a request is answered whatever the writer does */
	WAIT_MAX_S = 10,    /* Prefer: wait */
	FRONT_TICK_MS = 50,
	KEY_CHARACTERS_MAX = 64,
};

TAILQ_HEAD(batch_list, batch);

struct front {
	struct reference_source *reference;
	struct tokens *tokens;
	const struct sealer *sealer;
	const uint8_t *person_key; /* PERSON_KEY_SIZE */
	struct receipt_writer *writer;
	struct review_desk *review_desk;
	struct question_desk *question_desk; /* NULL: not offered */
	struct waiters *waiters;
	const struct receipt_clock *receipt_clock;
	struct intake_metrics *metrics;

	struct shaper *shaper;
	struct shape shape;            /* of the request at hand */
	struct buffer sealed, scratch; /* likewise */
	struct arrival_list pending;   /* with a writer, oldest first */
	struct arrival_list waiting;   /* have their receipt, wait for the verdict */
	struct batch_list batches;
	size_t batch_count;
	struct review_list reviews; /* all that are under way, oldest first */
	size_t review_count;
	struct question_list questions; /* likewise */
	size_t question_count;
	struct http_server *server; /* as of the last request: letters come after requests */
};

bool front_init(struct front *front) MUST_CHECK; /* its own parts; the others are set by the caller */
void front_deinit(struct front *front);

/* Admission: from a body to an arrival (admission.c) ------------------------------------------------------------- */

struct admission { /* what is asked, and by whom; borrowed */
	struct bytes body;
	int64_t received_at;
	const struct reference_campaign *campaign; /* NULL: there is none of that code */
	const char *authorization;                 /* of a single request; NULL: none */
	const struct token *token;                 /* of a batch, judged before */
	const char *idempotency_key;               /* header; NULL: none */
	uint64_t line;                             /* of a batch, from 1; else 0 */
	const char *trace_parent;                  /* header; NULL: none */
	bool english;
};
/* Judges what needs no other service, in the contract's order. NULL: *problem says why (its field errors in `errors`).
 * Else an arrival for a writer, refusals that a replay or the rate limit comes before included. */
struct arrival *front_admit(struct front *front, const struct admission *admission, enum problem *problem,
	struct buffer *errors) MUST_CHECK;

/* Answers (answers.c) --------------------------------------------------------------------------------------------- */

void answer_problem(struct http_exchange *exchange, enum problem problem, struct bytes errors, uint32_t retry_s);
void answer_receipt(struct http_exchange *exchange, const struct arrival *arrival);
void answer_decision(struct http_exchange *exchange, const struct arrival *arrival, const struct decision *decision);
/* Lines of a batch's answer. */
void line_receipt(const struct arrival *arrival, struct buffer *out);
void line_problem(uint64_t line, enum problem problem, bool english, struct bytes errors, struct buffer *out);

/* Handlers -------------------------------------------------------------------------------------------------------- */

http_handler http_submissions;
http_closed_handler http_submissions_closed;
void http_submissions_answered(struct front *front, struct arrival *arrival);
void http_submissions_decided(struct front *front, struct decision_letter *letter);
void http_submissions_given_up(struct front *front, struct arrival *arrival, enum problem problem);
void http_submissions_tick(struct front *front, int64_t now_ms);

http_handler http_batch;
http_body_handler http_batch_piece;
http_closed_handler http_batch_closed;
void http_batch_answered(struct front *front, struct arrival *arrival);
/* `returns`: a writer has it and it will come back as a letter; else it is gone after this. */
void http_batch_given_up(struct front *front, struct arrival *arrival, enum problem problem, bool returns);
void http_batch_tick(struct front *front);
void http_batch_free_all(struct front *front);

http_handler http_review;
void http_review_answered(struct front *front, struct review *review);
void http_review_tick(struct front *front, int64_t now_ms);
void http_review_free_all(struct front *front);

http_handler http_similar;
http_handler http_explain;
void http_questions_answered(struct front *front, struct question *question);
void http_questions_tick(struct front *front, int64_t now_ms);
void http_questions_free_all(struct front *front);

/* The server's on_letter and on_tick. */
void front_letter(void *letter, void *front);
void front_tick(struct http_server *server, void *front);
/* Into the list of those with a writer; false: too many wait, it is still the caller's. */
bool front_push(struct front *front, struct arrival *arrival) MUST_CHECK;

#endif
