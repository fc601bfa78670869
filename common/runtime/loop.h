/* The poll loop of one thread: ZeroMQ sockets, descriptors, timers, and what ends each turn. Not for use by threads. */
#ifndef SANGKIEN_RUNTIME_LOOP_H
#define SANGKIEN_RUNTIME_LOOP_H

#include "common/runtime/base.h"

#include <stdatomic.h>

struct loop;

enum { LOOP_SOURCES_MAX = 513, LOOP_TIMERS_MAX = 64, LOOP_ENDINGS_MAX = 64 };

typedef void loop_handler(void *context);

/* NULL when there is no memory. */
struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop **loop);

/* All of these may be called from a handler; what is added is looked at from the next turn on, what is taken back is
 * called no more, not even in this turn. Beyond the bounds above is a bug (asserted). Handlers run in the order in
 * which they were added: readable sources, then due timers, then endings. */
void loop_on_socket(struct loop *loop, void *zmq_socket, loop_handler *handler, void *context); /* has messages */
void loop_remove_socket(struct loop *loop, const void *zmq_socket);               /* before it is closed */
void loop_on_fd(struct loop *loop, int fd, loop_handler *handler, void *context); /* readable, or broken */
void loop_every(struct loop *loop, uint32_t interval_ms, loop_handler *handler, void *context);
void loop_after_turn(struct loop *loop, loop_handler *handler, void *context);
void loop_forget(struct loop *loop, const void *context);

/* One turn: waits until something is readable, a timer is due or `most_ms` has passed, then runs what there is. */
void loop_turn(struct loop *loop, uint32_t most_ms);

/* Since when it has been running handlers (monotonic ms), 0 while it waits. Any thread may read it. */
const _Atomic int64_t *loop_busy_since(const struct loop *loop);

#endif
