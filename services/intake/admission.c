#include "services/intake/front.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_TEXT_SIZE = KEY_CHARACTERS_MAX + 24 };

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

/* Printable ASCII; the bytes of a header have no other meaning that all agree on. */
static bool key_is_good(const char *key)
{
	size_t size = strlen(key);
	for (size_t i = 0; i < size; i++) {
		if (key[i] < ' ' || key[i] > '~')
			return false;
	}
	return size > 0 && size <= KEY_CHARACTERS_MAX;
}

/* A batch's line n has the key "KEY:n", so that the same file sent again resumes. */
static void take_key(
	struct front *front, const struct admission *admission, char key[KEY_TEXT_SIZE], struct arrival *out)
{
	if (admission->idempotency_key == NULL)
		return;
	if (!key_is_good(admission->idempotency_key)) {
		shape_add_error(&front->shape, "Idempotency-Key",
			strlen(admission->idempotency_key) > KEY_CHARACTERS_MAX ? "too_long" : "invalid");
		return;
	}
	if (admission->line > 0)
		snprintf(key, KEY_TEXT_SIZE, "%s:%" PRIu64, admission->idempotency_key, admission->line);
	else
		snprintf(key, KEY_TEXT_SIZE, "%s", admission->idempotency_key);
	out->key = bytes_of(key);
}

static void find_unit(struct front *front, const struct reference_campaign *campaign, struct arrival *out)
{
	char code[UNIT_CODE_MAX + 1];
	struct bytes given = front->shape.fields.unit;
	if (given.size == 0)
		return; /* said already */
	size_t size = given.size <= UNIT_CODE_MAX ? given.size : 0;
	memcpy(code, given.data, size);
	code[size] = '\0';
	const struct unit *unit = size == 0 ? NULL : unit_by_code(campaign->units, code);
	if (unit == NULL || !unit->accepts_submissions)
		shape_add_error(&front->shape, "unit", "unknown_unit");
	if (unit != NULL)
		out->submission.unit = unit->id;
}

static enum problem judge_time(const struct campaign *campaign, int64_t received_at)
{
	if (campaign_is_open(campaign, received_at))
		return PROBLEM_NONE;
	return received_at < campaign->opens_at ? PROBLEM_CAMPAIGN_NOT_OPEN : PROBLEM_CAMPAIGN_CLOSED;
}

/* Officers and operators enter for others; a reviewer does not, and nobody outside the token's subtree. */
static bool is_in_scope(const struct token *token, const struct reference_campaign *campaign, uint32_t unit)
{
	if (token == NULL)
		return true;
	if (token->role == TOKEN_REVIEWER || (token->campaign != 0 && token->campaign != campaign->id))
		return false;
	return token->unit == 0 || unit == 0 || unit_is_below(campaign->units, unit, token->unit);
}

/* 403 before 422, as in the contract's table. */
static enum problem judge(const struct front *front, const struct admission *admission, const struct token *token,
	const struct arrival *arrival)
{
	enum problem late = judge_time(admission->campaign->campaign, arrival->submission.received_at);
	if (late != PROBLEM_NONE)
		return late;
	if (!is_in_scope(token, admission->campaign, arrival->submission.unit))
		return PROBLEM_OUT_OF_SCOPE;
	return front->shape.error_count > 0 ? PROBLEM_FIELDS : PROBLEM_NONE;
}

static bool seal(struct front *front, struct arrival *arrival)
{
	const struct submission_fields *fields = &front->shape.fields;
	const struct personal personal = {fields->full_name, fields->phone, fields->national_id};
	buffer_clear(&front->sealed);
	if (!sealer_seal(front->sealer, &arrival->submission.id, &personal, &front->sealed) || front->sealed.failed)
		return false;
	arrival->sealed = buffer_bytes(&front->sealed);
	return true;
}

/* What the rate limit and the person's count go by. */
static void know_person(
	struct front *front, const struct rule_pack *rules, const struct token *token, struct arrival *out)
{
	bool known = person_hash(front->person_key, rules->person_key, &front->shape.fields, out->submission.person);
	out->submission.has_national_id = front->shape.fields.national_id.size > 0;
	out->person_limit = rules->person_limit;
	out->person_window_s = rules->person_window_s;
	out->limited = known && token == NULL && rules->person_limit > 0;
}

static enum problem find_token(
	struct front *front, const struct admission *admission, struct token *own, const struct token **token)
{
	*token = admission->token;
	if (admission->token != NULL)
		return PROBLEM_NONE;
	enum token_found found = tokens_find(front->tokens, admission->authorization, clock_now_us(), own);
	*token = found == TOKEN_GOOD ? own : NULL;
	return found == TOKEN_NOT_GIVEN ? PROBLEM_NONE : tokens_problem(found);
}

/* Fills what the writer needs; texts are borrowed until arrival_new(). */
static void fill(struct front *front, const struct admission *admission, const struct token *token,
	char key[KEY_TEXT_SIZE], struct arrival *out)
{
	const struct submission_fields *fields = &front->shape.fields;
	const struct campaign *campaign = admission->campaign->campaign;
	/* Whatever the rules say of it today: the digest is of what was read. */
	out->has_digest = front->shape.error_count == 0;
	if (out->has_digest)
		fields_digest(front->person_key, fields, out->digest);
	out->submission.id = submission_id_make(clock_now_us(), random_id());
	out->submission.campaign = admission->campaign->id;
	out->submission.received_at = fields->has_received_at ? fields->received_at : admission->received_at;
	out->submission.fields = *fields;
	out->campaign_code = bytes_of(campaign->code);
	/* What bears its own instant was received elsewhere, before. */
	const struct notice_channel *channel = campaign->notices.by_event[NOTICE_RECEIPT];
	if (channel != NULL && !fields->has_received_at)
		out->receipt_channel = bytes_of(channel->name);
	take_key(front, admission, key, out);
	find_unit(front, admission->campaign, out);
	know_person(front, campaign_rules_at(campaign, out->submission.received_at), token, out);
	trace_parent_take(admission->trace_parent, out->trace_parent);
	if (token != NULL) {
		out->has_entered_by = true;
		out->entered_by = token->id;
	}
}

/* Law 6: the time of receipt decides, so none is given by a clock that is off. Another instance's may be right. */
static bool clock_holds(const struct front *front, int64_t received_at)
{
	return receipt_clock_holds(front->receipt_clock, received_at, clock_now_us(), clock_monotonic_ms() * 1000);
}

struct arrival *front_admit(
	struct front *front, const struct admission *admission, enum problem *problem, struct buffer *errors)
{
	struct arrival draft = {.letter = LETTER_ARRIVAL, .line = admission->line, .english = admission->english};
	struct token own;
	const struct token *token;
	char key[KEY_TEXT_SIZE];
	bool bears_time = admission->token != NULL && admission->token->role == TOKEN_OPERATOR;
	*problem = problem_of_json(
		shape_read(front->shaper, admission->body, bears_time ? admission->received_at : 0, &front->shape));
	if (*problem == PROBLEM_NONE && admission->campaign == NULL)
		*problem = PROBLEM_UNKNOWN_CAMPAIGN;
	if (*problem == PROBLEM_NONE && !clock_holds(front, admission->received_at))
		*problem = PROBLEM_UNAVAILABLE;
	if (*problem == PROBLEM_NONE)
		*problem = find_token(front, admission, &own, &token);
	if (*problem != PROBLEM_NONE)
		return NULL;
	fill(front, admission, token, key, &draft);
	draft.refusal = judge(front, admission, token, &draft);
	if (draft.refusal == PROBLEM_NONE && !seal(front, &draft))
		draft.refusal = PROBLEM_FAILED;
	if (draft.refusal == PROBLEM_FIELDS)
		problem_errors(&front->shape, admission->english, errors);
	/* Nothing could come before this refusal. */
	if (draft.refusal != PROBLEM_NONE && draft.key.size == 0 && !draft.limited) {
		*problem = draft.refusal;
		return NULL;
	}
	draft.errors = *errors;
	struct arrival *arrival = arrival_new(&draft);
	if (arrival == NULL)
		*problem = PROBLEM_UNAVAILABLE;
	else
		*errors = (struct buffer){0}; /* the arrival's now */
	return arrival;
}
