/* `sangkien ops`: the operators' page on a port of its own, for loopback; `up` starts it. It only hands on what the
 * instances' /metrics say, and looks only while somebody does. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/ops_look.h"
#include "services/control/program.h"

#include "common/runtime/clock.h"
#include "common/runtime/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LOOK_EVERY_MS = 1000, LOOKED_AT_MS = 5000, CONNECTIONS_MAX = 64, CLOSE_GRACE_MS = 1000, LISTEN_SIZE = 128 };

static const char ANY_PORT[] = "127.0.0.1:0";
static const char NOTHING_YET[] = "{\"at\":null,\"instances\":[],\"servers\":[]}\n";

struct ops {
	const struct rundir *run;
	_Atomic int64_t asked_ms; /* when somebody last wanted figures */
	pthread_mutex_t lock;
	struct buffer figures; /* of the last look; empty: of none that is fresh */
};

static const struct {
	const char *ending, *type;
} TYPES[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".svg", "image/svg+xml"},
	{".woff2", "font/woff2"},
};

static const char *type_of(const char *name)
{
	const char *ending = strrchr(name, '.');
	for (size_t i = 0; ending != NULL && i < ARRAY_LENGTH(TYPES); i++)
		if (strcmp(ending, TYPES[i].ending) == 0)
			return TYPES[i].type;
	return NULL;
}

/* A name of the page's folder alone: no way leads out of it. */
static bool is_name(const char *name)
{
	return name[0] != '.' && strchr(name, '/') == NULL && type_of(name) != NULL;
}

static void answer_file(struct http_exchange *exchange, const struct ops *ops, const char *name, const char *caching)
{
	char path[RUNDIR_FILE_MAX];
	struct buffer content CLEANUP(buffer_deinit) = {0};
	http_add_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
	if (!is_name(name) || strlen(name) > NAME_MAX || !file_exists(rundir_file(ops->run, path, "ops/%s", name)) ||
		!file_read(path, &content)) {
		http_problem(exchange, 404, "not_found", "There is nothing at this path", NULL, (struct bytes){0});
		return;
	}
	http_add_header(exchange, "Cache-Control", caching);
	http_answer(exchange, 200, type_of(name), buffer_bytes(&content));
}

static void on_page(struct http_exchange *exchange, void *context)
{
	http_add_header(exchange, "Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
		"require-trusted-types-for 'script'");
	http_add_header(exchange, "Referrer-Policy", "no-referrer");
	answer_file(exchange, context, "index.html", "no-cache");
}

static void on_asset(struct http_exchange *exchange, void *context)
{
	answer_file(exchange, context, http_path_value(exchange, "name"), "public, max-age=31536000, immutable");
}

static void on_figures(struct http_exchange *exchange, void *context)
{
	struct ops *ops = context;
	atomic_store(&ops->asked_ms, clock_monotonic_ms());
	http_add_header(exchange, "Cache-Control", "no-store");
	http_add_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
	pthread_mutex_lock(&ops->lock);
	if (ops->figures.size > 0 && !ops->figures.failed)
		http_answer(exchange, 200, "application/json", buffer_bytes(&ops->figures));
	else
		http_answer(exchange, 200, "application/json",
			(struct bytes){(const uint8_t *)NOTHING_YET, sizeof(NOTHING_YET) - 1});
	pthread_mutex_unlock(&ops->lock);
}

static struct http_server *open_at(const char *listen, struct ops *ops)
{
	static const struct http_route ROUTES[] = {
		{.method = "GET", .path = "/", .handler = on_page},
		{.method = "GET", .path = "/assets/{name}", .handler = on_asset},
		{.method = "GET", .path = "/figures", .handler = on_figures},
	};
	struct http_server_options options = {
		.listen = listen,
		.routes = ROUTES,
		.route_count = ARRAY_LENGTH(ROUTES),
		.context = ops,
		.limits = HTTP_LIMITS_STANDARD,
		.service = "ops",
	};
	options.limits.connections_max = CONNECTIONS_MAX;
	return http_server_open(&options);
}

/* Where it was before is where it is looked for again; without a word of the operator's any free port does. */
static struct http_server *open_server(struct ops *ops, const char *given)
{
	char kept[LISTEN_SIZE];
	struct http_server *server = NULL;
	if (given != NULL)
		return open_at(given, ops);
	if (rundir_ops_address(ops->run, kept))
		server = open_at(kept, ops);
	return server != NULL ? server : open_at(ANY_PORT, ops);
}

static bool write_address(const struct rundir *run, const struct http_server *server)
{
	char path[RUNDIR_FILE_MAX], line[LISTEN_SIZE + 1];
	snprintf(line, sizeof(line), "%s\n", http_server_address(server));
	return file_write_text(rundir_file(run, path, "instances/ops"), line, 0600);
}

static void take_figures(struct ops *ops, struct buffer *fresh)
{
	pthread_mutex_lock(&ops->lock);
	struct buffer before = ops->figures;
	ops->figures = *fresh;
	*fresh = before;
	pthread_mutex_unlock(&ops->lock);
}

/* Until a signal ends it. */
static void look_while_asked(struct ops *ops, const sigset_t *ending)
{
	static const struct timespec PAUSE = {.tv_sec = LOOK_EVERY_MS / 1000};
	while (sigtimedwait(ending, NULL, &PAUSE) < 0) {
		struct buffer fresh CLEANUP(buffer_deinit) = {0};
		if (clock_monotonic_ms() - atomic_load(&ops->asked_ms) < LOOKED_AT_MS)
			ops_look(ops->run, &fresh);
		take_figures(ops, &fresh);
	}
}

int command_ops(struct rundir *run, int argc, char **argv)
{
	const char *given = NULL;
	const struct argument arguments[] = {{"--listen", &given, NULL}};
	struct ops ops = {.run = run, .asked_ms = -LOOKED_AT_MS, .lock = PTHREAD_MUTEX_INITIALIZER};
	sigset_t ending;
	if (!arguments_parse(argc, argv, arguments, ARRAY_LENGTH(arguments)))
		return EXIT_USAGE_BAD;
	if (!rundir_enter(run))
		return EXIT_CONFIG_BAD;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || pthread_sigmask(SIG_BLOCK, &ending, NULL) != 0)
		return EXIT_CONFIG_BAD;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	struct http_server *server = open_server(&ops, given);
	if (server == NULL)
		return EXIT_CONFIG_BAD;
	bool written = write_address(run, server);
	if (written)
		look_while_asked(&ops, &ending);
	http_server_close(&server, CLOSE_GRACE_MS);
	buffer_deinit(&ops.figures);
	return written ? EXIT_OK : EXIT_CONFIG_BAD;
}
