#include "services/intake/review_desk.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "proto/submission.pb-c.h"
#include "services/intake/desk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECT_MS = 1000,
	STATEMENT_MS = 5000,
	TURN = 64,
	/* Longer than quota tries; then another quota gets it, and finds what the first one made. */
	LEASE_MS = 15000,
	ATTEMPTS_MAX = 20,
	GREET_EVERY_MS = 20,
};

struct review_desk {
	struct review_desk_options options;
	struct pg *pg;
	struct mailbox *asked, *found; /* of struct review */
	struct sender *sender;
	int64_t greeting_until_ms; /* 0: it is over */
	bool has_thread;
	pthread_t thread;
};

static void refuse(struct review_desk *desk, struct review *review, enum problem problem)
{
	review->problem = problem;
	desk_give_back(desk->options.http_mailbox, review);
}

/* The thread: what PostgreSQL knows of it -------------------------------------------------------------------------- */

static void take_row(struct review *review, const PGresult *rows, int row)
{
	if (pg_get_null(rows, row, 3))
		return;
	review->revision = (uint32_t)pg_get_i32(rows, row, 3);
	review_add_step(review, (enum submission_status)pg_get_i16(rows, row, 4), pg_get_instant(rows, row, 5));
}

/* 403: another's subtree; what it is called there is told to nobody. */
static enum problem find_place(struct review_desk *desk, struct review *review, uint32_t campaign_id, uint32_t unit_id)
{
	const struct reference *reference = reference_acquire(desk->options.reference);
	const struct reference_campaign *campaign = reference == NULL ? NULL : reference_by_id(reference, campaign_id);
	const struct unit *unit = campaign == NULL ? NULL : unit_by_id(campaign->units, unit_id);
	const struct token *token = &review->token;
	enum problem problem = unit == NULL ? PROBLEM_REVIEW_UNAVAILABLE : PROBLEM_NONE;
	if ((token->campaign != 0 && token->campaign != campaign_id) ||
		(unit != NULL && token->unit != 0 && !unit_is_below(campaign->units, unit_id, token->unit)))
		problem = PROBLEM_OUT_OF_SCOPE;
	if (problem == PROBLEM_NONE) {
		snprintf(review->campaign, sizeof(review->campaign), "%s", campaign->campaign->code);
		snprintf(review->unit, sizeof(review->unit), "%s", unit->code);
	}
	reference_release(desk->options.reference, &reference);
	return problem;
}

static enum problem look_up(struct review_desk *desk, struct review *review)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t now_ms = clock_monotonic_ms();
	if (!pg_ready(desk->pg, now_ms + CONNECT_MS))
		return PROBLEM_REVIEW_UNAVAILABLE;
	pg_uuid(pg_params(desk->pg), &review->submission);
	if (pg_run(desk->pg,
		    "SELECT s.campaign_id, s.unit_id, s.received_at, d.revision, d.status, d.decided_at "
		    "FROM submission s LEFT JOIN decision d ON d.submission_id = s.id WHERE s.id = $1 "
		    "ORDER BY d.revision",
		    &rows, now_ms + STATEMENT_MS) != PG_OK) {
		log_warn("review_not_looked_up", KV_TEXT("why", pg_error(desk->pg)));
		return PROBLEM_REVIEW_UNAVAILABLE;
	}
	if (PQntuples(rows) == 0)
		return PROBLEM_UNKNOWN_CODE;
	review->received_at = pg_get_instant(rows, 0, 2);
	review_add_step(review, STATUS_RECEIVED, review->received_at);
	for (int row = 0; row < PQntuples(rows); row++)
		take_row(review, rows, row);
	enum problem problem =
		find_place(desk, review, (uint32_t)pg_get_i16(rows, 0, 0), (uint32_t)pg_get_i32(rows, 0, 1));
	/* The machine speaks first (law 2): without its verdict nothing is known of copies. */
	return problem == PROBLEM_NONE && review->revision == 0 ? PROBLEM_NOT_DECIDED_YET : problem;
}

/* Each is made against the newest revision of the moment when it came, so that of two together one is told. */
static void *run(void *context)
{
	struct review_desk *desk = context;
	void *letter;
	while (mailbox_wait(desk->asked, &letter, 1, -1) == 1) {
		struct review *review = letter;
		review->problem = look_up(desk, review);
		if (review->seen == 0)
			review->seen = review->revision;
		if (review->problem != PROBLEM_NONE)
			desk_give_back(desk->options.http_mailbox, review);
		else {
			bool pushed = mailbox_push(desk->found, review);
			assert(pushed);
		}
	}
	return NULL;
}

/* The loop: the edge to quota -------------------------------------------------------------------------------------- */

static bool send_off(struct review_desk *desk, struct review *review)
{
	Sangkien__Message__ReviewRequested message = SANGKIEN__MESSAGE__REVIEW_REQUESTED__INIT;
	uint8_t packed[REVIEW_REASON_BYTES_MAX + 128];
	message.id = (ProtobufCBinaryData){ID128_SIZE, review->submission.octet};
	message.token = (ProtobufCBinaryData){ID128_SIZE, review->token.id.octet};
	message.status = review->wanted;
	message.reason = (ProtobufCBinaryData){review->reason_size, (uint8_t *)review->reason};
	message.seen = review->seen;
	message.expires_at = review->expires_at;
	assert(sangkien__message__review_requested__get_packed_size(&message) <= sizeof(packed));
	size_t size = sangkien__message__review_requested__pack(&message, packed);
	return sender_push(desk->sender, (uintptr_t)review, 0, (struct bytes){0}, (struct bytes){packed, size});
}

/* Without a quota nothing is begun, and that is said at once; with one, the answer is the acknowledgement's. */
static void on_found(void *context)
{
	struct review_desk *desk = context;
	void *letters[TURN];
	size_t count = mailbox_take(desk->found, letters, TURN);
	for (size_t i = 0; i < count; i++) {
		struct review *review = letters[i];
		int expected = REVIEW_QUEUED;
		bool has_worker = sender_workers(desk->sender) > 0;
		if (!has_worker || !atomic_compare_exchange_strong(&review->stage, &expected, REVIEW_SENT) ||
			!send_off(desk, review))
			refuse(desk, review, PROBLEM_REVIEW_UNAVAILABLE);
	}
}

static enum problem problem_of(Sangkien__Message__ReviewOutcome outcome)
{
	switch (outcome) {
	case SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_MADE:
	case SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_REPEATED:
		return PROBLEM_NONE;
	case SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_CONFLICT:
		return PROBLEM_ALREADY_DECIDED;
	case SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_UNDECIDED:
		return PROBLEM_NOT_DECIDED_YET;
	default: /* also an expired one: it may have been handed out before */
		return PROBLEM_REVIEW_UNKNOWN;
	}
}

static void take_result(struct review *review, const Sangkien__Message__ReviewTaken *taken)
{
	review->problem = problem_of(taken->outcome);
	review->now.revision = taken->revision;
	review->now.phase = taken->phase;
	review->now.status = (enum submission_status)taken->status;
	review->now.decided_by = (enum decided_by)taken->decided_by;
	review->now.at = taken->decided_at;
	review->now.has_score = taken->n_similar > 0;
	review->now.score = taken->n_similar > 0 ? taken->similar[0] : 0;
	if (taken->revision > review->revision)
		review_add_step(review, review->now.status, review->now.at);
}

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	struct review_desk *desk = context;
	struct review *review = (struct review *)(uintptr_t)tag;
	Sangkien__Message__ReviewTaken *taken = sangkien__message__review_taken__unpack(NULL, result.size, result.data);
	if (taken != NULL && taken->status <= STATUS_REVOKED && taken->decided_by <= DECIDED_BY_CONSEQUENCE)
		take_result(review, taken);
	else
		review->problem = PROBLEM_REVIEW_UNKNOWN;
	if (taken != NULL)
		sangkien__message__review_taken__free_unpacked(taken, NULL);
	desk_give_back(desk->options.http_mailbox, review);
}

static void on_poison(uint64_t tag, const char *reason, void *context)
{
	struct review *review = (struct review *)(uintptr_t)tag;
	log_error("review_refused", KV_ID("submission", &review->submission), KV_TEXT("reason", reason));
	refuse(context, review, PROBLEM_FAILED);
}

/* Opening and closing ---------------------------------------------------------------------------------------------- */

static bool open_edge(struct review_desk *desk)
{
	desk->sender = desk_edge_open(&(struct desk_edge){.service = desk->options.service,
		.endpoint = desk->options.endpoint,
		.domain = "reviews",
		.keys = desk->options.keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_REVIEW_REQUESTED,
		.items_max = REVIEWS_MAX,
		.lease_ms = LEASE_MS,
		.attempts_max = ATTEMPTS_MAX,
		.brought = desk->found,
		.on_brought = on_found,
		.on_done = on_done,
		.on_poison = on_poison,
		.context = desk});
	return desk->sender != NULL;
}

/* As with decisions: an instance that is new is not asked before a quota takes what it hands out. */
static void greet(void *context)
{
	struct review_desk *desk = context;
	if (desk->greeting_until_ms == 0 ||
		(sender_workers(desk->sender) == 0 && clock_monotonic_ms() < desk->greeting_until_ms))
		return;
	desk->greeting_until_ms = 0;
	service_condition(desk->options.service, "reviews", true, NULL);
}

static void begin_greeting(struct review_desk *desk)
{
	desk->greeting_until_ms = clock_monotonic_ms() + desk->options.greeting_ms;
	service_condition(desk->options.service, "reviews", false, "no quota takes reviews yet");
	service_every(desk->options.service, GREET_EVERY_MS, greet, desk);
}

struct review_desk *review_desk_open(const struct review_desk_options *options)
{
	struct review_desk *desk = calloc(1, sizeof(*desk));
	if (desk == NULL)
		return NULL;
	desk->options = *options;
	desk->asked = mailbox_new(REVIEWS_MAX);
	desk->found = mailbox_new(REVIEWS_MAX);
	desk->pg = pg_open(options->conninfo, "intake reviews");
	if (desk->asked != NULL && desk->found != NULL && desk->pg != NULL && open_edge(desk) &&
		pthread_create(&desk->thread, NULL, run, desk) == 0) {
		desk->has_thread = true;
		pthread_setname_np(desk->thread, "reviews");
		begin_greeting(desk);
		return desk;
	}
	review_desk_close(&desk);
	return NULL;
}

void review_desk_close(struct review_desk **handle)
{
	struct review_desk *desk = *handle;
	*handle = NULL;
	if (desk == NULL)
		return;
	if (desk->has_thread) {
		mailbox_close(desk->asked);
		pthread_join(desk->thread, NULL);
	}
	service_forget(desk->options.service, desk);
	sender_close(&desk->sender);
	pg_close(&desk->pg);
	mailbox_free(&desk->asked);
	mailbox_free(&desk->found);
	free(desk);
}

void review_desk_push(struct review_desk *desk, struct review *review)
{
	bool pushed = mailbox_push(desk->asked, review);
	assert(pushed);
}
