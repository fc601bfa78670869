#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mutant.h"
#include "services/deduplication/owner.h"
#include "services/deduplication/roles.h"

#include <signal.h>
#include <unistd.h>

enum { TICK_MS = 2, RETRY_MS = 200, FIGURES_EVERY_MS = 1000 };

struct index_role {
	struct owner owner;
	const struct deduplication_settings *settings;
	struct receiver *receiver; /* NULL until the index is whole */
	struct curve_keys keys;
	int64_t next_step_ms, next_figures_ms;
	bool ending;
};

/* Only now do the signers hear of this owner. */
static bool open_receiver(struct index_role *role)
{
	const struct receiver_options options = {
		.service = role->owner.service,
		.upstream = role->settings->askers,
		.keys = &role->keys,
		.upstream_public_key = role->keys.public_key,
		.kind = SANGKIEN__WIRE__KIND__KIND_TEXT_SIGNED,
		.credit = role->settings->asker_credit,
		.route = role->owner.shard + 1,
		.on_batch = on_text_signed,
		.context = &role->owner,
	};

	role->receiver = receiver_open(&options);
	return role->receiver != NULL;
}

static bool step(struct owner *owner)
{
	switch (owner->stage) {
	case OWNER_CLAIMING:
		owner->checked_ms = clock_monotonic_ms();
		if (!MUTANT_EPOCH_AFTER_REBUILD && !epoch_claim(owner))
			return false;
		owner->stage = OWNER_RESUMING;
		return true;
	case OWNER_RESUMING:
		return rebuild_resume(owner);
	case OWNER_RELEARNING:
		return rebuild_relearn(owner);
	case OWNER_REBUILDING:
		if (!rebuild_page(owner))
			return false;
		if (MUTANT_EPOCH_AFTER_REBUILD && owner->stage == OWNER_WHOLE && !epoch_claim(owner))
			owner->stage = OWNER_REBUILDING;
		return true;
	case OWNER_WHOLE:
	case OWNER_SUPERSEDED:
		break;
	}
	return true;
}

static void say_stage(const struct index_role *role)
{
	static const char *const why[] = {
		[OWNER_CLAIMING] = "waits for PostgreSQL to claim the shard",
		[OWNER_RESUMING] = "takes up the document frequencies",
		[OWNER_RELEARNING] = "learns the latest texts again",
		[OWNER_REBUILDING] = "rebuilds the index",
		[OWNER_WHOLE] = "",
		[OWNER_SUPERSEDED] = "another process owns the shard",
	};

	service_condition(role->owner.service, "index", role->owner.stage == OWNER_WHOLE, why[role->owner.stage]);
}

static void show_figures(struct index_role *role, int64_t now_ms)
{
	if (now_ms < role->next_figures_ms)
		return;
	role->next_figures_ms = now_ms + FIGURES_EVERY_MS;
	struct index_figures figures = index_figures(role->owner.index);
	metric_set(role->owner.metrics.texts, (int64_t)figures.texts);
	metric_set(role->owner.metrics.bytes, (int64_t)figures.bytes);
}

/* Ends in order: what is held is turned away, and the supervisor may start it anew. */
static void end_superseded(struct index_role *role)
{
	if (role->ending)
		return;
	role->ending = true;
	kill(getpid(), SIGTERM);
}

static void on_tick(void *context)
{
	struct index_role *role = context;
	struct owner *owner = &role->owner;
	int64_t now_ms = clock_monotonic_ms();

	epoch_check(owner);
	if (owner->stage < OWNER_WHOLE && now_ms >= role->next_step_ms && !step(owner))
		role->next_step_ms = now_ms + RETRY_MS;
	if (owner->stage == OWNER_WHOLE && role->receiver == NULL && !open_receiver(role))
		log_error("askers_not_reached", KV_TEXT("askers", role->settings->askers));
	if (owner->stage == OWNER_SUPERSEDED)
		end_superseded(role);
	say_stage(role);
	show_figures(role, now_ms);
}

static void begin_drain(void *context)
{
	struct index_role *role = context;

	if (role->receiver != NULL)
		receiver_stop(role->receiver);
}

static bool is_drained(void *context)
{
	const struct index_role *role = context;

	return role->receiver == NULL || receiver_held(role->receiver) == 0;
}

int index_role_run(struct service *service, const struct deduplication_settings *settings)
{
	struct index_role role = {.settings = settings};
	struct pg *pg = pg_open(settings->pg, "deduplication-index");
	int exit_code = ROLE_EXIT_UNAVAILABLE;
	bool keys = curve_keys_load(settings->keys, "deduplication", &role.keys);

	if (!keys)
		log_error("keys_not_readable", KV_TEXT("directory", settings->keys));
	if (pg != NULL && keys && owner_init(&role.owner, service, pg, settings->shard, settings->shards)) {
		say_stage(&role);
		service_every(service, TICK_MS, on_tick, &role);
		service_on_drain(service, begin_drain, is_drained, &role);
		exit_code = service_run(service);
		if (role.owner.stage == OWNER_SUPERSEDED)
			exit_code = ROLE_EXIT_SUPERSEDED;
	}
	if (role.receiver != NULL)
		receiver_close(&role.receiver);
	owner_deinit(&role.owner);
	if (pg != NULL)
		pg_close(&pg);
	return exit_code;
}
