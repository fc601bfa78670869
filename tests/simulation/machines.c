/* Machines and fibers. A fiber is a thread of a service; it runs until it waits, and nothing runs beside it. */
#include "tests/simulation/happened.h"
#include "tests/simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum {
	STACK_BYTES = 256 * 1024,
	WAKE_JITTER_US = 60, /* who is woken first is chance */
	RESTART_LEAST_US = 200 * 1000,
	RESTART_MOST_US = 2500 * 1000,
	LEASE_US = 2000 * 1000, /* pipeline.c */
};

struct fiber {
	ucontext_t start;
	jmp_buf place;
	struct machine *machine;
	uint32_t boot; /* of its machine: it dies with it */
	void *(*run)(void *);
	void *context;
	bool started, ended, woken;
	uint64_t ticket; /* of the wait it is in */
	struct waiters joiners;
};

/* What an event wakes; a ticket that is over wakes nobody. */
struct alarm {
	struct fiber *fiber;
	uint64_t ticket;
	bool woken;
};

static jmp_buf scheduler;
static struct fiber *current;
struct machine *machines[MACHINES_MAX];
size_t machine_count;

struct fiber *fiber_current(void)
{
	return current;
}

struct machine *machine_here(void)
{
	return current ? current->machine : NULL;
}

static bool is_dead(const struct fiber *fiber)
{
	return fiber->ended || (fiber->machine && (!fiber->machine->alive || fiber->boot != fiber->machine->boots));
}

static __attribute__((noreturn)) void leave(void)
{
	_longjmp(scheduler, 1);
}

static void begin(void)
{
	struct fiber *fiber = current;

	fiber->run(fiber->context);
	fiber->ended = true;
	waiters_wake_all(&fiber->joiners);
	leave();
}

static void enter(struct fiber *fiber)
{
	current = fiber;
	if (_setjmp(scheduler) == 0) {
		if (fiber->started)
			_longjmp(fiber->place, 1);
		fiber->started = true;
		setcontext(&fiber->start);
	}
	current = NULL;
}

static void ring(void *context)
{
	struct alarm *alarm = context;
	struct fiber *fiber = alarm->fiber;

	if (is_dead(fiber) || alarm->ticket != fiber->ticket) {
		free(alarm);
		return;
	}
	/* A process that is stopped gets everything when it goes on. */
	if (fiber->machine && fiber->machine->paused_until > world_now()) {
		world_at(fiber->machine->paused_until + world_below(WAKE_JITTER_US), ring, alarm);
		return;
	}
	fiber->woken = alarm->woken;
	fiber->ticket++;
	free(alarm);
	enter(fiber);
}

static void wake_at(struct fiber *fiber, uint64_t ticket, int64_t when, bool woken)
{
	struct alarm *alarm = malloc(sizeof(*alarm));

	assert(alarm != NULL);
	*alarm = (struct alarm){fiber, ticket, woken};
	world_at(when, ring, alarm);
}

struct fiber *fiber_start(struct machine *machine, void *(*run)(void *), void *context)
{
	struct fiber *fiber = calloc(1, sizeof(*fiber));
	void *stack =
		mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(fiber != NULL && stack != MAP_FAILED);
	fiber->machine = machine;
	fiber->boot = machine ? machine->boots : 0;
	fiber->run = run;
	fiber->context = context;
	getcontext(&fiber->start);
	fiber->start.uc_stack.ss_sp = stack;
	fiber->start.uc_stack.ss_size = STACK_BYTES;
	makecontext(&fiber->start, begin, 0);
	wake_at(fiber, 0, world_now() + world_below(WAKE_JITTER_US), false);
	return fiber;
}

/* Until somebody rings with its ticket. */
static bool give_way(void)
{
	struct fiber *fiber = current;

	if (_setjmp(fiber->place) == 0)
		leave();
	return current->woken;
}

void fiber_sleep(int64_t us)
{
	wake_at(current, current->ticket, world_now() + us, false);
	give_way();
}

bool fiber_wait(struct waiters *waiters, int64_t until)
{
	if (waiters->count == waiters->capacity) {
		waiters->capacity = waiters->capacity == 0 ? 4 : waiters->capacity * 2;
		waiters->list = realloc(waiters->list, waiters->capacity * sizeof(*waiters->list));
		assert(waiters->list != NULL);
	}
	waiters->list[waiters->count].fiber = current;
	waiters->list[waiters->count++].ticket = current->ticket;
	if (until != INT64_MAX)
		wake_at(current, current->ticket, until, false);
	return give_way();
}

void waiters_wake_all(struct waiters *waiters)
{
	for (size_t i = 0; i < waiters->count; i++)
		if (waiters->list[i].ticket == waiters->list[i].fiber->ticket)
			wake_at(waiters->list[i].fiber, waiters->list[i].ticket,
				world_now() + 1 + world_below(WAKE_JITTER_US), true);
	waiters->count = 0;
}

void fiber_join(struct fiber *fiber)
{
	if (!fiber->ended)
		fiber_wait(&fiber->joiners, INT64_MAX);
}

/* Machines -------------------------------------------------------------------------------------------------------- */

struct machine *machine_new(const char *service, uint32_t number, int (*main)(int, char **))
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert(machine != NULL && machine_count < MACHINES_MAX);
	machine->service = service;
	machine->number = number;
	machine->main = main;
	machine->wanted = true;
	snprintf(machine->name, sizeof(machine->name), "%s-%u", service, number);
	machines[machine_count++] = machine;
	return machine;
}

void machine_set(struct machine *machine, const char *name, const char *format, ...)
{
	char value[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	assert(machine->setting_count < SETTINGS_MAX);
	machine->settings[machine->setting_count++] = (struct setting){name, strdup(value)};
}

void machine_on_end(struct machine *machine, void (*call)(void *), void *context)
{
	struct hook *hook = malloc(sizeof(*hook));

	assert(hook != NULL);
	*hook = (struct hook){call, context, machine->hooks};
	machine->hooks = hook;
}

void machine_off_end(struct machine *machine, const void *context)
{
	for (struct hook **link = &machine->hooks; *link != NULL; link = &(*link)->next) {
		if ((*link)->context != context)
			continue;
		*link = (*link)->next;
		return;
	}
}

static void boot_again(void *context)
{
	struct machine *machine = context;

	if (machine->wanted && !machine->alive)
		machine_boot(machine);
}

/* All its threads are gone from here on; the supervisor starts it again. */
static void end(struct machine *machine)
{
	machine->alive = false;
	while (machine->hooks) {
		struct hook *hook = machine->hooks;

		machine->hooks = hook->next;
		hook->call(hook->context);
		free(hook);
	}
	machine->loop.count = 0;
	world_at(world_now() + world_between(RESTART_LEAST_US, RESTART_MOST_US), boot_again, machine);
}

static void *run_main(void *context)
{
	struct machine *machine = context;
	char *arguments[] = {(char *)(uintptr_t)machine->service, NULL};
	int code = machine->main(1, arguments);

	world_tell("ended with %d", code);
	end(machine);
	leave();
}

void machine_boot(struct machine *machine)
{
	assert(!machine->alive);
	machine->alive = true;
	machine->boots++;
	machine->terminated = false;
	machine->paused_until = 0;
	machine->steps_to_crash = 0;
	machine->crash_at = NULL;
	machine->monotonic_skew = world_between(SECOND, 1000 * (int64_t)SECOND);
	world_tell("boots: %s", machine->name);
	fiber_start(machine, run_main, machine);
}

void machine_crash(struct machine *machine)
{
	if (!machine->alive)
		return;
	happened(CRASH);
	world_tell("CRASH of %s", machine->name);
	world_note(machine->number);
	end(machine);
	if (current && current->machine == machine)
		leave();
}

void machine_pause(struct machine *machine, int64_t us)
{
	if (!machine->alive)
		return;
	happened(us > LEASE_US ? PAUSE_PAST_LEASE : PAUSE);
	world_tell("PAUSE of %s for %lld ms", machine->name, (long long)(us / MS));
	if (machine->paused_until < world_now() + us)
		machine->paused_until = world_now() + us;
}

void machine_terminate(struct machine *machine)
{
	if (!machine->alive)
		return;
	happened(TERMINATED);
	world_tell("TERM to %s", machine->name);
	machine->terminated = true;
	waiters_wake_all(&machine->loop);
}

void machine_step(const char *what)
{
	struct machine *machine = machine_here();

	if (!machine)
		return;
	bool counted = machine->steps_to_crash > 0 && --machine->steps_to_crash == 0;
	if (!counted && !(machine->crash_at && strcmp(machine->crash_at, what) == 0))
		return;
	happened(counted ? CRASH_AT_STEP : CRASH_AT_MOMENT);
	world_tell("crashes at %s", what);
	machine_crash(machine);
}
