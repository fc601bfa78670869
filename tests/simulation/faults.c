#include "tests/simulation/faults.h"

#include "tests/simulation/happened.h"
#include "tests/simulation/network.h"
#include "tests/simulation/pipeline.h"
#include "tests/simulation/postgresql.h"
#include "tests/simulation/redis_model.h"
#include "tests/simulation/shell.h"

#include <string.h>

enum {
	KIND_CHANCE = 330000, /* of a seed to have a kind of fault */
	STEPS_MOST = 400,
	SKEW_MOST_US = 900 * MS,
	FORK_CHANCE = 300000,
};

struct chances chances;
static uint32_t crashes;
static bool over;

uint32_t faults_crashes(void)
{
	return crashes;
}

static struct machine *any(void)
{
	return machines[world_below((uint32_t)machine_count)];
}

/* Kinds ----------------------------------------------------------------------------------------------------------- */

static void crash(void *context)
{
	(void)context;
	crashes++;
	if (!over)
		machine_crash(any());
}

static void crash_at_a_step(void *context)
{
	struct machine *machine = any();

	(void)context;
	crashes++;
	if (!over && machine->alive)
		machine->steps_to_crash = 1 + world_below(STEPS_MOST);
}

/* NULL: none is up. */
static struct machine *any_owner(void)
{
	for (size_t i = 0, from = world_below((uint32_t)machine_count); i < machine_count; i++) {
		struct machine *machine = machines[(from + i) % machine_count];

		if (strcmp(machine->service, "index") == 0 && machine->alive && machine->wanted)
			return machine;
	}
	return NULL;
}

/* What it had been told and quota had not is gone; verdicts that asked it are under way. */
static void crash_an_owner(void *context)
{
	struct machine *owner = any_owner();

	(void)context;
	crashes++;
	if (!over && owner)
		machine_crash(owner);
}

/* At one of the moments between which a commit is neither here nor there. */
static void crash_at_a_commit(void *context)
{
	static const char *const moments[] = {
		"COMMIT under way", "COMMIT's answer", "a statement", "Redis", "Redis' answer", "an answer"};
	struct machine *machine = any();

	(void)context;
	crashes++;
	if (!over && machine->alive)
		machine->crash_at = moments[world_below(world_chance(600000) ? 2 : ARRAY_LENGTH(moments))];
}

static void pause_shortly(void *context)
{
	(void)context;
	if (!over)
		machine_pause(any(), world_between(50 * MS, 2500 * MS));
}

/* Another owner is started beside this one, which goes on until it notices. */
static void replace(struct machine *owner)
{
	owner->wanted = false;
	happened(OWNER_REPLACED);
	machine_boot(pipeline_add_index(owner));
}

static void replace_an_owner(void *context)
{
	struct machine *owner = any_owner();

	(void)context;
	if (!over && owner && machine_count + 2 < MACHINES_MAX)
		replace(owner);
}

/* Past leases; another owner of the index is started meanwhile, as an operator would. */
static void pause_long(void *context)
{
	struct machine *machine = any();

	(void)context;
	if (over)
		return;
	machine_pause(machine, world_between(3 * SECOND, 12 * SECOND));
	if (strcmp(machine->service, "index") == 0 && machine->alive && machine->wanted)
		replace(machine);
}

static void terminate(void *context)
{
	(void)context;
	if (!over)
		machine_terminate(any());
}

static void come_back(void *context)
{
	struct machine *machine = context;

	machine->wanted = true;
	if (!machine->alive)
		machine_boot(machine);
}

/* An instance less for a while; the last of its kind too. */
static void take_away(void *context)
{
	struct machine *machine = any();

	(void)context;
	if (over || !machine->wanted || strcmp(machine->service, "index") == 0)
		return;
	machine->wanted = false;
	happened(INSTANCE_AWAY);
	machine_terminate(machine);
	world_at(world_now() + world_between(SECOND, 8 * SECOND), come_back, machine);
}

static void add_instance(void *context)
{
	(void)context;
	if (over || machine_count + 2 >= MACHINES_MAX)
		return;
	happened(INSTANCE_ADDED);
	machine_boot(pipeline_add_any());
}

static void part(void *context)
{
	struct machine *a = any(), *b = any();

	(void)context;
	if (!over && a != b)
		network_part(a, b, world_between(200 * MS, 6 * SECOND));
}

static void crash_postgresql(void *context)
{
	(void)context;
	if (!over)
		postgresql_crash(world_between(200 * MS, 3 * SECOND));
}

static void empty_redis(void *context)
{
	(void)context;
	if (!over)
		redis_empty();
}

static void save_redis(void *context)
{
	(void)context;
	redis_save();
}

static void restore_redis(void *context)
{
	(void)context;
	if (!over)
		redis_restore();
}

static void lose_redis(void *context)
{
	(void)context;
	if (!over)
		redis_away(world_between(100 * MS, 4 * SECOND), world_chance(500000));
}

/* The plan -------------------------------------------------------------------------------------------------------- */

static const struct {
	void (*strike)(void *context);
	uint32_t most;
} kinds[] = {
	{crash, 8},
	{crash_at_a_step, 8},
	{crash_at_a_commit, 10},
	{crash_an_owner, 6},
	{replace_an_owner, 6},
	{pause_shortly, 8},
	{pause_long, 3},
	{terminate, 5},
	{take_away, 4},
	{add_instance, 3},
	{part, 6},
	{crash_postgresql, 2},
	{empty_redis, 3},
	{restore_redis, 2},
	{lose_redis, 3},
};

static uint32_t sometimes(uint32_t most)
{
	return world_chance(KIND_CHANCE) ? world_below(most) : 0;
}

static void choose_chances(void)
{
	chances = (struct chances){
		.cut = sometimes(3000),
		.silent_cut = sometimes(2000),
		.drop = sometimes(20000),
		.duplicate = sometimes(50000),
		.reorder = sometimes(50000),
		.slow = sometimes(50000),
		.pg_lost_before = sometimes(5000),
		.pg_lost_after = sometimes(5000),
		.pg_slow = sometimes(20000),
		.pg_refuse = sometimes(10000),
		.redis_lost = sometimes(30000),
	};
}

void faults_begin(int64_t until)
{
	bool skewed = happens(CLOCK_SKEW, KIND_CHANCE);

	choose_chances();
	for (size_t i = 0; skewed && i < machine_count; i++)
		machines[i]->wall_skew = world_between(-SKEW_MOST_US, SKEW_MOST_US);
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		for (uint32_t k = sometimes(kinds[i].most + 1); k > 0; k--) {
			int64_t when = world_between(500 * MS, until);

			world_at(when, kinds[i].strike, NULL);
			if (kinds[i].strike == restore_redis)
				world_at(world_between(500 * MS, when), save_redis, NULL);
		}
}

void faults_end(void)
{
	over = true;
	chances = (struct chances){0};
	for (size_t i = 0; i < machine_count; i++) {
		machines[i]->steps_to_crash = 0;
		machines[i]->crash_at = NULL;
	}
}
