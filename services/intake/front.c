#include "services/intake/front.h"

#include "common/runtime/clock.h"

#include <string.h>

bool front_init(struct front *front)
{
	TAILQ_INIT(&front->pending);
	TAILQ_INIT(&front->waiting);
	TAILQ_INIT(&front->batches);
	TAILQ_INIT(&front->reviews);
	TAILQ_INIT(&front->questions);
	front->shaper = shaper_new();
	return front->shaper != NULL;
}

/* Its thread has ended: what is left had its answer or has lost its client. */
void front_deinit(struct front *front)
{
	struct arrival *arrival;
	http_batch_free_all(front);
	http_review_free_all(front);
	http_questions_free_all(front);
	while ((arrival = TAILQ_FIRST(&front->waiting)) != NULL) {
		TAILQ_REMOVE(&front->waiting, arrival, link);
		arrival->place = PLACE_NONE;
		arrival_free(&arrival);
	}
	shaper_free(&front->shaper);
	buffer_deinit(&front->sealed);
	buffer_deinit(&front->scratch);
}

bool front_push(struct front *front, struct arrival *arrival)
{
	arrival->deadline_ms = clock_monotonic_ms() + REQUEST_MS;
	arrival->place = PLACE_PENDING;
	TAILQ_INSERT_TAIL(&front->pending, arrival, link);
	/* From here on it may come back at any moment, but only through this thread's mailbox. */
	if (receipt_writer_push(front->writer, arrival))
		return true;
	TAILQ_REMOVE(&front->pending, arrival, link);
	arrival->place = PLACE_NONE;
	return false;
}

static void take_answer(struct front *front, struct arrival *arrival)
{
	if (arrival->place == PLACE_PENDING)
		TAILQ_REMOVE(&front->pending, arrival, link);
	arrival->place = PLACE_NONE;
	if (arrival->batch != NULL)
		http_batch_answered(front, arrival);
	else
		http_submissions_answered(front, arrival);
}

void front_letter(void *letter, void *context)
{
	struct front *front = context;
	switch (*(enum letter_kind *)letter) {
	case LETTER_ARRIVAL:
		take_answer(front, letter);
		break;
	case LETTER_DECISION:
		http_submissions_decided(front, letter);
		break;
	case LETTER_REVIEW:
		http_review_answered(front, letter);
		break;
	case LETTER_QUESTION:
		http_questions_answered(front, letter);
		break;
	}
}

/* Nobody waits longer than this: 503 where no writer has begun, 504 where one has and nobody knows the outcome. */
static void give_up(struct front *front, struct arrival *arrival)
{
	int expected = ARRIVAL_QUEUED;
	struct arrival seen; /* a writer may free it as soon as it is given up */
	TAILQ_REMOVE(&front->pending, arrival, link);
	arrival->place = PLACE_NONE;
	memcpy(&seen, arrival, sizeof(seen));
	bool begun = !atomic_compare_exchange_strong(&arrival->stage, &expected, ARRIVAL_GIVEN_UP);
	enum problem problem = begun ? PROBLEM_OUTCOME_UNKNOWN : PROBLEM_UNAVAILABLE;
	if (begun)
		arrival->given_up = true; /* it comes back as a letter */
	metric_add(front->metrics->refused[problem], 1);
	if (seen.batch != NULL)
		http_batch_given_up(front, &seen, problem, begun);
	else
		http_submissions_given_up(front, &seen, problem);
}

void front_tick(struct http_server *server, void *context)
{
	struct front *front = context;
	int64_t now_ms = clock_monotonic_ms();
	struct arrival *arrival;
	front->server = server;
	while ((arrival = TAILQ_FIRST(&front->pending)) != NULL && arrival->deadline_ms <= now_ms)
		give_up(front, arrival);
	http_submissions_tick(front, now_ms);
	http_batch_tick(front);
	http_review_tick(front, now_ms);
	http_questions_tick(front, now_ms);
}
