/* intake: takes submissions in over HTTP, makes them durable, gives receipts, hands them to the pipeline. */
#include "common/edge/curve.h"
#include "common/runtime/key_file.h"
#include "common/runtime/log.h"
#include "services/intake/front.h"
#include "services/intake/settings.h"
#include "services/intake/sweeper.h"
#include "services/intake/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE */
	WAITERS_MAX = 16384,
	DRAIN_MARGIN_MS = 1000,
	EDGE_DRAIN_TURNS = 100, /* of about 20 ms: what the edge has not handed on by then the sweeper feeds later */
};

struct intake {
	struct intake_settings settings;
	struct service *service;
	struct intake_metrics metrics;
	struct receipt_clock receipt_clock;
	struct curve_keys keys;
	char quota_public_key[CURVE_KEY_SIZE];
	uint8_t person_key[PERSON_KEY_SIZE];
	struct curve_gate *gate;
	struct sealer *sealer;
	struct reference_source *reference;
	struct tokens *tokens;
	struct watch *watch;
	struct waiters *waiters;
	struct mailbox *http_mailbox;
	struct dispatch *dispatch;
	struct receipt_writer *writer;
	struct sweeper *sweeper;
	struct review_desk *review_desk;
	struct question_desk *question_desk; /* NULL: not offered */
	struct front front;
	struct http_server *http;
	int drain_turns;
};

static const struct http_route ROUTES[] = {
	{"POST", "/v1/campaigns/{campaign}/submissions", http_submissions, BODY_BYTES_MAX, "application/json", NULL,
		http_submissions_closed},
	{"POST", "/v1/campaigns/{campaign}/submissions:batch", http_batch, 0, "application/x-ndjson", http_batch_piece,
		http_batch_closed},
	{"POST", "/v1/submissions/{code}/review", http_review, BODY_BYTES_MAX, "application/json", NULL, NULL},
	{"POST", "/v1/campaigns/{campaign}/similar", http_similar, BODY_BYTES_MAX, "application/json", NULL, NULL},
	{"GET", "/v1/submissions/{code}/explain", http_explain, 0, NULL, NULL, NULL},
};

static bool load_keys(struct intake *intake)
{
	const char *directory = intake->settings.keys;
	uint8_t sealing[SEALED_KEY_SIZE];
	if (!curve_keys_load(directory, "intake", &intake->keys) ||
		!curve_public_load(directory, "quota", intake->quota_public_key)) {
		log_error("keys_not_read", KV_TEXT("directory", directory), KV_TEXT("why", strerror(errno)));
		return false;
	}
	if (!key_file_load(directory, "person.key", intake->person_key, sizeof(intake->person_key)) ||
		!key_file_load(directory, "sealing.public", sealing, sizeof(sealing))) {
		log_error("keys_not_read", KV_TEXT("directory", directory),
			KV_TEXT("why", "person.key and sealing.public must hold 32 bytes each"));
		return false;
	}
	intake->sealer = sealer_new(sealing);
	return intake->sealer != NULL;
}

static bool open_edge(struct intake *intake)
{
	struct intake_settings *settings = &intake->settings;
	intake->gate = curve_gate_open(service_zmq(intake->service), settings->keys);
	if (intake->gate == NULL)
		return false;
	curve_gate_allow(intake->gate, "intake", "validation");
	curve_gate_allow(intake->gate, "reviews", "quota");
	curve_gate_allow(intake->gate, "questions", "deduplication");
	service_condition(intake->service, "edge", false, "not bound yet");
	intake->dispatch = dispatch_open(&(struct dispatch_options){
		.service = intake->service,
		.endpoint = settings->edge,
		.decisions = settings->decisions,
		.keys = &intake->keys,
		.quota_public_key = intake->quota_public_key,
		.window = settings->window,
		.lease_ms = settings->lease_ms,
		.greeting_ms = settings->greeting_ms,
		.waiters = intake->waiters,
		.metrics = &intake->metrics,
	});
	service_condition(intake->service, "edge", intake->dispatch != NULL, "not bound");
	return intake->dispatch != NULL;
}

static bool open_writer(struct intake *intake)
{
	struct intake_settings *settings = &intake->settings;
	char password_file[PATH_MAX];
	bool has_user = settings->redis_user[0] != '\0';
	snprintf(password_file, sizeof(password_file), "%s/redis-%s.password", settings->keys, settings->redis_user);
	intake->writer = receipt_writer_open(&(struct receipt_writer_options){
		.service = intake->service,
		.conninfo = settings->pg,
		.writers = settings->writers,
		.queue = settings->queue,
		.redis_address = settings->redis,
		.redis_user = has_user ? settings->redis_user : NULL,
		.redis_password_file = has_user ? password_file : NULL,
		.http_mailbox = intake->http_mailbox,
		.dispatch = intake->dispatch,
		.waiters = intake->waiters,
		.metrics = &intake->metrics,
	});
	return intake->writer != NULL;
}

static bool open_review_desk(struct intake *intake)
{
	intake->review_desk = review_desk_open(&(struct review_desk_options){.service = intake->service,
		.conninfo = intake->settings.pg,
		.endpoint = intake->settings.reviews,
		.keys = &intake->keys,
		.reference = intake->reference,
		.greeting_ms = intake->settings.greeting_ms,
		.http_mailbox = intake->http_mailbox});
	return intake->review_desk != NULL;
}

static bool open_question_desk(struct intake *intake)
{
	if (intake->settings.questions[0] == '\0')
		return true;
	intake->question_desk = question_desk_open(&(struct question_desk_options){.service = intake->service,
		.endpoint = intake->settings.questions,
		.keys = &intake->keys,
		.http_mailbox = intake->http_mailbox});
	return intake->question_desk != NULL;
}

static bool open_http(struct intake *intake)
{
	struct front *front = &intake->front;
	*front = (struct front){.reference = intake->reference,
		.tokens = intake->tokens,
		.sealer = intake->sealer,
		.person_key = intake->person_key,
		.writer = intake->writer,
		.review_desk = intake->review_desk,
		.question_desk = intake->question_desk,
		.receipt_clock = &intake->receipt_clock,
		.waiters = intake->waiters,
		.metrics = &intake->metrics};
	struct http_limits limits = HTTP_LIMITS_STANDARD;
	limits.body_timeout_ms = intake->settings.body_ms;
	if (!front_init(front))
		return false;
	intake->http = http_server_open(&(struct http_server_options){
		.listen = intake->settings.listen,
		.routes = ROUTES,
		.route_count = ARRAY_LENGTH(ROUTES),
		.context = front,
		.limits = limits,
		.metrics = service_metrics(intake->service),
		.service = "intake",
		.mailbox = intake->http_mailbox,
		.on_letter = front_letter,
		.tick_ms = FRONT_TICK_MS,
		.on_tick = front_tick,
	});
	return intake->http != NULL;
}

/* The order in which what is below stands before what is above needs it. */
static bool open_parts(struct intake *intake)
{
	struct intake_settings *settings = &intake->settings;
	intake_metrics_open(&intake->metrics, service_metrics(intake->service));
	if (!load_keys(intake))
		return false;
	intake->tokens = tokens_new();
	/* Every submission that waits for a writer, every one that waits for its verdict and every review has a place.
	 */
	intake->http_mailbox =
		mailbox_new(settings->queue + WRITERS_MAX * BATCH_ROWS_MAX + WAITERS_MAX + REVIEWS_MAX + QUESTIONS_MAX);
	if (intake->tokens == NULL || intake->http_mailbox == NULL)
		return false;
	intake->waiters = waiters_new(WAITERS_MAX, intake->http_mailbox);
	if (intake->waiters == NULL)
		return false;
	intake->reference = reference_open(intake->service, settings->pg);
	intake->watch = watch_open(intake->service, settings->pg, intake->tokens, intake->waiters,
		&intake->receipt_clock, &intake->metrics);
	if (intake->reference == NULL || intake->watch == NULL || !open_edge(intake) || !open_writer(intake))
		return false;
	intake->sweeper = sweeper_open(&(struct sweeper_options){.service = intake->service,
		.conninfo = settings->pg,
		.lease_ms = settings->lease_ms,
		.dispatch = intake->dispatch,
		.clock = &intake->receipt_clock,
		.metrics = &intake->metrics});
	return intake->sweeper != NULL && open_review_desk(intake) && open_question_desk(intake) && open_http(intake);
}

static void drop_letters(struct intake *intake)
{
	void *letter;
	while (mailbox_take(intake->http_mailbox, &letter, 1) == 1) {
		struct arrival *arrival = letter;
		struct decision_letter *decided = letter;
		if (arrival->letter == LETTER_DECISION) {
			decision_letter_free(&decided);
			continue;
		}
		if (arrival->letter == LETTER_REVIEW || arrival->letter == LETTER_QUESTION)
			continue; /* it is in the front's list */
		arrival->place = PLACE_NONE;
		arrival_free(&arrival);
	}
}

static void close_parts(struct intake *intake)
{
	http_server_close(&intake->http, 0);
	review_desk_close(&intake->review_desk);
	question_desk_close(&intake->question_desk);
	sweeper_close(&intake->sweeper);
	receipt_writer_close(&intake->writer);
	dispatch_close(&intake->dispatch);
	watch_close(&intake->watch);
	reference_close(&intake->reference);
	curve_gate_close(&intake->gate);
	if (intake->http_mailbox != NULL)
		drop_letters(intake);
	front_deinit(&intake->front);
	mailbox_free(&intake->http_mailbox);
	waiters_free(&intake->waiters);
	tokens_free(&intake->tokens);
	sealer_free(&intake->sealer);
	explicit_bzero(intake->person_key, sizeof(intake->person_key));
}

static void begin_drain(void *context)
{
	struct intake *intake = context;
	uint32_t drain_ms = intake->settings.service.drain_ms;
	http_server_drain(intake->http, drain_ms > 2 * DRAIN_MARGIN_MS ? drain_ms - DRAIN_MARGIN_MS : drain_ms / 2);
}

/* Receipts first; then what is committed is handed on as far as somebody takes it. */
static bool drained(void *context)
{
	struct intake *intake = context;
	if (!http_server_drained(intake->http) || !receipt_writer_idle(intake->writer))
		return false;
	return dispatch_is_handed_on(intake->dispatch) || ++intake->drain_turns > EDGE_DRAIN_TURNS;
}

int main(int argc, char **argv)
{
	int exit_code;
	struct intake *intake = calloc(1, sizeof(*intake));
	if (intake == NULL)
		return EXIT_UNAVAILABLE;
	intake->service = service_open(&(struct service_options){.name = "intake",
					       .purpose = "takes submissions in and gives receipts",
					       .fields = INTAKE_FIELD,
					       .field_count = INTAKE_FIELDS,
					       .settings = &intake->settings,
					       .common = &intake->settings.service},
		argc, argv, &exit_code);
	if (intake->service != NULL) {
		exit_code = EXIT_UNAVAILABLE;
		if (open_parts(intake)) {
			service_on_drain(intake->service, begin_drain, drained, intake);
			exit_code = service_run(intake->service);
		}
		close_parts(intake);
		service_close(&intake->service);
	}
	free(intake);
	return exit_code;
}
