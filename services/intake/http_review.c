/* POST /v1/submissions/{code}/review: a reviewer counts, rejects or revokes; answered after quota's commit. */
#include "services/intake/front.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"

#include <stdlib.h>

enum { RETRY_AFTER_S = 2 };

static void refuse(struct front *front, struct http_exchange *exchange, enum problem problem, struct bytes errors)
{
	int status = problem_words(problem)->status;
	metric_add(front->metrics->reviews_refused, 1);
	answer_problem(exchange, problem, errors, status == 503 || status == 504 ? RETRY_AFTER_S : 0);
}

/* Who asks comes first: to others nothing is said of what there is. */
static enum problem judge(struct front *front, struct http_exchange *exchange, struct review *review)
{
	enum token_found found =
		tokens_find(front->tokens, http_header(exchange, "Authorization"), clock_now_us(), &review->token);
	if (found != TOKEN_GOOD)
		return tokens_problem(found);
	if (review->token.role != TOKEN_REVIEWER)
		return PROBLEM_OUT_OF_SCOPE;
	if (!tracking_code_parse(http_path_value(exchange, "code"), &review->submission))
		return PROBLEM_MISTYPED_CODE;
	enum problem problem = problem_of_json(review_read(front->shaper, http_body(exchange), &front->shape, review));
	if (problem != PROBLEM_NONE)
		return problem;
	return front->shape.error_count > 0 ? PROBLEM_FIELDS : PROBLEM_NONE;
}

static void hand_over(struct front *front, struct http_exchange *exchange, struct review *review)
{
	review->letter = LETTER_REVIEW;
	review->ticket = http_ticket_of(exchange);
	review->deadline_ms = clock_monotonic_ms() + REQUEST_MS;
	review->expires_at = clock_now_us() + (int64_t)REQUEST_MS * 1000;
	TAILQ_INSERT_TAIL(&front->reviews, review, link);
	front->review_count++;
	review_desk_push(front->review_desk, review);
}

void http_review(struct http_exchange *exchange, void *context)
{
	struct front *front = context;
	struct buffer errors = {0};
	front->server = http_server_of(exchange);
	struct review *review = front->review_count == REVIEWS_MAX ? NULL : calloc(1, sizeof(*review));
	if (review == NULL) {
		refuse(front, exchange, PROBLEM_REVIEW_UNAVAILABLE, (struct bytes){0});
		return;
	}
	review->english = http_prefers_english(exchange);
	enum problem problem = judge(front, exchange, review);
	if (problem == PROBLEM_NONE) {
		hand_over(front, exchange, review);
		return;
	}
	if (problem == PROBLEM_FIELDS)
		problem_errors(&front->shape, review->english, &errors);
	refuse(front, exchange, problem, buffer_bytes(&errors));
	buffer_deinit(&errors);
	free(review);
}

static void answer(struct front *front, struct http_exchange *exchange, const struct review *review)
{
	struct buffer body = {0};
	if (review->problem == PROBLEM_NONE) {
		metric_add(front->metrics->reviews_made, 1);
		review_json(review, &body);
		http_answer(exchange, 200, "application/json", buffer_bytes(&body));
	} else if (review->problem == PROBLEM_ALREADY_DECIDED) {
		metric_add(front->metrics->reviews_refused, 1);
		review_conflict_json(review, &body);
		http_answer(exchange, problem_words(review->problem)->status, "application/problem+json",
			buffer_bytes(&body));
	} else {
		refuse(front, exchange, review->problem, (struct bytes){0});
	}
	buffer_deinit(&body);
}

/* It has come back; its client may have gone, or has been answered without it. */
void http_review_answered(struct front *front, struct review *review)
{
	struct http_exchange *exchange = review->answered ? NULL : http_find(front->server, review->ticket);
	if (exchange != NULL)
		answer(front, exchange, review);
	TAILQ_REMOVE(&front->reviews, review, link);
	front->review_count--;
	free(review);
}

/* Nobody waits longer than this: 503 where nothing was begun, 504 where quota has it and nobody knows. */
void http_review_tick(struct front *front, int64_t now_ms)
{
	struct review *review;
	TAILQ_FOREACH(review, &front->reviews, link)
	{
		int expected = REVIEW_QUEUED;
		if (review->deadline_ms > now_ms)
			break; /* so do all behind it */
		if (review->answered)
			continue;
		bool begun = !atomic_compare_exchange_strong(&review->stage, &expected, REVIEW_GIVEN_UP);
		struct http_exchange *exchange = http_find(front->server, review->ticket);
		review->answered = true;
		if (exchange != NULL)
			refuse(front, exchange, begun ? PROBLEM_REVIEW_UNKNOWN : PROBLEM_REVIEW_UNAVAILABLE,
				(struct bytes){0});
	}
}

/* Those that never came back. */
void http_review_free_all(struct front *front)
{
	struct review *review;
	while ((review = TAILQ_FIRST(&front->reviews)) != NULL) {
		TAILQ_REMOVE(&front->reviews, review, link);
		free(review);
	}
}
