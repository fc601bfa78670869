#include "common/domain/quarantine.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/validation/on_submission_received.h"

#include <stdlib.h>

enum {
	TICK_MS = 100,
	REFERENCE_WAIT_MS = 3000, /* a change reaches every instance within two seconds */
	QUARANTINE_DEADLINE_MS = 1000,
	BATCH_ITEMS_MAX = 256,
	BATCH_BYTES_MAX = 512 * 1024,
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: something it cannot start without */
};

struct validation_settings {
	struct service_settings service;
	char *pg, *keys, *upstream, *edge;
	uint32_t window, credit, lease_ms, attempts;
};

static const struct config_field FIELDS[] = {
	SERVICE_CONFIG_FIELDS(struct validation_settings, service),
	{"SANGKIEN_PG", CONFIG_TEXT, offsetof(struct validation_settings, pg), NULL, "PostgreSQL, as libpq reads it", 0,
		0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, offsetof(struct validation_settings, keys), NULL, "directory of the keys", 0, 0},
	{"VALIDATION_UPSTREAM", CONFIG_TEXT, offsetof(struct validation_settings, upstream), NULL,
		"where the intakes hand out, a list", 0, 0},
	{"VALIDATION_EDGE", CONFIG_TEXT, offsetof(struct validation_settings, edge), NULL,
		"endpoint it hands out at, to deduplication", 0, 0},
	{"VALIDATION_WINDOW", CONFIG_U32, offsetof(struct validation_settings, window), "4096",
		"most submissions handed on and not acknowledged", 1, 1000000},
	{"VALIDATION_CREDIT", CONFIG_U32, offsetof(struct validation_settings, credit), "4",
		"batches at once from each intake", 1, 1000},
	{"VALIDATION_LEASE_MS", CONFIG_U32, offsetof(struct validation_settings, lease_ms), "10000",
		"how long deduplication may hold a batch", 100, 600000},
	{"VALIDATION_ATTEMPTS", CONFIG_U32, offsetof(struct validation_settings, attempts), "5",
		"how often a submission is handed out before it is quarantined", 1, 1000},
};

struct validation {
	struct validation_settings settings;
	struct service *service;
	struct reference_source *references;
	struct examination *examination;
	struct curve_gate *gate;
	struct curve_keys keys;
	char intake_key[CURVE_KEY_SIZE];
	struct sender *sender;
	struct receiver *receiver;
	struct pg *pg; /* for the quarantine alone */
	struct metric *poison, *kept;
};

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	struct validation *validation = context;

	(void)result;
	(void)examination_release(validation->examination, tag);
}

static void on_poison(uint64_t tag, const char *reason, void *context)
{
	struct validation *validation = context;
	struct id128 id = examination_release(validation->examination, tag);
	bool kept = quarantine_put(
		validation->pg, &id, "deduplication", reason, clock_monotonic_ms() + QUARANTINE_DEADLINE_MS);

	metric_add(validation->poison, 1);
	log_error(
		"submission_poison", KV_ID("submission", &id), KV_TEXT("reason", reason), KV_BOOL("quarantined", kept));
}

static void on_room(void *context)
{
	struct validation *validation = context;

	examination_continue(validation->examination);
}

static void on_tick(void *context)
{
	struct validation *validation = context;

	examination_continue(validation->examination);
	metric_set(validation->kept, (int64_t)examination_kept(validation->examination));
	service_condition(validation->service, "upstream", receiver_upstreams(validation->receiver) > 0,
		"no intake is there to take from");
}

static void begin_drain(void *context)
{
	struct validation *validation = context;

	receiver_stop(validation->receiver);
}

static bool is_drained(void *context)
{
	const struct validation *validation = context;

	return receiver_held(validation->receiver) == 0 && sender_held(validation->sender) == 0;
}

static bool open_examination(struct validation *validation)
{
	const struct validation_settings *settings = &validation->settings;
	struct metrics *metrics = service_metrics(validation->service);

	validation->poison = metrics_counter(
		metrics, "sangkien_validation_poison_total", NULL, "submissions that deduplication refused for good");
	validation->kept =
		metrics_gauge(metrics, "sangkien_validation_kept_batches", NULL, "batches held for want of room");
	validation->references = reference_open(validation->service, settings->pg);
	validation->pg = pg_open(settings->pg, "validation");
	if (validation->references == NULL || validation->pg == NULL)
		return false;
	const struct examination_options options = {
		.references = validation->references,
		.metrics = metrics,
		.window = settings->window,
		.reference_wait_ms = REFERENCE_WAIT_MS,
	};
	validation->examination = examination_new(&options);
	return validation->examination != NULL;
}

static bool open_gate(struct validation *validation)
{
	const char *directory = validation->settings.keys;

	if (!curve_keys_load(directory, "validation", &validation->keys) ||
		!curve_public_load(directory, "intake", validation->intake_key)) {
		log_error("keys_not_readable", KV_TEXT("directory", directory));
		return false;
	}
	validation->gate = curve_gate_open(service_zmq(validation->service), directory);
	if (validation->gate == NULL)
		return false;
	curve_gate_allow(validation->gate, "validation", "deduplication");
	return true;
}

static bool open_sender(struct validation *validation)
{
	const struct validation_settings *settings = &validation->settings;
	const struct sender_options options = {
		.service = validation->service,
		.endpoint = settings->edge,
		.domain = "validation",
		.keys = &validation->keys,
		.kind = SANGKIEN__WIRE__KIND__KIND_SUBMISSION_VALIDATED,
		.limits = {.items_max = settings->window,
			.batch_items_max = BATCH_ITEMS_MAX,
			.batch_bytes_max = BATCH_BYTES_MAX,
			.lease_ms = settings->lease_ms,
			.attempts_max = settings->attempts},
		.on_done = on_done,
		.on_poison = on_poison,
		.on_room = on_room,
		.context = validation,
	};

	validation->sender = sender_open(&options);
	if (validation->sender != NULL)
		examination_set_sender(validation->examination, validation->sender);
	return validation->sender != NULL;
}

static bool open_receiver(struct validation *validation)
{
	const struct receiver_options options = {
		.service = validation->service,
		.upstream = validation->settings.upstream,
		.keys = &validation->keys,
		.upstream_public_key = validation->intake_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_SUBMISSION_RECEIVED,
		.credit = validation->settings.credit,
		.on_batch = on_submission_received,
		.context = validation->examination,
	};

	service_condition(validation->service, "upstream", false, "no intake is there to take from");
	validation->receiver = receiver_open(&options);
	return validation->receiver != NULL;
}

static void close_all(struct validation *validation)
{
	if (validation->receiver != NULL)
		receiver_close(&validation->receiver);
	if (validation->sender != NULL)
		sender_close(&validation->sender);
	if (validation->gate != NULL)
		curve_gate_close(&validation->gate);
	examination_free(&validation->examination);
	if (validation->pg != NULL)
		pg_close(&validation->pg);
	reference_close(&validation->references);
	service_close(&validation->service);
}

int main(int argc, char **argv)
{
	struct validation validation = {0};
	const struct service_options options = {
		.name = "validation",
		.purpose = "judges submissions by the rules of their campaign",
		.fields = FIELDS,
		.field_count = ARRAY_LENGTH(FIELDS),
		.settings = &validation.settings,
		.common = &validation.settings.service,
	};
	int exit_code;

	validation.service = service_open(&options, argc, argv, &exit_code);
	if (validation.service == NULL)
		return exit_code;
	if (open_examination(&validation) && open_gate(&validation) && open_sender(&validation) &&
		open_receiver(&validation)) {
		service_every(validation.service, TICK_MS, on_tick, &validation);
		service_on_drain(validation.service, begin_drain, is_drained, &validation);
		exit_code = service_run(validation.service);
	} else {
		exit_code = EXIT_UNAVAILABLE;
	}
	close_all(&validation);
	return exit_code;
}
