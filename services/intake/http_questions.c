/* What people ask about texts; nothing is kept or learnt by it.
 * POST /v1/campaigns/{campaign}/similar: is something like this draft in? Scores, never whose or what.
 * GET /v1/submissions/{code}/explain: what does a submission share with the one it resembles? For officers. */
#include "services/intake/front.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "services/intake/shape_reading.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_S = 2, UNIT_TEXT_MAX = 64 };

static void refuse(struct front *front, struct http_exchange *exchange, enum problem problem, struct bytes errors)
{
	int status = problem_words(problem)->status;
	metric_add(front->metrics->questions_refused, 1);
	answer_problem(exchange, problem, errors, status == 503 || status == 429 ? RETRY_AFTER_S : 0);
}

static struct question *begin(struct front *front, struct http_exchange *exchange)
{
	bool offered = front->question_desk != NULL;
	front->server = http_server_of(exchange);
	struct question *question =
		offered && front->question_count < QUESTIONS_MAX ? calloc(1, sizeof(*question)) : NULL;
	if (question == NULL)
		refuse(front, exchange, offered ? PROBLEM_ASKED_TOO_OFTEN : PROBLEM_QUESTION_UNAVAILABLE,
			(struct bytes){0});
	return question;
}

static void hand_over(struct front *front, struct http_exchange *exchange, struct question *question)
{
	question->letter = LETTER_QUESTION;
	question->ticket = http_ticket_of(exchange);
	question->deadline_ms = clock_monotonic_ms() + REQUEST_MS;
	question->expires_at = clock_now_us() + (int64_t)REQUEST_MS * 1000;
	TAILQ_INSERT_TAIL(&front->questions, question, link);
	front->question_count++;
	question_desk_push(front->question_desk, question);
}

/* A draft --------------------------------------------------------------------------------------------------------- */

struct draft_reading {
	struct question *question;
	char unit[UNIT_TEXT_MAX];
};

static void read_description(struct reading *reading)
{
	struct draft_reading *draft = reading->target;
	struct bytes given;
	if (!reading_text(reading, &given))
		return;
	if (given.size == 0 || given.size > QUESTION_DRAFT_BYTES_MAX)
		reading_refuse(reading, given.size == 0 ? "required" : "too_long");
	else
		buffer_add(&draft->question->draft, given.data, given.size);
}

static void read_unit(struct reading *reading)
{
	struct draft_reading *draft = reading->target;
	struct bytes given;
	if (!reading_text(reading, &given))
		return;
	if (given.size == 0 || given.size >= sizeof(draft->unit)) {
		reading_refuse(reading, given.size == 0 ? "required" : "unknown_unit");
		return;
	}
	memcpy(draft->unit, given.data, given.size);
	draft->unit[given.size] = '\0';
}

static enum problem read_draft(struct front *front, struct http_exchange *exchange,
	const struct reference_campaign *campaign, struct question *question)
{
	static const struct field_reader READERS[] = {{"unit", read_unit}, {"description", read_description}};
	struct draft_reading draft = {.question = question};
	struct reading reading = {.shaper = front->shaper, .shape = &front->shape, .target = &draft};
	front->shape.error_count = 0;
	enum problem problem =
		problem_of_json(reading_object(&reading, http_body(exchange), READERS, ARRAY_LENGTH(READERS)));
	if (problem != PROBLEM_NONE)
		return problem;
	const struct unit *unit = draft.unit[0] == '\0' ? NULL : unit_by_code(campaign->units, draft.unit);
	if (draft.unit[0] != '\0' && (unit == NULL || !unit->accepts_submissions))
		shape_add_error(&front->shape, "unit", "unknown_unit");
	question->campaign = campaign->id;
	question->unit = unit == NULL ? 0 : unit->id;
	if (question->draft.failed)
		return PROBLEM_QUESTION_UNAVAILABLE;
	return front->shape.error_count > 0 ? PROBLEM_FIELDS : PROBLEM_NONE;
}

static enum problem judge_draft(struct front *front, struct http_exchange *exchange, struct question *question)
{
	const struct reference *reference = reference_acquire(front->reference);
	if (reference == NULL)
		return PROBLEM_QUESTION_UNAVAILABLE;
	const struct reference_campaign *campaign = reference_by_code(reference, http_path_value(exchange, "campaign"));
	enum problem problem =
		campaign == NULL ? PROBLEM_UNKNOWN_CAMPAIGN : read_draft(front, exchange, campaign, question);
	reference_release(front->reference, &reference);
	return problem;
}

void http_similar(struct http_exchange *exchange, void *context)
{
	struct front *front = context;
	struct buffer errors = {0};
	struct question *question = begin(front, exchange);
	if (question == NULL)
		return;
	question->is_draft = true;
	question->id = submission_id_make(clock_now_us(), random_id());
	enum problem problem = judge_draft(front, exchange, question);
	if (problem == PROBLEM_NONE) {
		hand_over(front, exchange, question);
		return;
	}
	if (problem == PROBLEM_FIELDS)
		problem_errors(&front->shape, http_prefers_english(exchange), &errors);
	refuse(front, exchange, problem, buffer_bytes(&errors));
	buffer_deinit(&errors);
	question_free(&question);
}

/* Two submissions ------------------------------------------------------------------------------------------------- */

static enum problem judge_pair(struct front *front, struct http_exchange *exchange, struct question *question)
{
	const char *with = http_query(exchange, "with");
	enum token_found found =
		tokens_find(front->tokens, http_header(exchange, "Authorization"), clock_now_us(), &question->token);
	if (found != TOKEN_GOOD)
		return tokens_problem(found);
	question->has_other = with != NULL;
	if (!tracking_code_parse(http_path_value(exchange, "code"), &question->id) ||
		(with != NULL && !tracking_code_parse(with, &question->other)))
		return PROBLEM_MISTYPED_CODE;
	return PROBLEM_NONE;
}

void http_explain(struct http_exchange *exchange, void *context)
{
	struct front *front = context;
	struct question *question = begin(front, exchange);
	if (question == NULL)
		return;
	enum problem problem = judge_pair(front, exchange, question);
	if (problem == PROBLEM_NONE) {
		hand_over(front, exchange, question);
		return;
	}
	refuse(front, exchange, problem, (struct bytes){0});
	question_free(&question);
}

/* Is the explained submission below the token's unit? What it was explained beside may be anybody's of the campaign:
 * its words are not told but where they are the same. */
static enum problem judge_scope(struct front *front, const struct question *question)
{
	const struct token *token = &question->token;
	const struct reference *reference = reference_acquire(front->reference);
	const struct reference_campaign *campaign =
		reference == NULL ? NULL : reference_by_id(reference, question->campaign);
	enum problem problem = campaign == NULL ? PROBLEM_QUESTION_UNAVAILABLE : PROBLEM_NONE;
	if (campaign != NULL &&
		((token->campaign != 0 && token->campaign != question->campaign) ||
			(token->unit != 0 && !unit_is_below(campaign->units, question->unit, token->unit))))
		problem = PROBLEM_OUT_OF_SCOPE;
	reference_release(front->reference, &reference);
	return problem;
}

/* Answering ------------------------------------------------------------------------------------------------------- */

static void draft_json(const struct question *question, struct buffer *out)
{
	buffer_format(out, "{\"status\":\"%s\",\"similar\":[", status_name((enum submission_status)question->status));
	for (size_t i = 0; i < question->score_count; i++)
		buffer_format(out, "%s{\"score\":%.3f}", i > 0 ? "," : "", question->scores[i]);
	buffer_text(out, "]}\n");
}

static void pair_json(const struct question *question, struct buffer *out)
{
	char code[TRACKING_CODE_SIZE], other[TRACKING_CODE_SIZE];
	tracking_code_format(&question->id, code);
	tracking_code_format(&question->other, other);
	buffer_format(out, "{\"tracking_code\":\"%s\",\"with\":\"%s\",", code, other);
	buffer_add(out, question->explanation.data, question->explanation.size);
	buffer_text(out, "}\n");
}

static void answer(struct front *front, struct http_exchange *exchange, const struct question *question)
{
	struct buffer body = {0};
	enum problem problem = question->problem;
	if (problem == PROBLEM_NONE && !question->is_draft)
		problem = judge_scope(front, question);
	if (problem != PROBLEM_NONE) {
		refuse(front, exchange, problem, (struct bytes){0});
		return;
	}
	if (question->is_draft)
		draft_json(question, &body);
	else
		pair_json(question, &body);
	metric_add(front->metrics->questions_answered, 1);
	http_add_header(exchange, "Cache-Control", "no-store");
	http_answer(exchange, 200, "application/json", buffer_bytes(&body));
	buffer_deinit(&body);
}

void http_questions_answered(struct front *front, struct question *question)
{
	struct http_exchange *exchange = question->answered ? NULL : http_find(front->server, question->ticket);
	if (exchange != NULL)
		answer(front, exchange, question);
	TAILQ_REMOVE(&front->questions, question, link);
	front->question_count--;
	question_free(&question);
}

void http_questions_tick(struct front *front, int64_t now_ms)
{
	struct question *question;
	TAILQ_FOREACH(question, &front->questions, link)
	{
		int expected = QUESTION_QUEUED;
		if (question->deadline_ms > now_ms)
			break; /* so do all behind it */
		if (question->answered)
			continue;
		(void)atomic_compare_exchange_strong(&question->stage, &expected, QUESTION_GIVEN_UP);
		question->answered = true;
		struct http_exchange *exchange = http_find(front->server, question->ticket);
		if (exchange != NULL)
			refuse(front, exchange, PROBLEM_QUESTION_UNAVAILABLE, (struct bytes){0});
	}
}

/* Those that never came back. */
void http_questions_free_all(struct front *front)
{
	struct question *question;
	while ((question = TAILQ_FIRST(&front->questions)) != NULL) {
		TAILQ_REMOVE(&front->questions, question, link);
		question_free(&question);
	}
}
