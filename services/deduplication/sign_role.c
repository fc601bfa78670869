#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/roles.h"
#include "services/deduplication/signing.h"

enum {
	TICK_MS = 100,
	BATCH_ITEMS_MAX = 256,
	BATCH_BYTES_MAX = 512 * 1024,
	QUESTIONS_A_SUBMISSION = 4, /* of several shards, in the edge at once */
	QUESTION_ATTEMPTS = 100,
	QUESTIONS_OF_AN_INTAKE = 16, /* of people, at once */
	RETURN_DEADLINE_MS = 200,
};

struct sign_role {
	struct signing signing;
	struct receiver *receiver, *questions; /* questions: NULL where nobody may ask */
	struct curve_gate *gate;
	struct curve_keys keys;
	char validation_key[CURVE_KEY_SIZE], intake_key[CURVE_KEY_SIZE];
};

/* Everything a turn has gathered moves on: questions, verdicts, then what waited for a place. */
static void after_turn(void *context)
{
	struct sign_role *role = context;
	struct signing *signing = &role->signing;

	signing_ask_on(signing);
	signing_judge(signing);
	signing_hand_on(signing);
	signing_continue(signing);
	sender_flush(signing->asks);
	sender_flush(signing->verdicts);
}

static void on_room(void *context)
{
	(void)context; /* after_turn goes on */
}

static void on_tick(void *context)
{
	struct sign_role *role = context;
	struct signing *signing = &role->signing;

	signing_ask_again(signing);
	signing_give_back(signing);
	signing_give_drafts_up(signing);
	metric_set(signing->metrics.under_way, comparison_pool_used(signing->pool));
	service_condition(signing->service, "upstream", receiver_upstreams(role->receiver) > 0,
		"no validation is there to take from");
	service_condition(signing->service, "index", sender_workers(signing->asks) >= signing->map.shards,
		"an index owner is not there to ask");
	if (signing->is_away && pg_ready(signing->pg, clock_monotonic_ms() + RETURN_DEADLINE_MS))
		signing_set_away(signing, false);
}

static bool open_keys(struct sign_role *role, const struct deduplication_settings *settings)
{
	if (!curve_keys_load(settings->keys, "deduplication", &role->keys) ||
		!curve_public_load(settings->keys, "validation", role->validation_key) ||
		(settings->questions[0] != '\0' && !curve_public_load(settings->keys, "intake", role->intake_key))) {
		log_error("keys_not_readable", KV_TEXT("directory", settings->keys));
		return false;
	}
	role->gate = curve_gate_open(service_zmq(role->signing.service), settings->keys);
	if (role->gate == NULL)
		return false;
	curve_gate_allow(role->gate, "sign", "deduplication");
	curve_gate_allow(role->gate, "deduplication", "quota");
	return true;
}

static bool open_asks(struct sign_role *role, const struct deduplication_settings *settings)
{
	const struct sender_options options = {
		.service = role->signing.service,
		.endpoint = settings->ask,
		.domain = "sign",
		.keys = &role->keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_TEXT_SIGNED,
		.limits = {.items_max = settings->window * (settings->shards < QUESTIONS_A_SUBMISSION
									   ? settings->shards
									   : QUESTIONS_A_SUBMISSION),
			.batch_items_max = BATCH_ITEMS_MAX,
			.batch_bytes_max = BATCH_BYTES_MAX,
			.lease_ms = settings->lease_ms,
			.attempts_max = QUESTION_ATTEMPTS},
		.on_done = on_text_compared,
		.on_poison = on_question_poison,
		.on_room = on_room,
		.context = &role->signing,
	};

	role->signing.asks = sender_open(&options);
	return role->signing.asks != NULL;
}

static bool open_verdicts(struct sign_role *role, const struct deduplication_settings *settings)
{
	const struct sender_options options = {
		.service = role->signing.service,
		.endpoint = settings->edge,
		.domain = "deduplication",
		.keys = &role->keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_VERDICT_REACHED,
		.limits = {.items_max = settings->window,
			.batch_items_max = BATCH_ITEMS_MAX,
			.batch_bytes_max = BATCH_BYTES_MAX,
			.lease_ms = settings->lease_ms,
			.attempts_max = settings->attempts},
		.on_done = on_verdict_taken,
		.on_poison = on_verdict_poison,
		.on_room = on_room,
		.context = &role->signing,
	};

	role->signing.verdicts = sender_open(&options);
	return role->signing.verdicts != NULL;
}

static bool open_receiver(struct sign_role *role, const struct deduplication_settings *settings)
{
	const struct receiver_options options = {
		.service = role->signing.service,
		.upstream = settings->upstream,
		.keys = &role->keys,
		.upstream_public_key = role->validation_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_SUBMISSION_VALIDATED,
		.credit = settings->credit,
		.on_batch = on_submission_validated,
		.context = &role->signing,
	};

	role->receiver = receiver_open(&options);
	return role->receiver != NULL;
}

static bool open_questions(struct sign_role *role, const struct deduplication_settings *settings)
{
	const struct receiver_options options = {
		.service = role->signing.service,
		.upstream = settings->questions,
		.keys = &role->keys,
		.upstream_public_key = role->intake_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_TEXT_QUESTIONED,
		.credit = QUESTIONS_OF_AN_INTAKE,
		.on_batch = on_text_questioned,
		.context = &role->signing,
	};

	if (settings->questions[0] == '\0')
		return true;
	role->questions = receiver_open(&options);
	return role->questions != NULL;
}

static void begin_drain(void *context)
{
	struct sign_role *role = context;

	receiver_stop(role->receiver);
	if (role->questions != NULL)
		receiver_stop(role->questions);
}

static bool is_drained(void *context)
{
	const struct sign_role *role = context;

	return receiver_held(role->receiver) == 0 && comparison_pool_used(role->signing.pool) == 0;
}

static bool open_all(struct sign_role *role, struct service *service, const struct deduplication_settings *settings)
{
	struct signing *signing = &role->signing;

	if (!signing_init(signing, service, settings->shards, settings->window, settings->cached_texts))
		return false;
	signing->hold_ms = settings->hold_ms;
	signing->references = reference_open(service, settings->pg);
	signing->pg = pg_open_by_key(settings->pg, "deduplication-sign");
	signing_set_away(signing, false);
	service_condition(service, "upstream", false, "no validation is there to take from");
	service_condition(service, "index", false, "an index owner is not there to ask");
	return signing->references != NULL && signing->pg != NULL && open_keys(role, settings) &&
	       open_asks(role, settings) && open_verdicts(role, settings) && open_receiver(role, settings) &&
	       open_questions(role, settings);
}

static void close_all(struct sign_role *role)
{
	struct signing *signing = &role->signing;

	if (role->questions != NULL)
		receiver_close(&role->questions);
	if (role->receiver != NULL)
		receiver_close(&role->receiver);
	if (signing->verdicts != NULL)
		sender_close(&signing->verdicts);
	if (signing->asks != NULL)
		sender_close(&signing->asks);
	if (role->gate != NULL)
		curve_gate_close(&role->gate);
	if (signing->pg != NULL)
		pg_close(&signing->pg);
	if (signing->references != NULL)
		reference_close(&signing->references);
	signing_deinit(signing);
}

int sign_role_run(struct service *service, const struct deduplication_settings *settings)
{
	struct sign_role role = {0};
	int exit_code = ROLE_EXIT_UNAVAILABLE;

	if (open_all(&role, service, settings)) {
		service_every(service, TICK_MS, on_tick, &role);
		service_after_turn(service, after_turn, &role);
		service_on_drain(service, begin_drain, is_drained, &role);
		exit_code = service_run(service);
	}
	close_all(&role);
	return exit_code;
}
