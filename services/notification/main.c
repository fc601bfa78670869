#include "common/runtime/log.h"
#include "services/notification/deliverer.h"
#include "services/notification/on_outbox_due.h"
#include "services/notification/planner.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>

enum {
	HINT_CREDIT = 16,
	TIMEOUTS_A_CLAIM = 3,
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: something it cannot start without */
};

struct notification_settings {
	struct service_settings service;
	char *pg, *keys, *upstream, *sealing_secret, *templates;
	uint32_t transfers, transfers_a_gateway, timeout_ms, claim_ms, poll_ms, attempts, retry_least_ms, retry_most_ms,
		plan_ms;
};

#define FIELD(member) offsetof(struct notification_settings, member)
static const struct config_field FIELDS[] = {
	SERVICE_CONFIG_FIELDS(struct notification_settings, service),
	{"SANGKIEN_PG", CONFIG_TEXT, FIELD(pg), NULL, "PostgreSQL, as libpq reads it", 0, 0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, FIELD(keys), NULL,
		"directory of the keys; with gateway-NAME.secret for each secret that a campaign names", 0, 0},
	{"NOTIFICATION_UPSTREAM", CONFIG_TEXT, FIELD(upstream), NULL, "where the quotas hand out, a list", 0, 0},
	{"NOTIFICATION_SEALING_SECRET", CONFIG_TEXT, FIELD(sealing_secret), "",
		"file that opens personal data; empty: sealing.secret among the keys", 0, 0},
	{"NOTIFICATION_TEMPLATES", CONFIG_TEXT, FIELD(templates), NULL, "directory of the words, vi.yaml and en.yaml",
		0, 0},
	{"NOTIFICATION_TRANSFERS", CONFIG_U32, FIELD(transfers), "32", "notices under way at once", 1, 256},
	{"NOTIFICATION_TRANSFERS_A_GATEWAY", CONFIG_U32, FIELD(transfers_a_gateway), "8",
		"of them to one gateway; to one of mail it is one", 1, 256},
	{"NOTIFICATION_TIMEOUT_MS", CONFIG_U32, FIELD(timeout_ms), "8000", "for one notice", 100, 600000},
	{"NOTIFICATION_CLAIM_MS", CONFIG_U32, FIELD(claim_ms), "60000",
		"how long a claim lasts; at least three times that", 300, 3600000},
	{"NOTIFICATION_POLL_MS", CONFIG_U32, FIELD(poll_ms), "3000", "how often it looks without a hint", 10, 600000},
	{"NOTIFICATION_ATTEMPTS", CONFIG_U32, FIELD(attempts), "12", "of one notice, then the dead letter", 1, 100},
	{"NOTIFICATION_RETRY_LEAST_MS", CONFIG_U32, FIELD(retry_least_ms), "5000", "shortest wait after a failure", 1,
		3600000},
	{"NOTIFICATION_RETRY_MOST_MS", CONFIG_U32, FIELD(retry_most_ms), "3600000", "longest wait after a failure", 1,
		86400000},
	{"NOTIFICATION_PLAN_MS", CONFIG_U32, FIELD(plan_ms), "15000",
		"how often it looks whether officers are to be told of something", 10, 3600000},
};

struct notification {
	struct notification_settings settings;
	struct service *service;
	struct reference_source *references;
	struct templates *templates;
	struct deliverer *deliverer;
	struct planner *planner;
	struct receiver *receiver;
	struct curve_keys keys;
	char quota_key[CURVE_KEY_SIZE];
	char secret_path[PATH_MAX];
};

static void begin_drain(void *context)
{
	struct notification *notification = context;

	receiver_stop(notification->receiver);
	deliverer_stop(notification->deliverer);
}

static bool is_drained(void *context)
{
	const struct notification *notification = context;

	return deliverer_stopped(notification->deliverer);
}

/* What one table cannot say: settings that do not go together. */
static bool settings_fit(const struct notification_settings *settings)
{
	const char *fault = NULL;

	if (settings->claim_ms / TIMEOUTS_A_CLAIM < settings->timeout_ms)
		fault = "NOTIFICATION_CLAIM_MS: at least three times NOTIFICATION_TIMEOUT_MS";
	if (settings->retry_least_ms > settings->retry_most_ms)
		fault = "NOTIFICATION_RETRY_LEAST_MS: not above NOTIFICATION_RETRY_MOST_MS";
	if (fault)
		fprintf(stderr, "%s\n", fault);
	return !fault;
}

static bool open_deliverer(struct notification *notification)
{
	const struct notification_settings *settings = &notification->settings;
	const struct deliverer_options options = {
		.service = notification->service,
		.references = notification->references,
		.conninfo = settings->pg,
		.keys = settings->keys,
		.sealing_secret_file = notification->secret_path,
		.templates = notification->templates,
		.transfers = settings->transfers,
		.transfers_a_gateway = settings->transfers_a_gateway,
		.timeout_ms = settings->timeout_ms,
		.claim_ms = settings->claim_ms,
		.poll_ms = settings->poll_ms,
		.attempts_max = settings->attempts,
		.retry_least_ms = settings->retry_least_ms,
		.retry_most_ms = settings->retry_most_ms,
	};

	snprintf(notification->secret_path, sizeof(notification->secret_path), "%s%s",
		settings->sealing_secret[0] ? settings->sealing_secret : settings->keys,
		settings->sealing_secret[0] ? "" : "/sealing.secret");
	notification->deliverer = deliverer_open(&options);
	return notification->deliverer;
}

static bool open_templates(struct notification *notification)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};

	notification->templates = templates_load(notification->settings.templates, &faults);
	if (!notification->templates)
		fprintf(stderr, "%.*s", (int)faults.size, faults.data ? (const char *)faults.data : "");
	return notification->templates;
}

static bool open_parts(struct notification *notification)
{
	if (!open_templates(notification))
		return false;
	notification->references = reference_open(notification->service, notification->settings.pg);
	if (!notification->references || !open_deliverer(notification))
		return false;
	notification->planner = planner_open(&(struct planner_options){.service = notification->service,
		.references = notification->references,
		.conninfo = notification->settings.pg,
		.deliverer = notification->deliverer,
		.every_ms = notification->settings.plan_ms});
	return notification->planner;
}

static bool open_receiver(struct notification *notification)
{
	const char *directory = notification->settings.keys;
	const struct receiver_options options = {
		.service = notification->service,
		.upstream = notification->settings.upstream,
		.keys = &notification->keys,
		.upstream_public_key = notification->quota_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE,
		.credit = HINT_CREDIT,
		.on_batch = on_outbox_due,
		.context = notification->deliverer,
	};

	if (!curve_keys_load(directory, "notification", &notification->keys) ||
		!curve_public_load(directory, "quota", notification->quota_key)) {
		log_error("keys_not_readable", KV_TEXT("directory", directory));
		return false;
	}
	notification->receiver = receiver_open(&options);
	return notification->receiver;
}

static void close_all(struct notification *notification)
{
	receiver_close(&notification->receiver);
	planner_close(&notification->planner);
	deliverer_close(&notification->deliverer);
	if (notification->references)
		reference_close(&notification->references);
	templates_free(&notification->templates);
	service_close(&notification->service);
	curl_global_cleanup();
}

int main(int argc, char **argv)
{
	struct notification notification = {0};
	const struct service_options options = {
		.name = "notification",
		.purpose = "tells submitters what was received and decided, and officers how their units stand",
		.fields = FIELDS,
		.field_count = ARRAY_LENGTH(FIELDS),
		.settings = &notification.settings,
		.common = &notification.settings.service,
	};
	int exit_code;

	curl_global_init(CURL_GLOBAL_DEFAULT); /* before any thread */
	notification.service = service_open(&options, argc, argv, &exit_code);
	if (!notification.service)
		return exit_code;
	if (!settings_fit(&notification.settings)) {
		exit_code = CONFIG_EXIT_BAD;
	} else if (open_parts(&notification) && open_receiver(&notification)) {
		service_on_drain(notification.service, begin_drain, is_drained, &notification);
		exit_code = service_run(notification.service);
	} else {
		exit_code = EXIT_UNAVAILABLE;
	}
	close_all(&notification);
	return exit_code;
}
