/* The inside of dispatch.c, on_decision_reached.c and errands.c. All of it runs on the service's loop, but for what
 * dispatch.h offers to any thread. */
#ifndef SANGKIEN_INTAKE_DISPATCH_INSIDE_H
#define SANGKIEN_INTAKE_DISPATCH_INSIDE_H

#include "services/intake/backlog.h"
#include "services/intake/dispatch.h"
#include "services/intake/window.h"

#include <pthread.h>

struct dispatch {
	struct dispatch_options options;
	struct sender *sender;
	struct receiver *receiver;
	pthread_mutex_t lock; /* of the window and the backlog */
	struct window *window;
	struct backlog *backlog;
	atomic_size_t count;    /* window_count() */
	atomic_size_t waiting;  /* backlog_count() */
	atomic_size_t reserved; /* for the sweeper */
	struct mailbox *inbox, *errands;
	int64_t greeting_until_ms; /* 0: it is over */
	struct errand *again;      /* decisions that were none: to be sent again soon */
};

/* Shows how many are under way, to other threads and in the metrics. The lock is held. */
void dispatch_publish(struct dispatch *dispatch);

/* on_decision_reached.c: `context` is the dispatch. */
void on_decision_reached(struct delivery *delivery, void *context);

/* errands.c */
struct errand *errand_new(enum errand_kind kind) MUST_CHECK; /* NULL without memory */
/* Takes it over. False: it was empty or the sweeper has too much to do, and it is gone. */
bool errand_send(struct dispatch *dispatch, struct errand *errand);
/* It is to be sent again soon; the dispatch's lock is held. */
void errand_note_again(struct dispatch *dispatch, const struct id128 *id);
service_handler errands_look, errands_again;

#endif
