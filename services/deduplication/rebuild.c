#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/owner.h"
#include "services/deduplication/snapshots.h"

enum { SIGNATURES_A_PAGE = 10000, TEXTS_A_PAGE = 2000, PAGE_DEADLINE_MS = 5000 };

static void begin_reading(struct owner *owner, struct id128 after)
{
	owner->cursor = after;
	owner->read = 0;
	owner->began_ms = clock_monotonic_ms();
}

static bool read_page(struct owner *owner, const char *sql, int32_t limit, PGresult **rows)
{
	int64_t deadline_ms = clock_monotonic_ms() + PAGE_DEADLINE_MS;

	if (!pg_ready(owner->pg, deadline_ms))
		return false;
	struct pg_params *params = pg_params(owner->pg);
	pg_uuid(params, &owner->cursor);
	pg_i32(params, limit);
	if (pg_run(owner->pg, sql, rows, deadline_ms) == PG_OK)
		return true;
	log_warn("rebuild_waits", KV_U64("shard", owner->shard), KV_TEXT("why", pg_error(owner->pg)));
	return false;
}

bool rebuild_resume(struct owner *owner)
{
	struct id128 last = {0};

	if (owner_learns(owner) &&
		!snapshots_resume(owner->pg, owner->frequency, &last, clock_monotonic_ms() + PAGE_DEADLINE_MS))
		return false;
	tenure_read(&owner->tenure);
	begin_reading(owner, last);
	return true;
}

/* What was learnt after the newest snapshot went with the process. What was posted was learnt from and has a sketch;
 * what is not decided yet will be asked about again, and learnt from then. */
static const char relearn_sql[] =
	"SELECT s.id, s.description FROM signature g JOIN submission s ON s.id = g.submission_id "
	"WHERE g.submission_id > $1 AND length(g.sketch) > 0 ORDER BY g.submission_id LIMIT $2";

bool rebuild_relearn(struct owner *owner)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	if (!read_page(owner, relearn_sql, TEXTS_A_PAGE, &rows))
		return false;
	int count = PQntuples(rows);
	for (int row = 0; row < count; row++) {
		struct shingle_set *set = signer_shingles_of(owner->signer, pg_get_bytes(rows, row, 1));
		owner->cursor = pg_get_uuid(rows, row, 0);
		if (set != NULL)
			frequency_learn(owner->frequency, set->hash, set->count, &owner->cursor);
		shingle_set_free(&set);
	}
	owner->read += (uint64_t)count;
	if (count == TEXTS_A_PAGE)
		return true;
	log_info("frequencies_relearnt", KV_U64("texts", owner->read),
		KV_U64("documents", frequency_documents(owner->frequency)));
	tenure_read(&owner->tenure);
	begin_reading(owner, (struct id128){0});
	return true;
}

/* Whatever the decision is now: a rival is looked up when it is named, so the index is the same as one that never
 * stopped. Signatures of an older form cannot be compared and are passed over. */
static const char page_sql[] =
	"SELECT submission_id, campaign_id, scope, digest, sketch FROM signature WHERE submission_id > $1 "
	"ORDER BY submission_id LIMIT $2";

static bool restore(struct owner *owner, const PGresult *rows, int row)
{
	struct index_question question = {
		.id = pg_get_uuid(rows, row, 0),
		.campaign = (uint32_t)pg_get_i16(rows, row, 1),
		.scope = (uint32_t)pg_get_i32(rows, row, 2),
	};
	struct bytes digest = pg_get_bytes(rows, row, 3);

	if (digest.size != sizeof(question.digest) || !sketch_read(pg_get_bytes(rows, row, 4), &question.sketch))
		return true;
	__builtin_memcpy(&question.digest, digest.data, sizeof(question.digest));
	return index_restore(owner->index, &question) == INDEX_OK;
}

bool rebuild_page(struct owner *owner)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	if (!read_page(owner, page_sql, SIGNATURES_A_PAGE, &rows))
		return false;
	int count = PQntuples(rows);
	for (int row = 0; row < count; row++) {
		if (!restore(owner, rows, row)) {
			log_error("index_full", KV_U64("shard", owner->shard), KV_U64("texts", owner->read));
			return false;
		}
		owner->cursor = pg_get_uuid(rows, row, 0);
		owner->read++;
	}
	if (count == SIGNATURES_A_PAGE)
		return true;
	log_info("index_whole", KV_U64("shard", owner->shard), KV_U64("texts", owner->read),
		KV_I64("took_ms", clock_monotonic_ms() - owner->began_ms));
	tenure_read(&owner->tenure);
	return true;
}
