#include "common/runtime/admin.h"

#include "common/runtime/clock.h"
#include "common/runtime/http.h"
#include "common/runtime/log.h"
#include "common/runtime/process.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, CLOSE_GRACE_MS = 100 };

struct admin {
	struct admin_options options;
	struct http_server *server;
	bool file_written;
};

static void answer(struct http_exchange *exchange, int status, const char *content_type, const struct buffer *body)
{
	http_add_header(exchange, "Cache-Control", "no-store");
	if (body->failed)
		http_answer(exchange, 500, "text/plain", (struct bytes){0});
	else
		http_answer(exchange, status, content_type, buffer_bytes(body));
}

static int64_t busy_ms(const struct admin *admin)
{
	int64_t since = atomic_load(admin->options.busy_since_ms);
	return since == 0 ? 0 : clock_monotonic_ms() - since;
}

/* That an answer comes says that the process lives; how long its loop has been at one thing is said with it. */
static void on_healthz(struct http_exchange *exchange, void *context)
{
	CLEANUP(buffer_deinit) struct buffer body = {0};
	buffer_format(&body, "{\"alive\":true,\"busy_ms\":%" PRId64 "}\n", busy_ms(context));
	answer(exchange, 200, "application/json", &body);
}

static void on_readyz(struct http_exchange *exchange, void *context)
{
	const struct admin *admin = context;
	CLEANUP(buffer_deinit) struct buffer body = {0};
	bool ready = readiness_render(admin->options.readiness, &body);
	answer(exchange, ready ? 200 : 503, "application/json", &body);
}

static void render_service(const struct admin *admin, struct buffer *out)
{
	buffer_text(out, "# HELP sangkien_build_info What runs here.\n# TYPE sangkien_build_info gauge\n"
			 "sangkien_build_info{service=");
	buffer_json_text(out, admin->options.service);
	buffer_text(out, ",instance=");
	buffer_json_text(out, admin->options.instance);
	buffer_text(out, ",version=");
	buffer_json_text(out, admin->options.version);
	buffer_text(out, "} 1\n");
	buffer_format(out,
		"# HELP sangkien_ready 1 when every condition of /readyz holds.\n# TYPE sangkien_ready gauge\n"
		"sangkien_ready %d\n",
		readiness_holds(admin->options.readiness));
	buffer_format(out,
		"# HELP sangkien_loop_busy_seconds How long the service's loop has been at one thing.\n"
		"# TYPE sangkien_loop_busy_seconds gauge\nsangkien_loop_busy_seconds %.3f\n",
		(double)busy_ms(admin) / 1e3);
}

static void on_metrics(struct http_exchange *exchange, void *context)
{
	const struct admin *admin = context;
	CLEANUP(buffer_deinit) struct buffer body = {0};
	render_service(admin, &body);
	process_render_metrics(admin->options.started_at_us, &body);
	metrics_render(admin->options.metrics, &body);
	answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

/* By rename: who reads the file sees a whole address or none. */
static bool write_file(const char *path, const char *address)
{
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return false;
	}
	FILE *file = fopen(temporary, "we");
	if (file == NULL)
		return false;
	bool written = fprintf(file, "%s\n", address) > 0;
	written = fclose(file) == 0 && written;
	if (written && rename(temporary, path) == 0)
		return true;
	int saved = errno;
	unlink(temporary);
	errno = saved;
	return false;
}

static struct http_server *open_server(struct admin *admin)
{
	static const struct http_route routes[] = {
		{.method = "GET", .path = "/healthz", .handler = on_healthz},
		{.method = "GET", .path = "/readyz", .handler = on_readyz},
		{.method = "GET", .path = "/metrics", .handler = on_metrics},
	};
	struct http_server_options options = {
		.listen = admin->options.listen,
		.routes = routes,
		.route_count = ARRAY_LENGTH(routes),
		.context = admin,
		.limits = HTTP_LIMITS_STANDARD,
		.service = admin->options.service,
	};
	options.limits.connections_max = CONNECTIONS_MAX;
	return http_server_open(&options);
}

struct admin *admin_open(const struct admin_options *options)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (admin == NULL)
		return NULL;
	admin->options = *options;
	admin->server = open_server(admin);
	if (admin->server == NULL) {
		log_error("admin_port_not_opened", KV_TEXT("address", options->listen),
			KV_TEXT("setting", "SANGKIEN_ADMIN_LISTEN"));
		goto fail;
	}
	if (options->file[0] != '\0') {
		admin->file_written = write_file(options->file, http_server_address(admin->server));
		if (!admin->file_written) {
			log_error("admin_file_not_written", KV_TEXT("file", options->file),
				KV_TEXT("why", strerror(errno)), KV_TEXT("setting", "SANGKIEN_ADMIN_FILE"));
			goto fail;
		}
	}
	return admin;
fail:
	admin_close(&admin);
	return NULL;
}

const char *admin_address(const struct admin *admin)
{
	return http_server_address(admin->server);
}

void admin_close(struct admin **admin)
{
	if (*admin == NULL)
		return;
	if ((*admin)->file_written)
		unlink((*admin)->options.file);
	if ((*admin)->server != NULL)
		http_server_close(&(*admin)->server, CLOSE_GRACE_MS);
	free(*admin);
	*admin = NULL;
}
