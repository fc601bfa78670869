#include "services/intake/question_desk.h"

#include "common/runtime/log.h"
#include "proto/submission.pb-c.h"
#include "services/intake/desk.h"

#include <stdlib.h>
#include <string.h>

enum { TURN = 16, LEASE_MS = 8000, ATTEMPTS_MAX = 2 };

struct question_desk {
	struct question_desk_options options;
	struct mailbox *asked; /* of struct question */
	struct sender *sender;
};

void question_free(struct question **question)
{
	buffer_deinit(&(*question)->draft);
	buffer_deinit(&(*question)->explanation);
	free(*question);
	*question = NULL;
}

static bool send_off(struct question_desk *desk, struct question *question)
{
	Sangkien__Message__TextQuestioned message = SANGKIEN__MESSAGE__TEXT_QUESTIONED__INIT;
	message.id = (ProtobufCBinaryData){ID128_SIZE, question->id.octet};
	message.campaign = question->campaign;
	message.unit = question->unit;
	message.draft = (ProtobufCBinaryData){question->draft.size, question->draft.data};
	if (question->has_other)
		message.other = (ProtobufCBinaryData){ID128_SIZE, question->other.octet};
	message.expires_at = question->expires_at;
	size_t size = sangkien__message__text_questioned__get_packed_size(&message);
	uint8_t *packed = malloc(size);
	if (packed == NULL)
		return false;
	sangkien__message__text_questioned__pack(&message, packed);
	bool sent = sender_push(desk->sender, (uintptr_t)question, 0, (struct bytes){0}, (struct bytes){packed, size});
	free(packed);
	return sent;
}

/* Without a deduplication nobody can tell, and that is said at once. */
static void on_asked(void *context)
{
	struct question_desk *desk = context;
	void *letters[TURN];
	size_t count = mailbox_take(desk->asked, letters, TURN);
	for (size_t i = 0; i < count; i++) {
		struct question *question = letters[i];
		int expected = QUESTION_QUEUED;
		if (sender_workers(desk->sender) > 0 &&
			atomic_compare_exchange_strong(&question->stage, &expected, QUESTION_SENT) &&
			send_off(desk, question))
			continue;
		question->problem = PROBLEM_QUESTION_UNAVAILABLE;
		desk_give_back(desk->options.http_mailbox, question);
	}
}

static void take_answer(struct question *question, const Sangkien__Message__TextAnswered *answer)
{
	question->status = answer->status;
	question->campaign = answer->campaign;
	question->unit = answer->unit;
	question->score_count = answer->n_similar < QUESTION_SCORES_MAX ? answer->n_similar : QUESTION_SCORES_MAX;
	for (size_t i = 0; i < question->score_count; i++)
		question->scores[i] = answer->similar[i];
	if (answer->other.len == ID128_SIZE)
		memcpy(&question->other, answer->other.data, ID128_SIZE);
	buffer_add(&question->explanation, answer->explanation.data, answer->explanation.len);
}

static enum problem problem_of(const Sangkien__Message__TextAnswered *answer)
{
	if (answer == NULL || answer->status > STATUS_REVOKED)
		return PROBLEM_QUESTION_UNAVAILABLE;
	switch (answer->outcome) {
	case SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_ANSWERED:
		return PROBLEM_NONE;
	case SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_UNKNOWN:
		return PROBLEM_NOTHING_BESIDE;
	default:
		return PROBLEM_QUESTION_UNAVAILABLE;
	}
}

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	struct question_desk *desk = context;
	struct question *question = (struct question *)(uintptr_t)tag;
	Sangkien__Message__TextAnswered *answer =
		sangkien__message__text_answered__unpack(NULL, result.size, result.data);
	question->problem = problem_of(answer);
	if (question->problem == PROBLEM_NONE)
		take_answer(question, answer);
	if (answer != NULL)
		sangkien__message__text_answered__free_unpacked(answer, NULL);
	desk_give_back(desk->options.http_mailbox, question);
}

static void on_poison(uint64_t tag, const char *reason, void *context)
{
	struct question_desk *desk = context;
	struct question *question = (struct question *)(uintptr_t)tag;
	log_warn("question_refused", KV_TEXT("reason", reason));
	question->problem = PROBLEM_QUESTION_UNAVAILABLE;
	desk_give_back(desk->options.http_mailbox, question);
}

static bool open_edge(struct question_desk *desk)
{
	desk->sender = desk_edge_open(&(struct desk_edge){.service = desk->options.service,
		.endpoint = desk->options.endpoint,
		.domain = "questions",
		.keys = desk->options.keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_TEXT_QUESTIONED,
		.items_max = QUESTIONS_MAX,
		.lease_ms = LEASE_MS,
		.attempts_max = ATTEMPTS_MAX,
		.brought = desk->asked,
		.on_brought = on_asked,
		.on_done = on_done,
		.on_poison = on_poison,
		.context = desk});
	return desk->sender != NULL;
}

struct question_desk *question_desk_open(const struct question_desk_options *options)
{
	struct question_desk *desk = calloc(1, sizeof(*desk));
	if (desk == NULL)
		return NULL;
	desk->options = *options;
	desk->asked = mailbox_new(QUESTIONS_MAX);
	if (desk->asked != NULL && open_edge(desk))
		return desk;
	question_desk_close(&desk);
	return NULL;
}

void question_desk_close(struct question_desk **handle)
{
	struct question_desk *desk = *handle;
	*handle = NULL;
	if (desk == NULL)
		return;
	service_forget(desk->options.service, desk);
	sender_close(&desk->sender);
	mailbox_free(&desk->asked);
	free(desk);
}

void question_desk_push(struct question_desk *desk, struct question *question)
{
	bool pushed = mailbox_push(desk->asked, question);
	assert(pushed);
}
