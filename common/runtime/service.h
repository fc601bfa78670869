/* The shell of a service: signals, the poll loop of its pipeline thread, readiness, the admin port. */
#ifndef SANGKIEN_RUNTIME_SERVICE_H
#define SANGKIEN_RUNTIME_SERVICE_H

#include "common/runtime/base.h"
#include "common/runtime/config.h"
#include "common/runtime/metrics.h"

struct service;

/* Of the program, as git describes it; "unknown" in tests. */
extern const char sangkien_version[];

/* Settings every service has; put SERVICE_CONFIG_FIELDS(struct x_settings, service) into its table. */
struct service_settings {
	char *instance;     /* SANGKIEN_INSTANCE, "intake-1" */
	char *admin_listen; /* SANGKIEN_ADMIN_LISTEN, "127.0.0.1:0" */
	char *admin_file;   /* SANGKIEN_ADMIN_FILE: the bound address is written there; "" = not */
	char *log_level;    /* SANGKIEN_LOG_LEVEL, "info" */
	uint32_t ready_fd;  /* SANGKIEN_READY_FD: a newline is written when first ready (s6); 0 = not */
	uint32_t drain_ms;  /* SANGKIEN_DRAIN_MS */
	bool production;    /* SANGKIEN_PRODUCTION: no PostgreSQL that may forget what it has committed */
};
#define SERVICE_CONFIG_FIELDS(type, member)                                                                            \
	{"SANGKIEN_INSTANCE", CONFIG_TEXT, offsetof(type, member.instance), "1",                                       \
		"name of this instance, unique in its service", 0, 0},                                                 \
		{"SANGKIEN_ADMIN_LISTEN", CONFIG_TEXT, offsetof(type, member.admin_listen), "127.0.0.1:0",             \
			"address of /healthz, /readyz and /metrics", 0, 0},                                            \
		{"SANGKIEN_ADMIN_FILE", CONFIG_TEXT, offsetof(type, member.admin_file), "",                            \
			"file the bound admin address is written to", 0, 0},                                           \
		{"SANGKIEN_LOG_LEVEL", CONFIG_TEXT, offsetof(type, member.log_level), "info",                          \
			"debug, info, warn or error", 0, 0},                                                           \
		{"SANGKIEN_READY_FD", CONFIG_U32, offsetof(type, member.ready_fd), "0",                                \
			"descriptor that gets a newline when first ready", 0, 1023},                                   \
		{"SANGKIEN_PRODUCTION", CONFIG_BOOL, offsetof(type, member.production), "0",                           \
			"1: end where PostgreSQL has fsync, full_page_writes or synchronous_commit off", 0, 0},        \
	{                                                                                                              \
		"SANGKIEN_DRAIN_MS", CONFIG_U32, offsetof(type, member.drain_ms), "10000",                             \
			"longest wait for work under way at SIGTERM", 0, 600000                                        \
	}

/* What main() hands over: handles --help, --version and --print-config itself (exit code in *exit_code, NULL given),
 * loads the table into `settings`, opens the log, blocks signals, forbids core dumps, opens the admin port. */
struct service_options {
	const char *name;    /* "intake" */
	const char *purpose; /* one line for --help */
	const struct config_field *fields;
	size_t field_count;
	void *settings;
	const struct service_settings *common; /* inside `settings` */
};
struct service *service_open(const struct service_options *options, int argc, char **argv, int *exit_code) MUST_CHECK;
void service_close(struct service **service);

void *service_zmq(struct service *service); /* the process's one ZeroMQ context */
struct metrics *service_metrics(struct service *service);
const char *service_name(const struct service *service); /* "intake" */
const char *service_instance(const struct service *service);
struct id128 service_boot_id(const struct service *service);

/* Readiness: ready is when every named condition holds. Any thread. `why` is shown in /readyz where it does not. */
void service_condition(struct service *service, const char *name, bool holds, const char *why);
bool service_is_ready(const struct service *service);

/* The poll loop, on the thread that calls service_run(). At most SERVICE_SOCKETS_MAX sockets and descriptors together,
 * 64 of each other kind. Any of these may be called from a handler. */
enum { SERVICE_SOCKETS_MAX = 512 };
typedef void service_handler(void *context);
void service_on_socket(struct service *service, void *zmq_socket, service_handler *handler, void *context);
void service_remove_socket(struct service *service, void *zmq_socket); /* before it is closed; its handler is not
	called any more, not even in this turn */
void service_on_fd(struct service *service, int fd, service_handler *handler, void *context); /* readable */
void service_every(struct service *service, uint32_t interval_ms, service_handler *handler, void *context);
/* At the end of every turn of the loop, before it waits again: what the turn's handlers gathered goes out at once. */
void service_after_turn(struct service *service, service_handler *handler, void *context);
/* Takes back every service_on_…, service_every and service_after_turn of that context: before it is freed. */
void service_forget(struct service *service, const void *context);
/* At SIGTERM or SIGINT the loop goes on until every drain says true or drain_ms has passed. */
typedef bool service_drained(void *context);
void service_on_drain(struct service *service, service_handler *begin, service_drained *drained, void *context);
bool service_draining(const struct service *service);
int service_run(struct service *service); /* exit code: 0 drained, 1 drain timed out */

#endif
