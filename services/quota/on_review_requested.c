#include "services/quota/on_review_requested.h"

#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "services/quota/answers.h"
#include "services/quota/review_round.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PROBE_EVERY_MS = 500, REFERENCE_WAIT_MS = 5000, REFERENCE_LOOK_MS = 20 };

struct review_desk {
	struct review_desk_options options;
	struct mailbox *rounds, *answered; /* of struct review_round */
	struct answers *answers;
	size_t held; /* rounds not yet answered; the loop's alone */
	struct metric *made, *conflicts;
	atomic_bool closing;
	bool has_thread;
	pthread_t thread;
};

static void count_outcomes(struct review_desk *desk, const struct review_round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		Sangkien__Message__ReviewOutcome outcome = round->reviews[i].outcome;

		metric_add(desk->made, outcome == SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_MADE);
		metric_add(desk->conflicts, outcome == SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_CONFLICT);
	}
}

/* A quota that was just started is given reviews before it has read what they are about: they wait here, since an
 * outcome that is no outcome would be told to the reviewer. */
static const struct reference *await_reference(struct review_desk *desk)
{
	int64_t deadline_ms = clock_monotonic_ms() + REFERENCE_WAIT_MS;
	const struct reference *reference;

	while ((reference = reference_acquire(desk->options.reference)) == NULL && !atomic_load(&desk->closing) &&
		clock_monotonic_ms() < deadline_ms)
		poll(NULL, 0, REFERENCE_LOOK_MS);
	return reference;
}

/* Without reference data nothing can be made; each review then says so by its outcome. */
static void make(struct review_desk *desk, struct review_round *round)
{
	const struct reference *reference = await_reference(desk);

	for (size_t i = 0; i < round->count; i++)
		round->reviews[i].outcome = SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_NOT_NOW;
	if (reference != NULL)
		review_round_make(round, desk->options.ledger, reference);
	reference_release(desk->options.reference, &reference);
	count_outcomes(desk, round);
}

static void *run(void *context)
{
	struct review_desk *desk = context;

	while (!atomic_load(&desk->closing)) {
		void *letter;
		bool taken;

		if (mailbox_wait(desk->rounds, &letter, 1, PROBE_EVERY_MS) == 0) {
			ledger_probe(desk->options.ledger);
			continue;
		}
		make(desk, letter);
		taken = mailbox_push(desk->options.to_boards, letter);
		assert(taken);
	}
	return NULL;
}

static void on_answered(void *context)
{
	struct review_desk *desk = context;
	void *letters[REVIEW_ROUNDS_MAX];
	size_t count = mailbox_take(desk->answered, letters, REVIEW_ROUNDS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct review_round *round = letters[i];

		answers_tell(desk->answers, &round->committed.result);
		failpoint("quota-before-review-answer");
		review_round_answer(round);
		delivery_done(&round->delivery);
		review_round_free(&round);
		desk->held--;
	}
}

void on_review_requested(struct delivery *delivery, void *context)
{
	struct review_desk *desk = context;
	struct review_round *round = desk->held == REVIEW_ROUNDS_MAX ? NULL : review_round_new(delivery);

	if (round != NULL) {
		round->committed.answers = desk->answered;
		bool taken = mailbox_push(desk->rounds, round);
		assert(taken);
		desk->held++;
		return;
	}
	for (size_t item = 0; item < delivery_count(delivery); item++)
		delivery_reject(delivery, item, true, "too many reviews at once");
	delivery_done(&delivery);
}

bool review_desk_is_idle(const struct review_desk *desk)
{
	return desk->held == 0;
}

struct review_desk *review_desk_open(const struct review_desk_options *options)
{
	struct review_desk *desk = calloc(1, sizeof(*desk));
	struct metrics *metrics = service_metrics(options->service);

	if (desk == NULL)
		return NULL;
	desk->options = *options;
	desk->made = metrics_counter(
		metrics, "sangkien_quota_reviews_made_total", NULL, "Decisions of persons that were made");
	desk->conflicts = metrics_counter(metrics, "sangkien_quota_reviews_in_conflict_total", NULL,
		"Reviews that somebody else had been faster than");
	desk->rounds = mailbox_new(REVIEW_ROUNDS_MAX);
	desk->answered = mailbox_new(REVIEW_ROUNDS_MAX);
	desk->answers = answers_open(options->decisions, options->outbox);
	if (desk->rounds != NULL && desk->answered != NULL && desk->answers != NULL &&
		pthread_create(&desk->thread, NULL, run, desk) == 0) {
		desk->has_thread = true;
		service_on_fd(options->service, mailbox_fd(desk->answered), on_answered, desk);
		return desk;
	}
	review_desk_close(&desk);
	return NULL;
}

void review_desk_stop(struct review_desk *desk)
{
	if (!desk->has_thread)
		return;
	atomic_store(&desk->closing, true);
	mailbox_close(desk->rounds);
	pthread_join(desk->thread, NULL);
	desk->has_thread = false;
}

/* What was not answered stays with its upstream, whose lease runs out. */
static void drop(struct mailbox **box)
{
	void *letter;

	while (*box != NULL && mailbox_take(*box, &letter, 1) == 1) {
		struct review_round *round = letter;
		review_round_free(&round);
	}
	mailbox_free(box);
}

void review_desk_close(struct review_desk **handle)
{
	struct review_desk *desk = *handle;

	*handle = NULL;
	if (desk == NULL)
		return;
	review_desk_stop(desk);
	service_forget(desk->options.service, desk);
	drop(&desk->rounds);
	drop(&desk->answered);
	answers_close(&desk->answers);
	free(desk);
}
