#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/owner.h"
#include "services/deduplication/roles.h"

#include <signal.h>
#include <unistd.h>

enum { TICK_MS = 2, FIGURES_EVERY_MS = 1000 };

struct index_role {
	struct owner owner;
	const struct deduplication_settings *settings;
	struct receiver *receiver; /* NULL until the index is whole */
	struct curve_keys keys;
	int64_t next_figures_ms;
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

static bool act(struct owner *owner, enum tenure_action action)
{
	switch (action) {
	case TENURE_CLAIM:
		return epoch_claim(owner);
	case TENURE_CHECK:
		return epoch_check(owner);
	case TENURE_RESUME:
		return rebuild_resume(owner);
	case TENURE_RELEARN:
		return rebuild_relearn(owner);
	case TENURE_REBUILD:
		return rebuild_page(owner);
	case TENURE_REST:
	case TENURE_LEAVE:
		break;
	}
	return true;
}

static void say_stage(const struct index_role *role)
{
	static const char *const why[] = {
		[TENURE_CLAIMING] = "waits for PostgreSQL to claim the shard",
		[TENURE_RESUMING] = "takes up the document frequencies",
		[TENURE_RELEARNING] = "learns the latest texts again",
		[TENURE_REBUILDING] = "rebuilds the index",
		[TENURE_WHOLE] = "",
		[TENURE_SUPERSEDED] = "another process owns the shard",
	};

	service_condition(
		role->owner.service, "index", tenure_is_whole(&role->owner.tenure), why[role->owner.tenure.stage]);
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
	enum tenure_action action = tenure_next(&owner->tenure, now_ms);

	if (!act(owner, action))
		tenure_failed(&owner->tenure, action, now_ms);
	if (tenure_is_whole(&owner->tenure) && role->receiver == NULL && !open_receiver(role))
		log_error("askers_not_reached", KV_TEXT("askers", role->settings->askers));
	if (action == TENURE_LEAVE)
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
		if (role.owner.tenure.stage == TENURE_SUPERSEDED)
			exit_code = ROLE_EXIT_SUPERSEDED;
	}
	if (role.receiver != NULL)
		receiver_close(&role.receiver);
	owner_deinit(&role.owner);
	if (pg != NULL)
		pg_close(&pg);
	return exit_code;
}
