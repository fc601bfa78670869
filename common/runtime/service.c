#include "common/runtime/service.h"

#include "common/runtime/admin.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/loop.h"
#include "common/runtime/pg_safety.h"
#include "common/runtime/process.h"
#include "common/runtime/random.h"
#include "common/runtime/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

enum {
	DRAINS_MAX = 64,
	IDLE_WAIT_MS = 1000,
	DRAIN_WAIT_MS = 20, /* drained may become true on another thread */
	EXIT_DRAINED = 0,
	EXIT_NOT_DRAINED = 1,
	EXIT_BAD_USAGE = 64,   /* EX_USAGE */
	EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: something it cannot start without */
};

/* Programs are linked with one that says more: a commit then relinks them, and compiles and tests nothing anew. */
__attribute__((weak)) const char sangkien_version[] = "unknown";

_Static_assert(SERVICE_SOCKETS_MAX + 1 == LOOP_SOURCES_MAX, "the signals have a place of their own");

/* Forgotten = neither function: the place is taken by the next. */
struct drain {
	service_handler *begin;
	service_drained *drained;
	void *context;
};

struct service {
	struct service_options options;
	struct metrics *metrics;
	struct readiness *readiness;
	struct admin *admin;
	void *zmq;
	struct id128 boot_id;
	_Atomic int ready_fd; /* -1 once told, or nobody asked */
	_Atomic bool was_ready;
	atomic_bool draining;
	int signal_fd;
	bool stop_at_once;
	int64_t drain_until_ms;
	struct loop *loop;
	size_t drain_count;
	struct drain drains[DRAINS_MAX];
};

/* Command line and settings ------------------------------------------------------------------------------------ */

static void print_help(const struct service_options *options, FILE *out)
{
	fprintf(out,
		"%s: %s\n\nUsage: %s [--help | --version | --print-config]\n\n"
		"Runs until SIGTERM or SIGINT, then finishes what is under way; a second one ends it at once.\n"
		"Exit codes: 0 drained, 1 not drained in time, 64 bad usage, 69 something is missing to start,\n"
		"78 a bad setting.\n\nSettings (environment variables, default in brackets):\n",
		options->name, options->purpose, options->name);
	for (size_t i = 0; i < options->field_count; i++) {
		const struct config_field *field = &options->fields[i];
		fprintf(out, "  %-26s %s [%s]\n", field->name, field->help,
			field->standard != NULL ? field->standard : "required");
	}
}

/* True when the command line was all there was to do. */
static bool command_line_ends_it(const struct service_options *options, int argc, char **argv, int *exit_code)
{
	*exit_code = 0;
	if (argc <= 1)
		return false;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_help(options, stdout);
	} else if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", options->name, sangkien_version);
	} else if (argc == 2 && strcmp(argv[1], "--print-config") == 0) {
		/* Also of what does not hold: the table is wanted most where a setting is missing. */
		if (!config_load(options->fields, options->field_count, options->settings, stderr))
			*exit_code = CONFIG_EXIT_BAD;
		config_print(options->fields, options->field_count, options->settings, stdout);
	} else {
		print_help(options, stderr);
		*exit_code = EXIT_BAD_USAGE;
	}
	return true;
}

static bool read_log_level(const char *text, enum log_level *level)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	fprintf(stderr, "SANGKIEN_LOG_LEVEL: \"%s\" is none of debug, info, warn and error\n", text);
	return false;
}

static bool load_settings(const struct service_options *options)
{
	enum log_level least;
	if (!config_load(options->fields, options->field_count, options->settings, stderr) ||
		!read_log_level(options->common->log_level, &least))
		return false;
	int ready_fd = (int)options->common->ready_fd;
	if (ready_fd > 0 && fcntl(ready_fd, F_SETFD, FD_CLOEXEC) != 0) {
		fprintf(stderr, "SANGKIEN_READY_FD: descriptor %d is not open\n", ready_fd);
		return false;
	}
	log_open(options->name, options->common->instance, least);
	if (options->common->production)
		pg_require_safe_server();
	return true;
}

/* Signals ------------------------------------------------------------------------------------------------------ */

/* Before any thread: they inherit what is blocked, and the signals arrive in the poll loop alone. */
static int open_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void begin_drain(struct service *service)
{
	atomic_store(&service->draining, true);
	service->drain_until_ms = clock_monotonic_ms() + service->options.common->drain_ms;
	log_info("draining", KV_U64("drain_ms", service->options.common->drain_ms));
	readiness_set(service->readiness, "running", false, "draining");
	for (size_t i = 0; i < service->drain_count; i++)
		if (service->drains[i].begin != NULL)
			service->drains[i].begin(service->drains[i].context);
}

static void on_signal(void *context)
{
	struct service *service = context;
	struct signalfd_siginfo info;
	while (read(service->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (!service_draining(service))
			begin_drain(service);
		else
			service->stop_at_once = true;
	}
}

/* Opening and closing ------------------------------------------------------------------------------------------ */

static bool open_admin(struct service *service)
{
	const struct service_settings *common = service->options.common;
	const struct admin_options options = {
		.service = service->options.name,
		.instance = common->instance,
		.version = sangkien_version,
		.listen = common->admin_listen,
		.file = common->admin_file,
		.readiness = service->readiness,
		.metrics = service->metrics,
		.busy_since_ms = loop_busy_since(service->loop),
		.started_at_us = clock_now_us(),
	};
	service->admin = admin_open(&options);
	return service->admin != NULL;
}

static bool open_parts(struct service *service)
{
	service->signal_fd = open_signals();
	if (service->signal_fd < 0 || !process_forbid_dumps()) {
		log_error("process_not_prepared", KV_TEXT("why", strerror(errno)));
		return false;
	}
	service->boot_id = random_id();
	service->loop = loop_new();
	service->metrics = metrics_new();
	service->readiness = readiness_new();
	service->zmq = zmq_ctx_new();
	if (service->loop == NULL || service->metrics == NULL || service->readiness == NULL || service->zmq == NULL) {
		log_error("no_memory");
		return false;
	}
	/* What a peer that is away has not read must not keep a process that wants to end. */
	zmq_ctx_set(service->zmq, ZMQ_BLOCKY, 0);
	loop_on_fd(service->loop, service->signal_fd, on_signal, service);
	readiness_set(service->readiness, "running", false, "starting");
	return open_admin(service);
}

struct service *service_open(const struct service_options *options, int argc, char **argv, int *exit_code)
{
	if (command_line_ends_it(options, argc, argv, exit_code))
		return NULL;
	*exit_code = CONFIG_EXIT_BAD;
	if (!load_settings(options))
		return NULL;
	*exit_code = EXIT_UNAVAILABLE;
	struct service *service = calloc(1, sizeof(*service));
	if (service == NULL)
		return NULL;
	service->options = *options;
	service->signal_fd = -1;
	service->ready_fd = options->common->ready_fd > 0 ? (int)options->common->ready_fd : -1;
	if (!open_parts(service)) {
		service_close(&service);
		return NULL;
	}
	*exit_code = 0;
	log_info("started", KV_TEXT("version", sangkien_version), KV_TEXT("admin", admin_address(service->admin)),
		KV_ID("boot", &service->boot_id));
	return service;
}

void service_close(struct service **service)
{
	struct service *closing = *service;
	if (closing == NULL)
		return;
	admin_close(&closing->admin);
	if (closing->zmq != NULL)
		while (zmq_ctx_term(closing->zmq) != 0 && errno == EINTR)
			;
	readiness_free(&closing->readiness);
	metrics_free(&closing->metrics);
	loop_free(&closing->loop);
	if (closing->signal_fd >= 0)
		close(closing->signal_fd);
	int ready_fd = atomic_exchange(&closing->ready_fd, -1);
	if (ready_fd >= 0)
		close(ready_fd);
	free(closing);
	*service = NULL;
}

void *service_zmq(struct service *service)
{
	return service->zmq;
}

struct metrics *service_metrics(struct service *service)
{
	return service->metrics;
}

const char *service_name(const struct service *service)
{
	return service->options.name;
}

const char *service_instance(const struct service *service)
{
	return service->options.common->instance;
}

struct id128 service_boot_id(const struct service *service)
{
	return service->boot_id;
}

/* Readiness ---------------------------------------------------------------------------------------------------- */

/* The supervisor is told the first time, once. */
static void tell_ready(struct service *service)
{
	int fd = atomic_exchange(&service->ready_fd, -1);
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		log_warn("readiness_not_told", KV_TEXT("why", strerror(errno)));
	close(fd);
}

static void look_at_readiness(struct service *service)
{
	bool ready = readiness_holds(service->readiness);
	if (atomic_exchange(&service->was_ready, ready) == ready)
		return;
	if (ready) {
		log_info("ready");
		tell_ready(service);
	} else if (!service_draining(service)) {
		log_warn("not_ready");
	}
}

void service_condition(struct service *service, const char *name, bool holds, const char *why)
{
	if (readiness_set(service->readiness, name, holds, why)) {
		if (holds)
			log_info("condition_holds", KV_TEXT("condition", name));
		else
			log_warn("condition_lost", KV_TEXT("condition", name), KV_TEXT("why", why));
	}
	look_at_readiness(service);
}

bool service_is_ready(const struct service *service)
{
	return readiness_holds(service->readiness);
}

/* The loop ------------------------------------------------------------------------------------------------------ */

void service_on_socket(struct service *service, void *zmq_socket, service_handler *handler, void *context)
{
	loop_on_socket(service->loop, zmq_socket, handler, context);
}

void service_remove_socket(struct service *service, void *zmq_socket)
{
	loop_remove_socket(service->loop, zmq_socket);
}

void service_on_fd(struct service *service, int fd, service_handler *handler, void *context)
{
	loop_on_fd(service->loop, fd, handler, context);
}

void service_every(struct service *service, uint32_t interval_ms, service_handler *handler, void *context)
{
	loop_every(service->loop, interval_ms, handler, context);
}

void service_after_turn(struct service *service, service_handler *handler, void *context)
{
	loop_after_turn(service->loop, handler, context);
}

void service_on_drain(struct service *service, service_handler *begin, service_drained *drained, void *context)
{
	size_t place = 0;
	while (place < service->drain_count &&
		(service->drains[place].begin != NULL || service->drains[place].drained != NULL))
		place++;
	assert(place < DRAINS_MAX);
	if (place == service->drain_count)
		service->drain_count++;
	service->drains[place] = (struct drain){.begin = begin, .drained = drained, .context = context};
}

void service_forget(struct service *service, const void *context)
{
	loop_forget(service->loop, context);
	for (size_t i = 0; i < service->drain_count; i++)
		if (service->drains[i].context == context)
			service->drains[i] = (struct drain){0};
}

bool service_draining(const struct service *service)
{
	return atomic_load(&service->draining);
}

static bool all_drained(const struct service *service)
{
	for (size_t i = 0; i < service->drain_count; i++) {
		const struct drain *drain = &service->drains[i];
		if (drain->drained != NULL && !drain->drained(drain->context))
			return false;
	}
	return true;
}

int service_run(struct service *service)
{
	readiness_set(service->readiness, "running", true, NULL);
	look_at_readiness(service);
	while (!service->stop_at_once) {
		loop_turn(service->loop, service_draining(service) ? DRAIN_WAIT_MS : IDLE_WAIT_MS);
		if (!service_draining(service) || service->stop_at_once)
			continue;
		if (all_drained(service)) {
			log_info("stopped");
			return EXIT_DRAINED;
		}
		if (clock_monotonic_ms() >= service->drain_until_ms) {
			log_warn("drain_timed_out", KV_U64("drain_ms", service->options.common->drain_ms));
			return EXIT_NOT_DRAINED;
		}
	}
	log_warn("stopped_at_once");
	return EXIT_NOT_DRAINED;
}
