/* What the parts of the shell know of each other. */
#ifndef SANGKIEN_SIMULATION_SHELL_H
#define SANGKIEN_SIMULATION_SHELL_H

#include "common/runtime/mailbox.h"
#include "tests/simulation/world.h"

int64_t process_wall_us(void); /* of the machine that runs, or the true one */
void process_begin(void);
/* memory.c: what is taken from now on shares no page with what was taken before. */
void memory_settle(void);
struct waiters *mailbox_waiters(struct mailbox *mailbox);

/* shell_http.c: one request to a machine's server. `answer` is called where it comes back, at most once; with status 0
 * where the connection broke. */
struct http_wish {
	const char *method;
	char path[160];
	const char *key, *authorization; /* headers; NULL: none */
	char body[2048];
	void (*answer)(struct http_wish *wish, int status, struct bytes body);
	void *context;
	int64_t received_at; /* set where it was read */
	uint32_t received_by, received_boot;
};
void http_ask(struct machine *machine, struct http_wish *wish);

/* reference_model.c */
enum {
	CAMPAIGN = 7,
	UNIT_ROOT = 1,
	UNIT_EAST,
	UNIT_WEST,
	UNIT_EAST_A,
	UNIT_EAST_B,
	UNIT_WEST_A,
	UNIT_WEST_B,
	UNIT_COUNT = UNIT_WEST_B
};
void reference_begin(int64_t closes_at);
const char *reference_unit_code(uint32_t unit);

/* Faults, in millionths of each message, statement or command; zero from the moment when they stop. */
struct chances {
	uint32_t cut, silent_cut, drop, duplicate, reorder, slow;
	uint32_t pg_lost_before, pg_lost_after, pg_slow, pg_refuse;
	uint32_t redis_lost;
};
extern struct chances chances;

#endif
