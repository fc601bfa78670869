/* quota: the only writer of decisions and totals. From verdicts to boards. */
#include "common/runtime/log.h"
#include "services/quota/auditor.h"
#include "services/quota/board_keeper.h"
#include "services/quota/board_writer.h"
#include "services/quota/ledger_thread.h"
#include "services/quota/on_review_requested.h"
#include "services/quota/on_verdict_reached.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TICK_MS = 250,
	BATCH_BYTES_MAX = 512 * 1024,
	DECISIONS_ITEMS_MAX = 1, /* decisions are only broadcast */
	OUTBOX_ITEMS_MAX = 65536,
	OUTBOX_LEASE_MS = 30000,
	OUTBOX_ATTEMPTS = 5,
	REVIEW_CREDIT = 4,     /* deliveries at once from each intake */
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: something it cannot start without */
};

struct quota_settings {
	struct service_settings service;
	char *pg, *redis, *keys, *upstream, *reviews, *decisions, *edge;
	uint32_t credit, batch, redis_timeout_ms, audit_boards_ms, audit_recount_ms, audit_rest;
};

static const struct config_field FIELDS[] = {
	SERVICE_CONFIG_FIELDS(struct quota_settings, service),
	{"SANGKIEN_PG", CONFIG_TEXT, offsetof(struct quota_settings, pg), NULL, "PostgreSQL, as libpq reads it", 0, 0},
	{"SANGKIEN_REDIS", CONFIG_TEXT, offsetof(struct quota_settings, redis), NULL, "Redis: unix:/path or host:port",
		0, 0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, offsetof(struct quota_settings, keys), NULL,
		"directory of the keys; with redis-quota.password where Redis asks for one", 0, 0},
	{"QUOTA_UPSTREAM", CONFIG_TEXT, offsetof(struct quota_settings, upstream), NULL,
		"where deduplication hands out verdicts, a list", 0, 0},
	{"QUOTA_REVIEWS", CONFIG_TEXT, offsetof(struct quota_settings, reviews), NULL,
		"where intakes hand out reviews, a list", 0, 0},
	{"QUOTA_DECISIONS", CONFIG_TEXT, offsetof(struct quota_settings, decisions), NULL,
		"endpoint that tells every intake of decisions", 0, 0},
	{"QUOTA_EDGE", CONFIG_TEXT, offsetof(struct quota_settings, edge), NULL,
		"endpoint it hands out at, to notification", 0, 0},
	{"QUOTA_CREDIT", CONFIG_U32, offsetof(struct quota_settings, credit), "4",
		"batches at once from each deduplication", 1, 1000},
	{"QUOTA_BATCH", CONFIG_U32, offsetof(struct quota_settings, batch), "512",
		"verdicts that are joined for one transaction", 1, 1024},
	{"QUOTA_REDIS_TIMEOUT_MS", CONFIG_U32, offsetof(struct quota_settings, redis_timeout_ms), "1000",
		"longest wait for Redis before it counts as away", 10, 60000},
	{"QUOTA_AUDIT_BOARDS_MS", CONFIG_U32, offsetof(struct quota_settings, audit_boards_ms), "20000",
		"how often every row in Redis is held against PostgreSQL", 100, 3600000},
	{"QUOTA_AUDIT_RECOUNT_MS", CONFIG_U32, offsetof(struct quota_settings, audit_recount_ms), "300000",
		"from the end of a recount of everything to the next", 100, 86400000},
	{"QUOTA_AUDIT_REST", CONFIG_U32, offsetof(struct quota_settings, audit_rest), "20",
		"a recount rests as many times as long as it works", 0, 1000},
};

struct quota {
	struct quota_settings settings;
	struct service *service;
	struct reference_source *reference;
	struct curve_gate *gate;
	struct curve_keys keys;
	char deduplication_key[CURVE_KEY_SIZE], intake_key[CURVE_KEY_SIZE];
	struct sender *decisions, *outbox;
	struct receiver *receiver, *reviews;
	struct mailbox *to_ledger, *to_boards, *answers;
	struct ledger *ledger, *review_ledger;
	struct ledger_thread *ledger_thread;
	struct board_writer *board_writer;
	struct board_keeper *board_keeper;
	struct auditor *auditor;
	struct counter *counter;
	struct review_desk *review_desk;
};

static bool open_keys(struct quota *quota)
{
	const char *directory = quota->settings.keys;

	if (!curve_keys_load(directory, "quota", &quota->keys) ||
		!curve_public_load(directory, "deduplication", quota->deduplication_key) ||
		!curve_public_load(directory, "intake", quota->intake_key)) {
		log_error("keys_not_readable", KV_TEXT("directory", directory));
		return false;
	}
	quota->gate = curve_gate_open(service_zmq(quota->service), directory);
	if (quota->gate == NULL)
		return false;
	curve_gate_allow(quota->gate, "quota-decisions", "intake");
	curve_gate_allow(quota->gate, "quota-outbox", "notification");
	return true;
}

static void on_done(uint64_t tag, struct bytes result, void *context)
{
	(void)tag;
	(void)result;
	(void)context;
}

/* The outbox's row stays due; notification finds it by itself. */
static void on_poison(uint64_t tag, const char *reason, void *context)
{
	(void)tag;
	(void)context;
	log_warn("outbox_hint_refused", KV_TEXT("reason", reason));
}

static struct sender *open_sender(
	struct quota *quota, const char *endpoint, const char *domain, Sangkien__Wire__Kind kind, uint32_t items_max)
{
	const struct sender_options options = {
		.service = quota->service,
		.endpoint = endpoint,
		.domain = domain,
		.keys = &quota->keys,
		.kind = kind,
		.limits = {.items_max = items_max,
			.batch_items_max = WIRE_ITEMS_MAX,
			.batch_bytes_max = BATCH_BYTES_MAX,
			.lease_ms = OUTBOX_LEASE_MS,
			.attempts_max = OUTBOX_ATTEMPTS},
		.on_done = on_done,
		.on_poison = on_poison,
		.context = quota,
	};

	return sender_open(&options);
}

static bool open_senders(struct quota *quota)
{
	quota->decisions = open_sender(quota, quota->settings.decisions, "quota-decisions",
		SANGKIEN__WIRE__KIND__KIND_DECISION_REACHED, DECISIONS_ITEMS_MAX);
	quota->outbox = open_sender(
		quota, quota->settings.edge, "quota-outbox", SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE, OUTBOX_ITEMS_MAX);
	return quota->decisions != NULL && quota->outbox != NULL;
}

static struct board_store *open_store(const struct quota *quota)
{
	char password_file[4096];
	bool has_password;

	snprintf(password_file, sizeof(password_file), "%s/redis-quota.password", quota->settings.keys);
	has_password = access(password_file, F_OK) == 0;
	return board_store_open(quota->settings.redis, has_password ? "quota" : NULL,
		has_password ? password_file : NULL, quota->settings.redis_timeout_ms);
}

static bool open_board_writer(struct quota *quota)
{
	const struct board_writer_options options = {.store = open_store(quota),
		.in = quota->to_boards,
		.missed = metrics_counter(service_metrics(quota->service), "sangkien_quota_board_news_missed_total",
			NULL, "Transactions whose news did not reach Redis")};

	quota->board_writer = options.store == NULL ? NULL : board_writer_open(&options);
	return quota->board_writer != NULL;
}

static bool open_board_keeper(struct quota *quota)
{
	const struct board_keeper_options options = {.service = quota->service,
		.reference = quota->reference,
		.conninfo = quota->settings.pg,
		.store = open_store(quota)};

	quota->board_keeper = options.store == NULL ? NULL : board_keeper_open(&options);
	return quota->board_keeper != NULL;
}

static bool open_auditor(struct quota *quota)
{
	const struct auditor_options options = {.service = quota->service,
		.reference = quota->reference,
		.conninfo = quota->settings.pg,
		.store = open_store(quota),
		.boards_ms = quota->settings.audit_boards_ms,
		.recount_ms = quota->settings.audit_recount_ms,
		.rest = quota->settings.audit_rest};

	quota->auditor = options.store == NULL ? NULL : auditor_open(&options);
	return quota->auditor != NULL;
}

static bool open_ledger(struct quota *quota)
{
	const struct ledger_options options = {
		.conninfo = quota->settings.pg, .instance = service_instance(quota->service)};

	quota->ledger = ledger_open(&options);
	if (quota->ledger == NULL)
		return false;
	const struct ledger_thread_options thread = {.ledger = quota->ledger,
		.in = quota->to_ledger,
		.out = quota->to_boards,
		.metrics = service_metrics(quota->service)};
	quota->ledger_thread = ledger_thread_open(&thread);
	return quota->ledger_thread != NULL;
}

static bool open_review_desk(struct quota *quota)
{
	const struct ledger_options ledger = {
		.conninfo = quota->settings.pg, .instance = service_instance(quota->service)};

	quota->review_ledger = ledger_open(&ledger);
	if (quota->review_ledger == NULL)
		return false;
	const struct review_desk_options options = {.service = quota->service,
		.reference = quota->reference,
		.ledger = quota->review_ledger,
		.decisions = quota->decisions,
		.outbox = quota->outbox,
		.to_boards = quota->to_boards};
	quota->review_desk = review_desk_open(&options);
	return quota->review_desk != NULL;
}

/* The stations of a batch, in its order. */
static bool open_stations(struct quota *quota)
{
	quota->to_ledger = mailbox_new(BATCHES);
	quota->to_boards = mailbox_new(BATCHES + REVIEW_ROUNDS_MAX);
	quota->answers = mailbox_new(BATCHES);
	if (quota->to_ledger == NULL || quota->to_boards == NULL || quota->answers == NULL)
		return false;
	const struct counter_options options = {.service = quota->service,
		.reference = quota->reference,
		.decisions = quota->decisions,
		.outbox = quota->outbox,
		.to_ledger = quota->to_ledger,
		.answers = quota->answers,
		.batch_verdicts = quota->settings.batch};
	quota->counter = counter_open(&options);
	return quota->counter != NULL && open_ledger(quota) && open_board_writer(quota) && open_board_keeper(quota) &&
	       open_auditor(quota) && open_review_desk(quota);
}

static bool open_receivers(struct quota *quota)
{
	const struct receiver_options verdicts = {
		.service = quota->service,
		.upstream = quota->settings.upstream,
		.keys = &quota->keys,
		.upstream_public_key = quota->deduplication_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_VERDICT_REACHED,
		.credit = quota->settings.credit,
		.on_batch = on_verdict_reached,
		.context = quota->counter,
	};
	const struct receiver_options reviews = {
		.service = quota->service,
		.upstream = quota->settings.reviews,
		.keys = &quota->keys,
		.upstream_public_key = quota->intake_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_REVIEW_REQUESTED,
		.credit = REVIEW_CREDIT,
		.on_batch = on_review_requested,
		.context = quota->review_desk,
	};

	quota->receiver = receiver_open(&verdicts);
	quota->reviews = receiver_open(&reviews);
	return quota->receiver != NULL && quota->reviews != NULL;
}

static void tell_conditions(void *context)
{
	struct quota *quota = context;

	service_condition(quota->service, "postgresql", ledger_connected(quota->ledger), "PostgreSQL is away");
	service_condition(quota->service, "upstream", receiver_upstreams(quota->receiver) > 0,
		"no deduplication is there to take from");
}

static void begin_drain(void *context)
{
	struct quota *quota = context;

	receiver_stop(quota->receiver);
	receiver_stop(quota->reviews);
}

static bool is_drained(void *context)
{
	const struct quota *quota = context;

	return receiver_held(quota->receiver) == 0 && counter_is_idle(quota->counter) &&
	       receiver_held(quota->reviews) == 0 && review_desk_is_idle(quota->review_desk);
}

/* Against the order of the stations; the ledgers give up what they wait for. */
static void close_all(struct quota *quota)
{
	if (quota->ledger != NULL)
		ledger_stop(quota->ledger);
	if (quota->review_ledger != NULL)
		ledger_stop(quota->review_ledger);
	if (quota->review_desk != NULL)
		review_desk_stop(quota->review_desk);
	ledger_thread_close(&quota->ledger_thread);
	board_writer_close(&quota->board_writer);
	board_keeper_close(&quota->board_keeper);
	auditor_close(&quota->auditor);
	if (quota->receiver != NULL)
		receiver_close(&quota->receiver);
	if (quota->reviews != NULL)
		receiver_close(&quota->reviews);
	review_desk_close(&quota->review_desk);
	counter_close(&quota->counter);
	if (quota->outbox != NULL)
		sender_close(&quota->outbox);
	if (quota->decisions != NULL)
		sender_close(&quota->decisions);
	if (quota->gate != NULL)
		curve_gate_close(&quota->gate);
	ledger_close(&quota->ledger);
	ledger_close(&quota->review_ledger);
	mailbox_free(&quota->to_ledger);
	mailbox_free(&quota->to_boards);
	mailbox_free(&quota->answers);
	reference_close(&quota->reference);
	service_close(&quota->service);
}

int main(int argc, char **argv)
{
	struct quota quota = {0};
	const struct service_options options = {
		.name = "quota",
		.purpose = "decides submissions and counts them, for every unit and on every board",
		.fields = FIELDS,
		.field_count = ARRAY_LENGTH(FIELDS),
		.settings = &quota.settings,
		.common = &quota.settings.service,
	};
	int exit_code;

	quota.service = service_open(&options, argc, argv, &exit_code);
	if (quota.service == NULL)
		return exit_code;
	quota.reference = reference_open(quota.service, quota.settings.pg);
	if (quota.reference != NULL && open_keys(&quota) && open_senders(&quota) && open_stations(&quota) &&
		open_receivers(&quota)) {
		tell_conditions(&quota);
		service_every(quota.service, TICK_MS, tell_conditions, &quota);
		service_on_drain(quota.service, begin_drain, is_drained, &quota);
		exit_code = service_run(quota.service);
	} else {
		exit_code = EXIT_UNAVAILABLE;
	}
	close_all(&quota);
	return exit_code;
}
