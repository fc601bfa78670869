#include "common/runtime/loop.h"

#include "common/runtime/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

/* Taken back = no handler: the place stays until the turn has ended, so that indexes hold while handlers run. */
struct callback {
	loop_handler *handler;
	void *context;
};

struct timer {
	struct callback callback;
	uint32_t interval_ms;
	int64_t due_ms;
};

struct loop {
	size_t source_count, timer_count, ending_count;
	zmq_pollitem_t items[LOOP_SOURCES_MAX]; /* beside `sources`: zmq_poll() wants them in one run */
	struct callback sources[LOOP_SOURCES_MAX];
	struct timer timers[LOOP_TIMERS_MAX];
	struct callback endings[LOOP_ENDINGS_MAX];
	_Atomic int64_t busy_since_ms;
};

struct loop *loop_new(void)
{
	return calloc(1, sizeof(struct loop));
}

void loop_free(struct loop **loop)
{
	free(*loop);
	*loop = NULL;
}

/* Adding and taking back ---------------------------------------------------------------------------------------- */

static void add_source(struct loop *loop, zmq_pollitem_t item, loop_handler *handler, void *context)
{
	assert(loop->source_count < LOOP_SOURCES_MAX);
	loop->items[loop->source_count] = item;
	loop->sources[loop->source_count] = (struct callback){.handler = handler, .context = context};
	loop->source_count++;
}

void loop_on_socket(struct loop *loop, void *zmq_socket, loop_handler *handler, void *context)
{
	assert(zmq_socket != NULL);
	add_source(loop, (zmq_pollitem_t){.socket = zmq_socket, .events = ZMQ_POLLIN}, handler, context);
}

void loop_remove_socket(struct loop *loop, const void *zmq_socket)
{
	for (size_t i = 0; i < loop->source_count; i++)
		if (loop->items[i].socket == zmq_socket)
			loop->sources[i].handler = NULL;
}

void loop_on_fd(struct loop *loop, int fd, loop_handler *handler, void *context)
{
	assert(fd >= 0);
	/* An error is seen by the reader, so the reader must come to look. */
	add_source(loop, (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN | ZMQ_POLLERR}, handler, context);
}

void loop_every(struct loop *loop, uint32_t interval_ms, loop_handler *handler, void *context)
{
	assert(loop->timer_count < LOOP_TIMERS_MAX && interval_ms > 0);
	loop->timers[loop->timer_count++] = (struct timer){
		.callback = {.handler = handler, .context = context},
		.interval_ms = interval_ms,
		.due_ms = clock_monotonic_ms() + interval_ms,
	};
}

void loop_after_turn(struct loop *loop, loop_handler *handler, void *context)
{
	assert(loop->ending_count < LOOP_ENDINGS_MAX);
	loop->endings[loop->ending_count++] = (struct callback){.handler = handler, .context = context};
}

void loop_forget(struct loop *loop, const void *context)
{
	for (size_t i = 0; i < loop->source_count; i++)
		if (loop->sources[i].context == context)
			loop->sources[i].handler = NULL;
	for (size_t i = 0; i < loop->timer_count; i++)
		if (loop->timers[i].callback.context == context)
			loop->timers[i].callback.handler = NULL;
	for (size_t i = 0; i < loop->ending_count; i++)
		if (loop->endings[i].context == context)
			loop->endings[i].handler = NULL;
}

/* Closes the gaps that taking back has left; the order stays. */
static void compact(struct loop *loop)
{
	size_t kept = 0;
	for (size_t i = 0; i < loop->source_count; i++)
		if (loop->sources[i].handler != NULL) {
			loop->items[kept] = loop->items[i];
			loop->sources[kept++] = loop->sources[i];
		}
	loop->source_count = kept;
	kept = 0;
	for (size_t i = 0; i < loop->timer_count; i++)
		if (loop->timers[i].callback.handler != NULL)
			loop->timers[kept++] = loop->timers[i];
	loop->timer_count = kept;
	kept = 0;
	for (size_t i = 0; i < loop->ending_count; i++)
		if (loop->endings[i].handler != NULL)
			loop->endings[kept++] = loop->endings[i];
	loop->ending_count = kept;
}

/* Turning ------------------------------------------------------------------------------------------------------- */

static void call(struct callback callback)
{
	if (callback.handler != NULL)
		callback.handler(callback.context);
}

static long wait_ms(const struct loop *loop, uint32_t most_ms)
{
	int64_t now = clock_monotonic_ms();
	int64_t wait = most_ms;
	for (size_t i = 0; i < loop->timer_count; i++)
		if (loop->timers[i].due_ms - now < wait)
			wait = loop->timers[i].due_ms - now;
	return wait > 0 ? (long)wait : 0;
}

static void run_timers(struct loop *loop, size_t count)
{
	int64_t now = clock_monotonic_ms();
	for (size_t i = 0; i < count; i++) {
		struct timer *timer = &loop->timers[i];
		if (timer->due_ms > now)
			continue;
		/* From now on, not from when it was due: after a pause a timer runs once, not a hundred times. */
		timer->due_ms = now + timer->interval_ms;
		call(timer->callback);
	}
}

void loop_turn(struct loop *loop, uint32_t most_ms)
{
	compact(loop);
	size_t sources = loop->source_count, timers = loop->timer_count, endings = loop->ending_count;
	int ready = zmq_poll(loop->items, (int)sources, wait_ms(loop, most_ms));
	assert(ready >= 0 || errno == EINTR); /* else a socket was closed that was not taken back */
	atomic_store(&loop->busy_since_ms, clock_monotonic_ms());
	for (size_t i = 0; ready > 0 && i < sources; i++)
		if (loop->items[i].revents != 0)
			call(loop->sources[i]);
	run_timers(loop, timers);
	for (size_t i = 0; i < endings; i++)
		call(loop->endings[i]);
	atomic_store(&loop->busy_since_ms, 0);
}

const _Atomic int64_t *loop_busy_since(const struct loop *loop)
{
	return &loop->busy_since_ms;
}
