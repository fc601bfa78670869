#include "tests/simulation/pipeline.h"

#include "services/deduplication/weights.h"

#include <stdio.h>
#include <string.h>

enum { BOOT_MOST_US = 300 * MS, INTAKES_MOST = 3, WORKERS_MOST = 2, SHARDS_MOST = 2 };

/* The services' own main(), renamed at linking. */
int intake_main(int argc, char **argv);
int validation_main(int argc, char **argv);
int deduplication_main(int argc, char **argv);
int quota_main(int argc, char **argv);
int leaderboard_main(int argc, char **argv);

/* The table of all characters is the same for everybody and takes longer to make than a whole run: made once. */
struct fold_table *fold_table_new(void);
struct fold_table *__wrap_fold_table_new(void);
void __wrap_fold_table_free(struct fold_table **table);

struct fold_table *__wrap_fold_table_new(void)
{
	static struct fold_table *table;

	if (!table)
		table = fold_table_new();
	return table;
}

void __wrap_fold_table_free(struct fold_table **table)
{
	*table = NULL;
}

/* So are the weights of who has learnt nothing yet: 1 MiB that nobody changes. */
struct weights *__wrap_weights_new_empty(void);
void __wrap_weights_free(struct weights **weights);
static struct weights *empty_weights;

struct weights *__wrap_weights_new_empty(void)
{
	if (!empty_weights)
		empty_weights = weights_new_empty();
	return empty_weights;
}

void __wrap_weights_free(struct weights **weights)
{
	if (*weights != empty_weights)
		weights_free(weights);
	*weights = NULL;
}

void pipeline_warm_up(void)
{
	const struct weights *weights = __wrap_weights_new_empty();

	(void)__wrap_fold_table_new();
	memset(weights->own, 0, WEIGHT_COUNTERS); /* its pages are there, and no seed has to ask for them */
}

static const char *keys_directory;
static uint32_t shards, window;

static void set_common(struct machine *machine)
{
	machine_set(machine, "SANGKIEN_INSTANCE", "%s", machine->name);
	machine_set(machine, "SANGKIEN_PG", "model");
	machine_set(machine, "SANGKIEN_REDIS", "model");
	machine_set(machine, "SANGKIEN_KEYS", "%s", keys_directory);
	machine_set(machine, "SANGKIEN_DRAIN_MS", "2000");
}

static uint32_t next_number(const char *service)
{
	uint32_t number = 1;

	for (size_t i = 0; i < machine_count; i++)
		number += strcmp(machines[i]->service, service) == 0;
	return number;
}

static struct machine *add(const char *service, int (*main)(int, char **))
{
	struct machine *machine = machine_new(service, next_number(service), main);

	set_common(machine);
	return machine;
}

static struct machine *add_intake(void)
{
	struct machine *machine = add("intake", intake_main);

	machine_set(machine, "INTAKE_LISTEN", "http");
	machine_set(machine, "INTAKE_EDGE", "ipc://%s", machine->name);
	machine_set(machine, "INTAKE_REVIEWS", "ipc://reviews-%u", machine->number);
	machine_set(machine, "INTAKE_DECISIONS", "ipc://decisions-*");
	machine_set(machine, "INTAKE_WINDOW", "%u", window);
	machine_set(machine, "INTAKE_QUEUE", "64");
	machine_set(machine, "INTAKE_LEASE_MS", "2000");
	return machine;
}

static struct machine *add_validation(void)
{
	struct machine *machine = add("validation", validation_main);

	machine_set(machine, "VALIDATION_UPSTREAM", "ipc://intake-*");
	machine_set(machine, "VALIDATION_EDGE", "ipc://%s", machine->name);
	machine_set(machine, "VALIDATION_WINDOW", "64");
	machine_set(machine, "VALIDATION_LEASE_MS", "2000");
	return machine;
}

static struct machine *add_sign(void)
{
	struct machine *machine = add("sign", deduplication_main);

	machine_set(machine, "DEDUPLICATION_ROLE", "sign");
	machine_set(machine, "DEDUPLICATION_SHARDS", "%u", shards);
	machine_set(machine, "DEDUPLICATION_UPSTREAM", "ipc://validation-*");
	machine_set(machine, "DEDUPLICATION_EDGE", "ipc://verdicts-%u", machine->number);
	machine_set(machine, "DEDUPLICATION_ASK", "ipc://asks-%u", machine->number);
	machine_set(machine, "DEDUPLICATION_WINDOW", "64");
	machine_set(machine, "DEDUPLICATION_TEXTS", "64");
	machine_set(machine, "DEDUPLICATION_LEASE_MS", "2000");
	machine_set(machine, "DEDUPLICATION_HOLD_MS", "1000");
	return machine;
}

static struct machine *add_index(uint32_t shard)
{
	struct machine *machine = add("index", deduplication_main);

	machine_set(machine, "DEDUPLICATION_ROLE", "index");
	machine_set(machine, "DEDUPLICATION_SHARDS", "%u", shards);
	machine_set(machine, "DEDUPLICATION_SHARD", "%u", shard);
	machine_set(machine, "DEDUPLICATION_ASKERS", "ipc://asks-*");
	return machine;
}

static struct machine *add_quota(void)
{
	struct machine *machine = add("quota", quota_main);

	machine_set(machine, "QUOTA_UPSTREAM", "ipc://verdicts-*");
	machine_set(machine, "QUOTA_REVIEWS", "ipc://reviews-*");
	machine_set(machine, "QUOTA_DECISIONS", "ipc://decisions-%u", machine->number);
	machine_set(machine, "QUOTA_EDGE", "ipc://outbox-%u", machine->number);
	return machine;
}

static struct machine *add_leaderboard(void)
{
	struct machine *machine = add("leaderboard", leaderboard_main);

	machine_set(machine, "LEADERBOARD_LISTEN", "http");
	machine_set(machine, "LEADERBOARD_READERS", "1");
	return machine;
}

struct machine *pipeline_add_index(const struct machine *of)
{
	for (size_t i = 0; i < of->setting_count; i++)
		if (strcmp(of->settings[i].name, "DEDUPLICATION_SHARD") == 0)
			return add_index((uint32_t)(of->settings[i].value[0] - '0'));
	assert(!"an owner without a shard");
	return NULL;
}

struct machine *pipeline_add_any(void)
{
	static struct machine *(*const adders[])(void) = {add_intake, add_validation, add_sign, add_quota};

	return adders[world_below(ARRAY_LENGTH(adders))]();
}

static void boot(void *context)
{
	machine_boot(context);
}

static void add_some(struct machine *(*add_one)(void), uint32_t most)
{
	for (uint32_t i = world_below(most); i < most; i++)
		world_at(world_below(BOOT_MOST_US), boot, add_one());
}

void pipeline_begin(const char *keys)
{
	keys_directory = keys;
	shards = 1 + world_below(SHARDS_MOST);
	window = 16;
	add_some(add_intake, INTAKES_MOST);
	add_some(add_validation, WORKERS_MOST);
	add_some(add_sign, WORKERS_MOST);
	add_some(add_quota, WORKERS_MOST);
	add_some(add_leaderboard, 1);
	for (uint32_t shard = 0; shard < shards; shard++)
		world_at(world_below(BOOT_MOST_US), boot, add_index(shard));
}
