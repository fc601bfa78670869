/* leaderboard: the read side. Boards, tracking, campaigns and units over HTTP, and their events. */
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/leaderboard/boards.h"
#include "services/leaderboard/http_boards.h"
#include "services/leaderboard/http_history.h"
#include "services/leaderboard/http_progress.h"
#include "services/leaderboard/http_tracking.h"
#include "services/leaderboard/http_units.h"
#include "services/leaderboard/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READERS_MAX = 16, CONNECTIONS_MAX = 1000000, OPENAPI_BYTES_MAX = 1 << 20 };

struct settings {
	struct service_settings service;
	char *postgresql, *redis, *keys, *listen, *openapi;
	uint32_t readers, connections_max;
};

static const struct config_field FIELDS[] = {
	SERVICE_CONFIG_FIELDS(struct settings, service),
	{"SANGKIEN_PG", CONFIG_TEXT, offsetof(struct settings, postgresql), NULL, "PostgreSQL, as libpq reads it", 0,
		0},
	{"SANGKIEN_REDIS", CONFIG_TEXT, offsetof(struct settings, redis), NULL, "Redis: unix:/path or host:port", 0, 0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, offsetof(struct settings, keys), "",
		"directory with redis-leaderboard.password; empty: Redis asks for none", 0, 0},
	{"LEADERBOARD_LISTEN", CONFIG_TEXT, offsetof(struct settings, listen), "127.0.0.1:8082",
		"address of the public reads: host:port or unix:/path", 0, 0},
	{"LEADERBOARD_OPENAPI", CONFIG_TEXT, offsetof(struct settings, openapi), "",
		"file served at /v1/openapi.yaml; empty: none", 0, 0},
	{"LEADERBOARD_READERS", CONFIG_U32, offsetof(struct settings, readers), "3",
		"threads that ask PostgreSQL and Redis", 1, READERS_MAX},
	{"LEADERBOARD_CONNECTIONS", CONFIG_U32, offsetof(struct settings, connections_max), "20000",
		"most connections at once, event streams included", 8, CONNECTIONS_MAX},
};

static void on_openapi(struct http_exchange *exchange, void *context)
{
	const struct leaderboard *leaderboard = context;
	http_add_header(exchange, "Cache-Control", "no-cache");
	if (leaderboard->openapi.size > 0)
		http_answer(exchange, 200, "application/yaml", buffer_bytes(&leaderboard->openapi));
	else
		http_problem(exchange, 404, "/problems/not_found",
			http_prefers_english(exchange) ? "No document was given to this instance"
						       : "Phiên bản này không có tài liệu",
			NULL, (struct bytes){0});
}

static const struct http_route ROUTES[] = {
	{.method = "GET", .path = "/v1/campaigns", .handler = on_campaigns},
	{.method = "GET", .path = "/v1/campaigns/{campaign}", .handler = on_campaign},
	{.method = "GET", .path = "/v1/campaigns/{campaign}/units", .handler = on_units},
	{.method = "GET", .path = "/v1/campaigns/{campaign}/units/{unit}/progress", .handler = on_progress},
	{.method = "GET", .path = "/v1/campaigns/{campaign}/history", .handler = on_history},
	{.method = "GET", .path = "/v1/campaigns/{campaign}/board", .handler = on_board},
	{.method = "GET", .path = "/v1/campaigns/{campaign}/board/events", .handler = on_board_events},
	{.method = "GET", .path = "/v1/submissions/{code}", .handler = on_tracking},
	{.method = "GET",
		.path = "/v1/submissions/{code}/events",
		.handler = on_tracking_events,
		.on_closed = on_tracking_events_closed},
	{.method = "GET", .path = "/v1/openapi.yaml", .handler = on_openapi},
};

static void on_answer(void *letter, void *context)
{
	struct leaderboard *leaderboard = context;
	struct job *job = letter;
	leaderboard->asked--;
	switch (job->kind) {
	case JOB_BOARD:
		boards_on_job(leaderboard->boards, job);
		break;
	case JOB_HISTORY:
		history_on_job(leaderboard, job);
		break;
	case JOB_PROGRESS:
		progress_on_job(leaderboard, job);
		break;
	case JOB_UNITS:
		units_on_job(leaderboard, job);
		break;
	case JOB_TRACK:
		tracking_on_job(leaderboard, job);
		break;
	case JOB_POLL:
		followers_on_job(leaderboard, job);
		break;
	}
	job_free(&job);
}

static void on_tick(struct http_server *server, void *context)
{
	struct leaderboard *leaderboard = context;
	(void)server;
	streams_tick(leaderboard->streams, clock_monotonic_ms());
	followers_tick(leaderboard, clock_monotonic_ms());
}

/* A document that cannot be read is no reason to serve no boards. */
static void read_openapi(struct buffer *openapi, const char *path)
{
	FILE *file = *path ? fopen(path, "re") : NULL;
	char piece[4096];
	openapi->limit = OPENAPI_BYTES_MAX;
	for (size_t size; file && (size = fread(piece, 1, sizeof(piece), file)) > 0;)
		buffer_add(openapi, piece, size);
	if (*path && (!file || ferror(file) || openapi->failed)) {
		log_warn("openapi_unreadable", KV_TEXT("path", path));
		buffer_deinit(openapi);
	}
	if (file)
		fclose(file);
}

static bool open_server(struct leaderboard *leaderboard, struct service *service, const struct settings *settings)
{
	struct http_server_options options = {
		.listen = settings->listen,
		.routes = ROUTES,
		.route_count = ARRAY_LENGTH(ROUTES),
		.context = leaderboard,
		.limits = HTTP_LIMITS_STANDARD,
		.metrics = service_metrics(service),
		.service = "leaderboard",
		.mailbox = leaderboard->answers,
		.on_letter = on_answer,
		.tick_ms = STREAM_TICK_MS,
		.on_tick = on_tick,
		.handle = &leaderboard->server,
	};
	options.limits.connections_max = settings->connections_max;
	return http_server_open(&options) != NULL;
}

struct redis_login {
	const char *user;
	char password_file[512];
};

static void open_rooms(struct leaderboard *leaderboard, struct service *service, const struct settings *settings,
	struct redis_login *login)
{
	const char *file = NULL;
	if (*settings->keys) {
		snprintf(login->password_file, sizeof(login->password_file), "%s/redis-leaderboard.password",
			settings->keys);
		login->user = "leaderboard";
		file = login->password_file;
	}
	leaderboard->metrics = service_metrics(service);
	leaderboard->reference = reference_open(service, settings->postgresql);
	leaderboard->answers = mailbox_new(READERS_JOBS_MAX);
	leaderboard->boards = boards_new(leaderboard);
	leaderboard->streams = streams_new(leaderboard);
	leaderboard->followers = followers_new();
	leaderboard->histories = histories_new();
	leaderboard->watch = watch_open(&(struct watch_options){.service = service,
		.reference = leaderboard->reference,
		.conninfo = settings->postgresql,
		.redis = settings->redis,
		.redis_user = login->user,
		.redis_password_file = file});
	leaderboard->readers = readers_open(&(struct readers_options){.threads = settings->readers,
		.conninfo = settings->postgresql,
		.redis = settings->redis,
		.redis_user = login->user,
		.redis_password_file = file,
		.watch = leaderboard->watch,
		.reference = leaderboard->reference,
		.answers = leaderboard->answers});
}

/* The server last: from its first request on everything must stand. */
static bool leaderboard_open(struct leaderboard *leaderboard, struct service *service, const struct settings *settings,
	struct redis_login *login)
{
	read_openapi(&leaderboard->openapi, settings->openapi);
	open_rooms(leaderboard, service, settings, login);
	if (!leaderboard->reference || !leaderboard->answers || !leaderboard->boards || !leaderboard->streams ||
		!leaderboard->followers || !leaderboard->histories || !leaderboard->watch || !leaderboard->readers)
		return false;
	return open_server(leaderboard, service, settings);
}

static void leaderboard_close(struct leaderboard *leaderboard)
{
	http_server_close(&leaderboard->server, 0);
	readers_close(&leaderboard->readers);
	watch_close(&leaderboard->watch);
	void *letter;
	while (leaderboard->answers && mailbox_take(leaderboard->answers, &letter, 1) == 1) {
		struct job *job = letter;
		job_free(&job);
	}
	followers_free(&leaderboard->followers);
	histories_free(&leaderboard->histories);
	streams_free(&leaderboard->streams);
	boards_free(&leaderboard->boards);
	mailbox_free(&leaderboard->answers);
	reference_close(&leaderboard->reference);
	buffer_deinit(&leaderboard->openapi);
}

struct shell { /* what the service's loop knows of us */
	struct leaderboard *leaderboard;
	const struct settings *settings;
};

static void begin_drain(void *context)
{
	const struct shell *shell = context;
	http_server_drain(shell->leaderboard->server, shell->settings->service.drain_ms);
}

static bool is_drained(void *context)
{
	const struct shell *shell = context;
	return http_server_drained(shell->leaderboard->server);
}

int main(int argc, char **argv)
{
	enum { EXIT_UNAVAILABLE = 69 };
	struct settings settings = {0};
	struct leaderboard leaderboard = {0};
	struct redis_login login = {0};
	struct shell shell = {&leaderboard, &settings};
	int exit_code;
	struct service *service = service_open(&(struct service_options){.name = "leaderboard",
						       .purpose = "boards, tracking and campaigns, for reading",
						       .fields = FIELDS,
						       .field_count = ARRAY_LENGTH(FIELDS),
						       .settings = &settings,
						       .common = &settings.service},
		argc, argv, &exit_code);
	if (!service)
		return exit_code;
	exit_code = EXIT_UNAVAILABLE;
	if (leaderboard_open(&leaderboard, service, &settings, &login)) {
		log_info("serving", KV_TEXT("address", http_server_address(leaderboard.server)));
		service_on_drain(service, begin_drain, is_drained, &shell);
		exit_code = service_run(service);
	}
	leaderboard_close(&leaderboard);
	service_close(&service);
	return exit_code;
}
