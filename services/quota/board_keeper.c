#include "services/quota/board_keeper.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mailbox.h"
#include "services/quota/board_rebuild.h"
#include "services/quota/board_versions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { DEADLINE_MS = 5000 };

struct board_keeper {
	struct board_keeper_options options;
	struct pg *pg;
	struct board_versions versions;
	struct metric *behind, *age, *rebuilds;
	struct mailbox *wake; /* never has a letter: closed, it ends the wait between two looks */
	atomic_bool closing;
	pthread_t thread;
};

static void rebuild(struct board_keeper *keeper, const struct reference_campaign *campaign, const char *why)
{
	int64_t began_ms = clock_monotonic_ms(), version;

	if (!board_rebuild(keeper->options.store, keeper->pg, campaign, &version))
		return;
	metric_add(keeper->rebuilds, 1);
	log_info("board_rebuilt", KV_TEXT("campaign", campaign->campaign->code), KV_TEXT("why", why),
		KV_I64("version", version), KV_I64("took_ms", clock_monotonic_ms() - began_ms));
}

static void replace(struct board_keeper *keeper, const struct reference_campaign *campaign,
	const struct board_state *state, int64_t version)
{
	log_error("board_of_another_history", KV_TEXT("campaign", campaign->campaign->code),
		KV_I64("applied", state->applied), KV_I64("version", version));
	if (board_store_drop(keeper->options.store, campaign->id))
		rebuild(keeper, campaign, "it was ahead of PostgreSQL");
}

static void care_for(struct board_keeper *keeper, const struct reference_campaign *campaign,
	const struct board_state *state, int64_t version)
{
	const struct board_newest newest = {.version = version, .tree = campaign->tree_version};

	switch (board_versions_look(&keeper->versions, campaign->id, state, &newest, clock_monotonic_ms())) {
	case BOARD_LEAVE:
		return;
	case BOARD_MAKE:
		rebuild(keeper, campaign, "there was none");
		return;
	case BOARD_REPLACE:
		replace(keeper, campaign, state, version);
		return;
	case BOARD_CLOSE_GAP:
		rebuild(keeper, campaign, "it stood still behind PostgreSQL");
		return;
	case BOARD_REPLANT:
		rebuild(keeper, campaign, "units moved");
		return;
	case BOARD_TIDY:
		board_store_sweep(keeper->options.store, campaign->id);
		return;
	}
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

/* What Redis has was read before PostgreSQL's versions. Gives how far all boards together are behind. */
static int64_t care_for_all(struct board_keeper *keeper, const struct reference *reference,
	const struct board_state *states, const PGresult *versions)
{
	int64_t behind = 0;

	for (size_t i = 0; i < reference->campaign_count && !atomic_load(&keeper->closing); i++) {
		int64_t version = version_of(versions, reference->campaigns[i].id);

		care_for(keeper, &reference->campaigns[i], &states[i], version);
		behind += version - states[i].applied;
	}
	return behind;
}

static void look(struct board_keeper *keeper, const struct reference *reference)
{
	CLEANUP(pg_result_clear) PGresult *versions = NULL;
	struct board_state *states = calloc(reference->campaign_count + 1, sizeof(*states));
	bool there = board_store_ready(keeper->options.store);

	there = there && states != NULL && read_states(keeper, reference, states);
	service_condition(keeper->options.service, "redis", there, there ? "" : "Redis is away; boards wait for it");
	if (there && read_versions(keeper, &versions))
		metric_set(keeper->behind, care_for_all(keeper, reference, states, versions));
	metric_set(keeper->age, board_versions_age_ms(&keeper->versions, clock_monotonic_ms()) / 1000);
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
