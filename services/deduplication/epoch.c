#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/owner.h"

enum { CLAIM_DEADLINE_MS = 5000, CHECK_DEADLINE_MS = 500 };

/* The parameter of every statement here that names the shard. NULL: PostgreSQL is away. */
static struct pg_params *begin(struct owner *owner, int64_t deadline_ms)
{
	if (!pg_ready(owner->pg, deadline_ms))
		return NULL;
	struct pg_params *params = pg_params(owner->pg);
	pg_i32(params, (int32_t)owner->shard);
	return params;
}

static void show_epoch(const struct owner *owner)
{
	metric_set(owner->metrics.epoch, (int64_t)owner->tenure.epoch);
}

static void say_superseded(const struct owner *owner, uint64_t newer)
{
	log_error("shard_superseded", KV_U64("shard", owner->shard), KV_U64("epoch", owner->tenure.epoch),
		KV_U64("newer", newer));
}

static const char claim_sql[] =
	"INSERT INTO index_shard AS s (shard, epoch, owner) VALUES ($1, 1, $2) "
	"ON CONFLICT (shard) DO UPDATE SET epoch = s.epoch + 1, owner = excluded.owner RETURNING epoch";

bool epoch_claim(struct owner *owner)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t deadline_ms = clock_monotonic_ms() + CLAIM_DEADLINE_MS;

	struct pg_params *params = begin(owner, deadline_ms);
	if (params == NULL)
		return false;
	pg_cstr(params, service_instance(owner->service));
	/* Where the outcome is unknown the epoch is raised once more: it only has to grow. */
	if (pg_run(owner->pg, claim_sql, &rows, deadline_ms) != PG_OK) {
		log_warn("shard_not_claimed", KV_U64("shard", owner->shard), KV_TEXT("why", pg_error(owner->pg)));
		return false;
	}
	tenure_claimed(&owner->tenure, (uint64_t)pg_get_i64(rows, 0, 0), clock_monotonic_ms());
	show_epoch(owner);
	log_info("shard_claimed", KV_U64("shard", owner->shard), KV_U64("epoch", owner->tenure.epoch));
	return true;
}

static const char raise_sql[] =
	"UPDATE index_shard SET epoch = epoch + 1 WHERE shard = $1 AND epoch = $2 RETURNING epoch";

bool epoch_raise(struct owner *owner)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t deadline_ms = clock_monotonic_ms() + CLAIM_DEADLINE_MS;

	struct pg_params *params = begin(owner, deadline_ms);
	if (params == NULL)
		return false;
	pg_i64(params, (int64_t)owner->tenure.epoch);
	/* Where the outcome is unknown it may have been raised: then the next attempt finds that it is not ours. */
	if (pg_run(owner->pg, raise_sql, &rows, deadline_ms) != PG_OK)
		return false;
	if (!tenure_raised(&owner->tenure, PQntuples(rows) == 1 ? (uint64_t)pg_get_i64(rows, 0, 0) : 0)) {
		say_superseded(owner, 0);
		return false;
	}
	show_epoch(owner);
	log_info("texts_overtook", KV_U64("shard", owner->shard), KV_U64("epoch", owner->tenure.epoch));
	return true;
}

bool epoch_check(struct owner *owner)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t now_ms = clock_monotonic_ms();

	if (begin(owner, now_ms + CHECK_DEADLINE_MS) == NULL)
		return false;
	if (pg_run(owner->pg, "SELECT epoch FROM index_shard WHERE shard = $1", &rows, now_ms + CHECK_DEADLINE_MS) !=
		PG_OK)
		return false;
	uint64_t epoch = PQntuples(rows) == 1 ? (uint64_t)pg_get_i64(rows, 0, 0) : 0;
	if (!tenure_told(&owner->tenure, epoch, now_ms))
		say_superseded(owner, epoch);
	return true;
}
