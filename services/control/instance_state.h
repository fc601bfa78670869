/* What one instance says of itself: s6 about its process, its admin port about its work. */
#ifndef SANGKIEN_CONTROL_INSTANCE_STATE_H
#define SANGKIEN_CONTROL_INSTANCE_STATE_H

#include "services/control/rundir.h"

/* Sums over a /metrics page, by the ends of the names (they are the same in every service). */
struct work_figures {
	uint64_t queue;             /* items that wait in it, and batches it holds */
	uint64_t oldest_waiting_ms; /* of those that wait */
	uint64_t handled;           /* messages and requests since its start */
	uint64_t errors;            /* poison, malformed frames, server errors since its start */
};
/* Pure. `page` is NUL-terminated Prometheus text. */
void work_figures_read(const char *page, struct work_figures *figures);

struct instance_state {
	char name[64];
	char address[64]; /* admin port, "" when it has none yet */
	bool is_up, is_ready, answers;
	uint64_t up_seconds;
	struct work_figures figures;
	double rate_per_s; /* between two looks */
};

/* One look; `answers` tells whether the admin port did. */
void instance_state_look(const struct rundir *run, struct instance_state *state);

#endif
