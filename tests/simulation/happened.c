#include "tests/simulation/happened.h"

#include "tests/simulation/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static const char *const names[] = {
	[FRAME_LOST] = "frame lost",
	[FRAME_DOUBLED] = "frame doubled",
	[FRAME_OVERTAKEN] = "frame overtaken",
	[FRAME_LATE] = "frame late",
	[CONNECTION_CUT] = "connection cut",
	[CONNECTION_HALF_OPEN] = "connection half open",
	[PARTITION] = "partition",
	[CRASH] = "crash",
	[CRASH_AT_STEP] = "crash at a step",
	[CRASH_AT_MOMENT] = "crash at a commit, or beside Redis",
	[PAUSE] = "pause",
	[PAUSE_PAST_LEASE] = "pause past the lease",
	[OWNER_REPLACED] = "index owner replaced",
	[TERMINATED] = "SIGTERM",
	[INSTANCE_AWAY] = "instance taken away",
	[INSTANCE_ADDED] = "instance added",
	[CLOCK_SKEW] = "clock skew",
	[STATEMENT_LOST] = "statement lost",
	[STATEMENT_UNANSWERED] = "statement's answer lost",
	[STATEMENT_REFUSED] = "statement refused",
	[STATEMENT_LATE] = "statement late",
	[COMMIT_UNANSWERED] = "commit made, its answer lost",
	[COMMIT_LOST] = "commit lost on its way",
	[COMMIT_SENT] = "session lost with a commit under way",
	[COMMIT_LATE] = "commit made after its session",
	[POSTGRESQL_CRASH] = "PostgreSQL's crash",
	[REDIS_EMPTIED] = "Redis emptied",
	[REDIS_PUT_BACK] = "Redis put back",
	[REDIS_AWAY] = "Redis away",
	[REDIS_COMMAND_LOST] = "Redis command lost",
	[REVIEW] = "review",
	[VERDICT_AGAIN] = "verdict on what is decided",
	[VERDICT_AFTER_REVIEW] = "verdict on what was reviewed",
	[REFUSED_AFTER_CLOSE] = "refused after the close",
};
static_assert(ARRAY_LENGTH(names) == HAPPENINGS, "each has a name");

static struct {
	uint64_t times, seeds;
} * sums; /* shared by all processes */
static uint64_t here[HAPPENINGS];

void happened(enum happening kind)
{
	here[kind]++;
}

bool happens(enum happening kind, uint32_t per_million)
{
	bool true_now = world_chance(per_million);

	here[kind] += true_now;
	return true_now;
}

void happened_begin(void)
{
	sums = mmap(NULL, HAPPENINGS * sizeof(*sums), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sums == MAP_FAILED)
		abort();
}

void happened_keep(void)
{
	for (size_t i = 0; i < HAPPENINGS; i++) {
		__atomic_add_fetch(&sums[i].times, here[i], __ATOMIC_RELAXED);
		__atomic_add_fetch(&sums[i].seeds, here[i] > 0, __ATOMIC_RELAXED);
	}
}

bool happened_print(uint64_t seeds)
{
	bool all = true;

	for (size_t i = 0; i < HAPPENINGS; i++) {
		printf("%-36s %9" PRIu64 " times in %5.1f %% of the seeds\n", names[i], sums[i].times,
			100 * (double)sums[i].seeds / (double)seeds);
		all &= sums[i].times > 0;
	}
	return all;
}
