/* What one instance says of itself: s6 about its process, its admin port about its work. */
#ifndef SANGKIEN_CONTROL_INSTANCE_STATE_H
#define SANGKIEN_CONTROL_INSTANCE_STATE_H

#include "services/control/rundir.h"
#include "services/control/supervision.h"

enum { INSTANCES_MAX = 256 };

/* Sums over a /metrics page, by the ends of the names (they are the same in every service). */
struct work_figures {
	uint64_t queue;     /* items that nobody behind it has finished, and batches it has in hand itself */
	uint64_t oldest_ms; /* of those items */
	uint64_t handled;   /* messages and requests since its start */
	uint64_t errors;    /* poison, malformed frames, server errors since its start */
};
/* Pure. `page` is NUL-terminated Prometheus text. */
void work_figures_read(const char *page, struct work_figures *figures);

struct instance_state {
	const struct supervised_kind *kind;
	char name[64];
	char address[64]; /* admin port, "" when it has none yet */
	bool is_up, is_ready, answers;
	uint64_t up_seconds;
	struct work_figures figures;
	double rate_per_s; /* between two looks */
};

/* Names all that are linked in, in the order of the pipeline, at most INSTANCES_MAX; nothing else of them is known yet.
 */
size_t instance_states_list(const struct rundir *run, struct instance_state *states);
/* Finds the admin port alone. */
void instance_state_find(const struct rundir *run, struct instance_state *state);
/* One look; `answers` tells whether the admin port did. */
void instance_state_look(const struct rundir *run, struct instance_state *state);

#endif
