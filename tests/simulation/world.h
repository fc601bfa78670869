/* The simulated world: virtual time, one source of chance, machines and the fibers that run on them. There is one world
 * a process, because what the services call (clock_gettime, pthread_create, pg_run) has no place for a context. */
#ifndef SANGKIEN_SIMULATION_WORLD_H
#define SANGKIEN_SIMULATION_WORLD_H

#include "common/runtime/base.h"

/* In microseconds, the world's unit. */
#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

struct fiber;
struct machine;

/* Time and chance ------------------------------------------------------------------------------------------------- */
void world_begin(uint64_t seed);
int64_t world_now(void);
uint64_t world_random(void);
uint32_t world_below(uint32_t bound);               /* 0 where bound is 0 */
int64_t world_between(int64_t least, int64_t most); /* both ends included */
bool world_chance(uint32_t per_million);
void world_at(int64_t when, void (*call)(void *), void *context);
/* Runs until `done` says true, nothing is left to happen, or that time. */
void world_run(int64_t until, bool (*done)(void));
/* An end of the run with one line that says why: the seed failed. */
void world_fail(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
/* A line of what happens, where the run was asked to tell (TRACE=1). */
void world_tell(const char *format, ...) PRINTF_LIKE(1, 2);
extern bool world_tells;
uint64_t world_digest(void); /* of all that has happened: equal in every replay */
void world_note(uint64_t fact);

/* Fibers ---------------------------------------------------------------------------------------------------------- */
struct waiters {
	struct {
		struct fiber *fiber;
		uint64_t ticket;
	} * list;
	size_t count, capacity;
};

struct fiber *fiber_start(struct machine *machine, void *(*run)(void *), void *context);
struct fiber *fiber_current(void); /* NULL: the scheduler */
void fiber_sleep(int64_t us);
bool fiber_wait(struct waiters *waiters, int64_t until); /* false: it was that time first */
void fiber_join(struct fiber *fiber);
void waiters_wake_all(struct waiters *waiters);

/* Machines -------------------------------------------------------------------------------------------------------- */
enum { SETTINGS_MAX = 24 };
struct setting {
	const char *name, *value;
};

struct hook { /* what the operating system does when a process ends */
	void (*call)(void *context);
	void *context;
	struct hook *next;
};

struct machine {
	const char *service; /* "intake" */
	uint32_t number;
	char name[32]; /* "intake-1" */
	int (*main)(int, char **);
	struct setting settings[SETTINGS_MAX];
	size_t setting_count;
	bool wanted; /* it is to run: restarted after a crash */
	bool alive;
	uint32_t boots;
	int64_t paused_until;
	int64_t wall_skew, monotonic_skew;
	int64_t last_receipt;
	uint32_t steps_to_crash; /* 0: none */
	const char *crash_at;    /* the next step of that name; NULL: none */
	struct waiters loop;     /* its poll loop waits here */
	bool terminated;         /* SIGTERM */
	struct hook *hooks;
	struct service *open_service;
	struct http_server *http;
};

extern struct machine *machines[];
extern size_t machine_count;
enum { MACHINES_MAX = 64 };

struct machine *machine_new(const char *service, uint32_t number, int (*main)(int, char **));
void machine_set(struct machine *machine, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void machine_boot(struct machine *machine);
void machine_crash(struct machine *machine); /* comes back after a while where it is wanted */
void machine_pause(struct machine *machine, int64_t us);
void machine_terminate(struct machine *machine);
void machine_on_end(struct machine *machine, void (*call)(void *), void *context);
void machine_off_end(struct machine *machine, const void *context);
struct machine *machine_here(void); /* of the fiber that runs */
/* A step that may be the last: each call of the shell to the outside. */
void machine_step(const char *what);

#endif
