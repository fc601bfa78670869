/* nginx takes up a new configuration some time after it was told: until then its old workers pass requests to where
 * they always did. */
#ifndef SANGKIEN_CONTROL_EDGE_WORKERS_H
#define SANGKIEN_CONTROL_EDGE_WORKERS_H

#include "services/control/rundir.h"

enum { EDGE_WORKERS_MAX = 64 };

struct edge_workers {
	int64_t pids[EDGE_WORKERS_MAX];
	size_t count;
};

/* Those that take requests now. */
void edge_workers_list(const struct rundir *run, struct edge_workers *workers);
/* Waits until none of them takes a new request. False: said on stderr. */
bool edge_workers_await_end(const struct edge_workers *workers, int timeout_ms) MUST_CHECK;

#endif
