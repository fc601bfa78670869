/* common/runtime's service and mailbox on fibers: the poll loop, its timers, and letters between threads. */
#include "common/runtime/mailbox.h"
#include "common/runtime/random.h"
#include "common/runtime/service.h"
#include "tests/simulation/network.h"
#include "tests/simulation/shell.h"
#include "tests/simulation/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HANDLERS_MAX = 64,
	TURN_US = 30,
	TIMER_LEAST_US = 40 * MS, /* a loop may be slower than it was asked to be */
	MAILBOX_FD = 1000,
	MAILBOXES_MAX = 4096,
};

const char sangkien_version[] = "simulated";

/* Mailboxes ------------------------------------------------------------------------------------------------------- */

struct mailbox {
	struct machine *machine;
	size_t most, first, count;
	bool closed;
	int fd;
	struct waiters waiters;
	void *letters[];
};

static struct mailbox *mailboxes[MAILBOXES_MAX];
static int mailbox_last;

struct mailbox *mailbox_new(size_t capacity)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox) + capacity * sizeof(void *));

	assert(mailbox != NULL && mailbox_last < MAILBOXES_MAX);
	mailbox->machine = machine_here();
	mailbox->most = capacity;
	mailbox->fd = MAILBOX_FD + mailbox_last;
	mailboxes[mailbox_last++] = mailbox;
	return mailbox;
}

void mailbox_free(struct mailbox **mailbox)
{
	*mailbox = NULL;
}

bool mailbox_push(struct mailbox *mailbox, void *letter)
{
	if (mailbox->closed || mailbox->count == mailbox->most)
		return false;
	mailbox->letters[(mailbox->first + mailbox->count++) % mailbox->most] = letter;
	waiters_wake_all(&mailbox->waiters);
	waiters_wake_all(&mailbox->machine->loop);
	return true;
}

size_t mailbox_take(struct mailbox *mailbox, void **letters, size_t most)
{
	size_t taken = 0;

	for (; taken < most && mailbox->count > 0; mailbox->count--) {
		letters[taken++] = mailbox->letters[mailbox->first];
		mailbox->first = (mailbox->first + 1) % mailbox->most;
	}
	return taken;
}

size_t mailbox_wait(struct mailbox *mailbox, void **letters, size_t most, int timeout_ms)
{
	int64_t until = timeout_ms < 0 ? INT64_MAX : world_now() + (int64_t)timeout_ms * MS;

	while (mailbox->count == 0 && !mailbox->closed && fiber_wait(&mailbox->waiters, until))
		;
	return mailbox_take(mailbox, letters, most);
}

size_t mailbox_count(const struct mailbox *mailbox)
{
	return mailbox->count;
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->fd;
}

void mailbox_close(struct mailbox *mailbox)
{
	mailbox->closed = true;
	waiters_wake_all(&mailbox->waiters);
}

struct waiters *mailbox_waiters(struct mailbox *mailbox)
{
	return &mailbox->waiters;
}

/* The service ----------------------------------------------------------------------------------------------------- */

struct handler {
	enum { HANDLER_NONE, HANDLER_SOCKET, HANDLER_FD, HANDLER_TIMER, HANDLER_AFTER, HANDLER_DRAIN } kind;
	service_handler *call;
	service_drained *drained;
	void *context, *socket;
	const struct mailbox *mailbox;
	int64_t interval, due;
};

struct condition {
	const char *name;
	bool holds;
};

struct service {
	struct machine *machine;
	struct service_options options;
	struct metrics *metrics;
	struct id128 boot_id;
	struct handler handlers[HANDLERS_MAX];
	size_t handler_count;
	struct condition conditions[HANDLERS_MAX];
	bool draining;
};

struct service *service_open(const struct service_options *options, int argc, char **argv, int *exit_code)
{
	struct service *service = calloc(1, sizeof(*service));

	(void)argc;
	(void)argv;
	*exit_code = CONFIG_EXIT_BAD;
	assert(service != NULL);
	service->machine = machine_here();
	service->options = *options;
	service->metrics = metrics_new();
	service->boot_id = random_id();
	if (!config_load(options->fields, options->field_count, options->settings, stdout))
		world_fail("the settings of %s are not whole", service->machine->name);
	service->machine->open_service = service;
	return service;
}

void service_close(struct service **service)
{
	*service = NULL;
}

void *service_zmq(struct service *service)
{
	return service->machine;
}

struct metrics *service_metrics(struct service *service)
{
	return service->metrics;
}

const char *service_name(const struct service *service)
{
	return service->machine->service;
}

const char *service_instance(const struct service *service)
{
	return service->machine->name;
}

struct id128 service_boot_id(const struct service *service)
{
	return service->boot_id;
}

void service_condition(struct service *service, const char *name, bool holds, const char *why)
{
	(void)why;
	for (size_t i = 0; i < HANDLERS_MAX; i++) {
		struct condition *condition = &service->conditions[i];

		if (condition->name && strcmp(condition->name, name) != 0)
			continue;
		*condition = (struct condition){name, holds};
		return;
	}
}

bool service_is_ready(const struct service *service)
{
	for (size_t i = 0; i < HANDLERS_MAX && service->conditions[i].name; i++)
		if (!service->conditions[i].holds)
			return false;
	return true;
}

static struct handler *add(struct service *service, int kind, service_handler *call, void *context)
{
	for (size_t i = 0; i < HANDLERS_MAX; i++) {
		struct handler *handler = &service->handlers[i];

		if (handler->kind != HANDLER_NONE)
			continue;
		*handler = (struct handler){.kind = kind, .call = call, .context = context};
		if (service->handler_count <= i)
			service->handler_count = i + 1;
		return handler;
	}
	world_fail("%s has too many handlers", service->machine->name);
}

void service_on_socket(struct service *service, void *zmq_socket, service_handler *handler, void *context)
{
	add(service, HANDLER_SOCKET, handler, context)->socket = zmq_socket;
}

void service_remove_socket(struct service *service, void *zmq_socket)
{
	for (size_t i = 0; i < service->handler_count; i++)
		if (service->handlers[i].kind == HANDLER_SOCKET && service->handlers[i].socket == zmq_socket)
			service->handlers[i].kind = HANDLER_NONE;
}

void service_on_fd(struct service *service, int fd, service_handler *handler, void *context)
{
	assert(fd >= MAILBOX_FD && fd < MAILBOX_FD + mailbox_last);
	add(service, HANDLER_FD, handler, context)->mailbox = mailboxes[fd - MAILBOX_FD];
}

void service_every(struct service *service, uint32_t interval_ms, service_handler *handler, void *context)
{
	struct handler *timer = add(service, HANDLER_TIMER, handler, context);
	int64_t interval = (int64_t)interval_ms * MS;

	timer->interval = interval > TIMER_LEAST_US ? interval : TIMER_LEAST_US;
	timer->due = world_now() + timer->interval;
}

void service_after_turn(struct service *service, service_handler *handler, void *context)
{
	add(service, HANDLER_AFTER, handler, context);
}

void service_forget(struct service *service, const void *context)
{
	for (size_t i = 0; i < service->handler_count; i++)
		if (service->handlers[i].context == context)
			service->handlers[i].kind = HANDLER_NONE;
}

void service_on_drain(struct service *service, service_handler *begin, service_drained *drained, void *context)
{
	add(service, HANDLER_DRAIN, begin, context)->drained = drained;
}

bool service_draining(const struct service *service)
{
	return service->draining;
}

/* The loop -------------------------------------------------------------------------------------------------------- */

static bool is_readable(const struct handler *handler)
{
	return (handler->kind == HANDLER_SOCKET && network_is_readable(handler->socket)) ||
	       (handler->kind == HANDLER_FD && mailbox_count(handler->mailbox) > 0);
}

static bool is_due(const struct handler *handler)
{
	return handler->kind == HANDLER_TIMER && handler->due <= world_now();
}

static void turn(struct service *service)
{
	for (size_t i = 0; i < service->handler_count; i++) {
		struct handler *handler = &service->handlers[i];

		if (is_due(handler))
			handler->due = world_now() + handler->interval;
		else if (!is_readable(handler))
			continue;
		handler->call(handler->context);
	}
	for (size_t i = 0; i < service->handler_count; i++)
		if (service->handlers[i].kind == HANDLER_AFTER)
			service->handlers[i].call(service->handlers[i].context);
}

static void begin_drain(struct service *service)
{
	service->draining = true;
	for (size_t i = 0; i < service->handler_count; i++)
		if (service->handlers[i].kind == HANDLER_DRAIN)
			service->handlers[i].call(service->handlers[i].context);
}

static bool all_drained(const struct service *service)
{
	for (size_t i = 0; i < service->handler_count; i++)
		if (service->handlers[i].kind == HANDLER_DRAIN &&
			!service->handlers[i].drained(service->handlers[i].context))
			return false;
	return true;
}

/* When there is something to do next; now where something can be read. */
static int64_t next_time(const struct service *service)
{
	int64_t next = world_now() + SECOND;

	for (size_t i = 0; i < service->handler_count; i++) {
		const struct handler *handler = &service->handlers[i];

		if (is_readable(handler))
			return world_now();
		if (handler->kind == HANDLER_TIMER && handler->due < next)
			next = handler->due;
	}
	return next;
}

int service_run(struct service *service)
{
	struct machine *machine = service->machine;
	int64_t drain_until = INT64_MAX;

	while (world_now() < drain_until) {
		if (machine->terminated && !service->draining) {
			begin_drain(service);
			drain_until = world_now() + (int64_t)service->options.common->drain_ms * MS;
		}
		turn(service);
		if (service->draining && all_drained(service))
			return 0;
		int64_t next = next_time(service);
		if (next <= world_now())
			fiber_sleep(1 + world_below(TURN_US));
		else
			fiber_wait(&machine->loop, next);
	}
	return 1;
}
