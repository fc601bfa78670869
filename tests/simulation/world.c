#include "tests/simulation/world.h"

#include "tests/simulation/happened.h"
#include "tests/simulation/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event {
	int64_t when;
	uint64_t order; /* of those at the same time the first made */
	void (*call)(void *);
	void *context;
};

static struct {
	int64_t now;
	uint64_t state, order, digest;
	struct event *heap;
	size_t count, capacity;
} world;

bool world_tells;

void world_begin(uint64_t seed)
{
	world.now = 0;
	world.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	world.digest = seed;
}

int64_t world_now(void)
{
	return world.now;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t world_random(void)
{
	return mix(world.state += UINT64_C(0x9e3779b97f4a7c15));
}

uint32_t world_below(uint32_t bound)
{
	return bound == 0 ? 0 : (uint32_t)(((world_random() >> 32) * bound) >> 32);
}

int64_t world_between(int64_t least, int64_t most)
{
	return least + (int64_t)(world_random() % (uint64_t)(most - least + 1));
}

bool world_chance(uint32_t per_million)
{
	return per_million > 0 && world_below(1000000) < per_million;
}

void world_note(uint64_t fact)
{
	world.digest = mix(world.digest ^ fact) + (uint64_t)world.now;
}

uint64_t world_digest(void)
{
	return world.digest;
}

/* Events ---------------------------------------------------------------------------------------------------------- */

static bool before(const struct event *a, const struct event *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

void world_at(int64_t when, void (*call)(void *), void *context)
{
	struct event event = {when < world.now ? world.now : when, world.order++, call, context};
	size_t at = world.count++;

	if (world.count > world.capacity) {
		world.capacity = world.capacity == 0 ? 1024 : world.capacity * 2;
		world.heap = realloc(world.heap, world.capacity * sizeof(*world.heap));
		assert(world.heap != NULL);
	}
	for (; at > 0 && before(&event, &world.heap[(at - 1) / 2]); at = (at - 1) / 2)
		world.heap[at] = world.heap[(at - 1) / 2];
	world.heap[at] = event;
}

static struct event take_first(void)
{
	struct event first = world.heap[0], last = world.heap[--world.count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= world.count)
			break;
		if (child + 1 < world.count && before(&world.heap[child + 1], &world.heap[child]))
			child++;
		if (!before(&world.heap[child], &last))
			break;
		world.heap[at] = world.heap[child];
		at = child;
	}
	world.heap[at] = last;
	return first;
}

void world_run(int64_t until, bool (*done)(void))
{
	while (world.count > 0 && world.heap[0].when <= until && !(done && done())) {
		struct event event = take_first();

		world.now = event.when;
		event.call(event.context);
	}
	if (world.now < until && !(done && done()))
		world.now = until;
}

/* Words ----------------------------------------------------------------------------------------------------------- */

void world_tell(const char *format, ...)
{
	const struct machine *machine = fiber_current() ? machine_here() : NULL;
	va_list arguments;

	if (!world_tells)
		return;
	fprintf(stderr, "%3lld.%06lld %-16s ", (long long)(world.now / SECOND), (long long)(world.now % SECOND),
		machine ? machine->name : "");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void world_fail(const char *format, ...)
{
	va_list arguments;

	printf("at %.3f s: ", (double)world.now / SECOND);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	oracle_tell();
	happened_keep();
	_Exit(1);
}
