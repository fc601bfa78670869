/* A server that may forget what it has committed makes every receipt a lie (law 1). In production a service does not
 * work with one: it says which setting it is and ends with CONFIG_EXIT_BAD. */
#ifndef SANGKIEN_RUNTIME_PG_SAFETY_H
#define SANGKIEN_RUNTIME_PG_SAFETY_H

#include "common/runtime/pg.h"

/* From now on every new connection of this process is looked at first: fsync, full_page_writes and synchronous_commit
 * must not be off. Also ends a service whose server was started anew without them. */
void pg_require_safe_server(void);

/* For pg.c: false when it could not be asked; does not come back from an unsafe server. */
bool pg_check_server(struct pg *pg, int64_t deadline_ms) MUST_CHECK;

#endif
