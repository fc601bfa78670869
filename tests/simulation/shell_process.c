/* What the services ask of the operating system: clocks, threads, waiting, chance, the environment, the log. The names
 * are libc's and common/runtime's; the linker takes these instead. */
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/shell.h"
#include "tests/simulation/world.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_LOOK_US = 40 };

/* 2026-11-02T02:00:00Z, within the campaign that is simulated. */
static const int64_t epoch_us = INT64_C(1793584800000000);

/* Clocks ---------------------------------------------------------------------------------------------------------- */

int64_t process_wall_us(void)
{
	const struct machine *machine = machine_here();

	return epoch_us + world_now() + (machine ? machine->wall_skew : 0);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	const struct machine *machine = machine_here();
	int64_t us = clock == CLOCK_REALTIME ? process_wall_us()
					     : world_now() + (machine ? machine->monotonic_skew : SECOND);

	now->tv_sec = us / SECOND;
	now->tv_nsec = us % SECOND * 1000;
	return 0;
}

/* clock.c keeps the last one in a variable of the process; here several processes are one. */
int64_t __wrap_clock_receipt_us(void);
int64_t __wrap_clock_receipt_us(void)
{
	struct machine *machine = machine_here();
	int64_t now = process_wall_us();

	machine->last_receipt = now > machine->last_receipt ? now : machine->last_receipt + 1;
	return machine->last_receipt;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)left;
	fiber_sleep((int64_t)wanted->tv_sec * SECOND + wanted->tv_nsec / 1000);
	return 0;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	assert(count == 0 && timeout_ms >= 0);
	(void)fds;
	fiber_sleep((int64_t)timeout_ms * MS);
	return 0;
}

/* Threads --------------------------------------------------------------------------------------------------------- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
	(void)attributes;
	*thread = (pthread_t)(uintptr_t)fiber_start(machine_here(), run, context);
	return 0;
}

int pthread_join(pthread_t thread, void **result)
{
	(void)result;
	fiber_join((struct fiber *)(uintptr_t)thread);
	return 0;
}

int pthread_setname_np(pthread_t thread, const char *name)
{
	(void)thread;
	(void)name;
	return 0;
}

static int *flag_of(pthread_mutex_t *mutex)
{
	return (int *)(void *)mutex;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	(void)attributes;
	memset(mutex, 0, sizeof(*mutex));
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	(void)mutex;
	return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	while (*flag_of(mutex) != 0)
		fiber_sleep(LOCK_LOOK_US);
	*flag_of(mutex) = 1;
	return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	*flag_of(mutex) = 0;
	return 0;
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
	(void)attributes;
	memset(condition, 0, sizeof(*condition));
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *condition)
{
	(void)condition;
	return 0;
}

int pthread_cond_signal(pthread_cond_t *condition)
{
	(void)condition; /* who waits looks again when its time is over */
	return 0;
}

/* Until the whole time is over: the services wait so only between two looks. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	struct timespec now;

	(void)condition;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t left = ((int64_t)until->tv_sec - now.tv_sec) * SECOND + (until->tv_nsec - now.tv_nsec) / 1000;
	pthread_mutex_unlock(mutex);
	fiber_sleep(left > 0 ? left : 1);
	pthread_mutex_lock(mutex);
	return ETIMEDOUT;
}

/* The process ------------------------------------------------------------------------------------------------------ */

char *getenv(const char *name)
{
	const struct machine *machine = machine_here();

	for (size_t i = 0; machine && i < machine->setting_count; i++)
		if (strcmp(machine->settings[i].name, name) == 0)
			return (char *)(uintptr_t)machine->settings[i].value;
	return NULL;
}

pid_t getpid(void)
{
	return 2;
}

int kill(pid_t process, int number)
{
	assert(process == 2 && number == SIGTERM);
	machine_terminate(machine_here());
	return 0;
}

int access(const char *path, int mode)
{
	(void)path;
	(void)mode;
	errno = ENOENT;
	return -1;
}

/* Each named place is a step that may be the last. */
void failpoint(const char *name)
{
	machine_step(name);
}

/* No text is deadly here. */
void failpoint_on(const char *name, struct bytes text)
{
	(void)name;
	(void)text;
}

/* Chance ---------------------------------------------------------------------------------------------------------- */

void random_fill(void *data, size_t size)
{
	uint8_t *to = data;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t value = world_random();
		memcpy(to + i, &value, size - i < sizeof(value) ? size - i : sizeof(value));
	}
}

uint32_t random_u32(void)
{
	return (uint32_t)world_random();
}

struct id128 random_id(void)
{
	struct id128 id;

	random_fill(&id, sizeof(id));
	return id;
}

static const char *sodium_name(void)
{
	return "world";
}

static struct randombytes_implementation sodium_chance = {
	.implementation_name = sodium_name, .random = random_u32, .buf = random_fill};

void process_begin(void)
{
	if (randombytes_set_implementation(&sodium_chance) != 0 || sodium_init() < 0)
		abort();
}

/* The log --------------------------------------------------------------------------------------------------------- */

void log_open(const char *service, const char *instance, enum log_level least)
{
	(void)service;
	(void)instance;
	(void)least;
}

static void add_field(char *line, size_t size, const struct log_field *field)
{
	size_t at = strlen(line);
	char *to = line + at;

	size -= at;
	switch (field->type) {
	case LOG_FIELD_TEXT:
		snprintf(to, size, " %s=%s", field->name, field->value.text ? field->value.text : "");
		break;
	case LOG_FIELD_I64:
		snprintf(to, size, " %s=%lld", field->name, (long long)field->value.i64);
		break;
	case LOG_FIELD_U64:
		snprintf(to, size, " %s=%llu", field->name, (unsigned long long)field->value.u64);
		break;
	case LOG_FIELD_REAL:
		snprintf(to, size, " %s=%g", field->name, field->value.real);
		break;
	case LOG_FIELD_BOOL:
		snprintf(to, size, " %s=%d", field->name, field->value.boolean);
		break;
	case LOG_FIELD_ID:
		snprintf(to, size, " %s=%02x%02x%02x", field->name, field->value.id->octet[5],
			field->value.id->octet[6], field->value.id->octet[7]);
		break;
	}
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s", event);
	for (size_t i = 0; i < count; i++)
		add_field(line, sizeof(line), &fields[i]);
	oracle_saw((struct bytes){(const uint8_t *)line, strlen(line)}, "a log");
	if (level >= LOG_INFO)
		world_tell("%s", line);
}
