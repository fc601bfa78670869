#include "services/quota/board_keeper.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mailbox.h"
#include "services/quota/board_rebuild.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { WATCHED_MAX = 1024, DEADLINE_MS = 5000 };

/* One campaign's board as it was when it last moved. */
struct watched {
	uint32_t campaign;
	int64_t applied;
	int64_t since_ms;
	int64_t current_ms; /* when it was last at PostgreSQL's version */
};

struct board_keeper {
	struct board_keeper_options options;
	struct pg *pg;
	struct watched watched[WATCHED_MAX];
	size_t watched_count;
	struct metric *behind, *age, *rebuilds;
	struct mailbox *wake; /* never has a letter: closed, it ends the wait between two looks */
	atomic_bool closing;
	pthread_t thread;
};

/* NULL: more campaigns than are watched. */
static struct watched *watch(struct board_keeper *keeper, uint32_t campaign)
{
	for (size_t i = 0; i < keeper->watched_count; i++)
		if (keeper->watched[i].campaign == campaign)
			return &keeper->watched[i];
	if (keeper->watched_count == WATCHED_MAX)
		return NULL;
	keeper->watched[keeper->watched_count] =
		(struct watched){.campaign = campaign, .applied = -1, .current_ms = clock_monotonic_ms()};
	return &keeper->watched[keeper->watched_count++];
}

static void rebuild(struct board_keeper *keeper, const struct reference_campaign *campaign, const char *why)
{
	int64_t began_ms = clock_monotonic_ms(), version;

	if (!board_rebuild(keeper->options.store, keeper->pg, campaign, &version))
		return;
	metric_add(keeper->rebuilds, 1);
	log_info("board_rebuilt", KV_TEXT("campaign", campaign->campaign->code), KV_TEXT("why", why),
		KV_I64("version", version), KV_I64("took_ms", clock_monotonic_ms() - began_ms));
}

/* A gap closes by itself when its transaction's news arrive; as long as `applied` moves there is nothing to mend. */
static bool stands_still(struct watched *watched, int64_t applied, int64_t version)
{
	int64_t now = clock_monotonic_ms();

	if (applied == version || applied != watched->applied) {
		watched->applied = applied;
		watched->since_ms = now;
	}
	return now - watched->since_ms > BOARD_GAP_MS;
}

/* Of the board that has not been current for longest. */
static int64_t oldest_age_ms(const struct board_keeper *keeper)
{
	int64_t now_ms = clock_monotonic_ms(), oldest_ms = 0;

	for (size_t i = 0; i < keeper->watched_count; i++)
		if (now_ms - keeper->watched[i].current_ms > oldest_ms)
			oldest_ms = now_ms - keeper->watched[i].current_ms;
	return oldest_ms;
}

/* `state` was read before `version`, which only grows: a board ahead of it is no board of this database. Gives how far
 * the board is behind. */
static int64_t judge(struct board_keeper *keeper, const struct reference_campaign *campaign,
	const struct board_state *state, int64_t version)
{
	struct watched *watched = watch(keeper, campaign->id);

	if (watched != NULL && state->exists && state->applied == version)
		watched->current_ms = clock_monotonic_ms();
	if (!state->exists) {
		rebuild(keeper, campaign, "there was none");
	} else if (state->applied > version) {
		log_error("board_of_another_history", KV_TEXT("campaign", campaign->campaign->code),
			KV_I64("applied", state->applied), KV_I64("version", version));
		if (board_store_drop(keeper->options.store, campaign->id))
			rebuild(keeper, campaign, "it was ahead of PostgreSQL");
	} else if (watched != NULL && stands_still(watched, state->applied, version)) {
		rebuild(keeper, campaign, "it stood still behind PostgreSQL");
		watched->applied = -1;
	} else if (state->tree < campaign->tree_version) {
		rebuild(keeper, campaign, "units moved");
	} else if (state->building) {
		board_store_sweep(keeper->options.store, campaign->id);
	}
	return version - state->applied;
}

static bool read_versions(struct board_keeper *keeper, PGresult **versions)
{
	int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;

	if (!pg_ready(keeper->pg, clock_monotonic_ms() + BOARD_LOOK_EVERY_MS))
		return false;
	pg_params(keeper->pg);
	return pg_run(keeper->pg, "SELECT campaign_id, version FROM board", versions, deadline_ms) == PG_OK;
}

static int64_t version_of(const PGresult *versions, uint32_t campaign)
{
	for (int row = 0; row < PQntuples(versions); row++)
		if ((uint32_t)pg_get_i16(versions, row, 0) == campaign)
			return pg_get_i64(versions, row, 1);
	return 0;
}

static bool read_states(struct board_keeper *keeper, const struct reference *reference, struct board_state *states)
{
	for (size_t i = 0; i < reference->campaign_count; i++)
		if (!board_store_state(keeper->options.store, reference->campaigns[i].id, &states[i]))
			return false;
	return true;
}

static void look(struct board_keeper *keeper, const struct reference *reference)
{
	CLEANUP(pg_result_clear) PGresult *versions = NULL;
	struct board_state *states = calloc(reference->campaign_count + 1, sizeof(*states));
	int64_t behind = 0;
	bool there = board_store_ready(keeper->options.store);

	there = there && states != NULL && read_states(keeper, reference, states);
	service_condition(keeper->options.service, "redis", there, there ? "" : "Redis is away; boards wait for it");
	if (there && read_versions(keeper, &versions)) {
		for (size_t i = 0; i < reference->campaign_count && !atomic_load(&keeper->closing); i++)
			behind += judge(keeper, &reference->campaigns[i], &states[i],
				version_of(versions, reference->campaigns[i].id));
		metric_set(keeper->behind, behind);
	}
	metric_set(keeper->age, oldest_age_ms(keeper) / 1000);
	free(states);
}

static void *run(void *context)
{
	struct board_keeper *keeper = context;
	void *letter;

	while (!atomic_load(&keeper->closing)) {
		const struct reference *reference = reference_acquire(keeper->options.reference);

		if (reference != NULL) {
			look(keeper, reference);
			reference_release(keeper->options.reference, &reference);
		}
		mailbox_wait(keeper->wake, &letter, 1, BOARD_LOOK_EVERY_MS);
	}
	return NULL;
}

struct board_keeper *board_keeper_open(const struct board_keeper_options *options)
{
	struct board_keeper *keeper = calloc(1, sizeof(*keeper));
	struct metrics *metrics = service_metrics(options->service);

	if (keeper == NULL)
		return NULL;
	keeper->options = *options;
	keeper->behind = metrics_gauge(
		metrics, "sangkien_quota_board_behind_versions", NULL, "Transactions the boards in Redis are behind");
	keeper->age = metrics_gauge(metrics, "sangkien_quota_board_age_seconds", NULL,
		"Since the board that is furthest behind was last seen at PostgreSQL's version");
	keeper->rebuilds =
		metrics_counter(metrics, "sangkien_quota_board_rebuilds_total", NULL, "Boards rebuilt in Redis");
	keeper->pg = pg_open(options->conninfo, service_instance(options->service));
	keeper->wake = mailbox_new(1);
	if (keeper->pg == NULL || keeper->wake == NULL || pthread_create(&keeper->thread, NULL, run, keeper) != 0) {
		pg_close(&keeper->pg);
		mailbox_free(&keeper->wake);
		free(keeper);
		return NULL;
	}
	return keeper;
}

void board_keeper_close(struct board_keeper **handle)
{
	struct board_keeper *keeper = *handle;

	*handle = NULL;
	if (keeper == NULL)
		return;
	atomic_store(&keeper->closing, true);
	mailbox_close(keeper->wake);
	pthread_join(keeper->thread, NULL);
	mailbox_free(&keeper->wake);
	pg_close(&keeper->pg);
	board_store_close(&keeper->options.store);
	free(keeper);
}
