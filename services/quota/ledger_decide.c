/* From verdicts to first decisions. */
#include "common/runtime/clock.h"
#include "services/quota/candidates.h"
#include "services/quota/claims.h"
#include "services/quota/fence.h"
#include "services/quota/history.h"
#include "services/quota/ledger_frame.h"

#include <stdlib.h>

static const char fence_sql[] = "SELECT shard, epoch FROM index_shard WHERE shard = ANY ($1) ORDER BY shard FOR SHARE";

/* The part of a batch that one transaction takes. */
struct part {
	struct verdict *verdicts;
	size_t count;
};

/* A verdict that came before, or whose commit's outcome was not known, finds its decision here. */
static enum pg_status recall_decided(struct transaction *transaction, struct part *part)
{
	struct id128 *ids = arena_alloc(transaction->arena, part->count * sizeof(*ids));
	struct decision *found;
	size_t found_count, next = 0;
	enum pg_status status;

	if (ids == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < part->count; i++)
		ids[i] = part->verdicts[i].id;
	status = history_read(transaction, ids, part->count, &found, &found_count);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < part->count && next < found_count; i++) {
		struct verdict *verdict = &part->verdicts[i];

		if (!id128_equal(&verdict->id, &found[next].id))
			continue;
		verdict->decision = found[next++];
		verdict->fate = FATE_DECIDED;
	}
	assert(next == found_count);
	return PG_OK;
}

/* The rows of these shards as they are now, and stay until the commit. NULL: the arena is full. */
static struct shard_epoch *take_epochs(const PGresult *rows, struct arena *arena)
{
	size_t count = (size_t)PQntuples(rows);
	struct shard_epoch *locked = arena_alloc(arena, count * sizeof(*locked));

	for (int row = 0; locked != NULL && row < PQntuples(rows); row++)
		locked[row] =
			(struct shard_epoch){(uint32_t)pg_get_i32(rows, row, 0), (uint64_t)pg_get_i64(rows, row, 1)};
	return locked;
}

static enum pg_status lock_epochs(
	struct transaction *transaction, const uint32_t *shards, size_t count, PGresult **rows)
{
	struct pg_params *p = pg_params(transaction->pg);

	pg_array_begin(p, PG_OID_INT4);
	for (size_t i = 0; i < count; i++)
		pg_i32(p, (int32_t)shards[i]);
	pg_array_end(p);
	return pg_run(transaction->pg, fence_sql, rows, transaction->deadline_ms);
}

static enum pg_status fence(struct transaction *transaction, struct part *part)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct shard_epoch *locked;
	size_t count;
	uint32_t *shards = fence_shards(part->verdicts, part->count, transaction->arena, &count);
	enum pg_status status;

	if (shards == NULL)
		return PG_REFUSED;
	if (count == 0)
		return PG_OK;
	status = lock_epochs(transaction, shards, count, &rows);
	if (status != PG_OK)
		return status;
	locked = take_epochs(rows, transaction->arena);
	if (locked == NULL)
		return PG_REFUSED;
	fence_judge(part->verdicts, part->count, locked, (size_t)PQntuples(rows));
	return PG_OK;
}

static const struct decision *find_decision(const struct decision *decisions, size_t count, const struct id128 *id)
{
	return id128_find(id, decisions, count, sizeof(*decisions));
}

/* Heads of named texts and holders that give way, in one order. */
static struct id128 *gather_locks(const struct docket *docket, struct arena *arena, size_t *count, bool *change)
{
	struct id128 *ids = arena_alloc(arena, (docket->named_count + docket->copies_count) * sizeof(*ids));
	size_t all = 0;

	*count = 0;
	*change = false;
	if (ids == NULL)
		return NULL;
	for (size_t i = 0; i < docket->named_count; i++)
		ids[all++] = docket->named[i].head;
	for (size_t i = 0; i < docket->copies_count; i++) {
		if (!copies_challenge(docket, &docket->copies[i]))
			continue;
		ids[all++] = docket->copies[i].holder;
		*change = true;
	}
	qsort(ids, all, sizeof(*ids), id128_compare_rows);
	for (size_t i = 0; i < all; i++)
		if (*count == 0 || !id128_equal(&ids[*count - 1], &ids[i]))
			ids[(*count)++] = ids[i];
	return ids;
}

/* All that the rulings depend on outside of the batch, locked until the commit: a text that was named must still stand
 * then, and a holder that gives way must be as it was read. */
static enum pg_status look_around(struct transaction *transaction, struct docket *docket)
{
	struct named_text *named;
	struct decision *locked;
	size_t count, locked_count;
	bool change;
	struct id128 *ids = copies_named(docket, transaction->arena, &count);
	enum pg_status status;

	if (ids == NULL)
		return PG_REFUSED;
	status = history_heads(transaction, ids, count, &named, &docket->named_count);
	if (status != PG_OK)
		return status;
	docket->named = named;
	ids = gather_locks(docket, transaction->arena, &count, &change);
	if (ids == NULL)
		return PG_REFUSED;
	/* With one kind of lock for all of them the order holds. */
	status = history_lock(transaction, ids, count, change, &locked, &locked_count);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < docket->named_count; i++) {
		const struct decision *head = find_decision(locked, locked_count, &named[i].head);
		named[i].stands = head != NULL && status_stands(head->status);
	}
	for (size_t i = 0; i < docket->copies_count; i++) {
		const struct decision *holder = find_decision(locked, locked_count, &docket->copies[i].holder);

		if (!copies_challenge(docket, &docket->copies[i]))
			continue;
		if (holder == NULL)
			return PG_RETRY;
		docket->copies[i].holder_decision = *holder;
	}
	return PG_OK;
}

/* First decisions, and what displaced holders become; sorted by id. */
static struct change *gather_changes(const struct docket *docket, struct arena *arena, size_t *count)
{
	struct change *changes = arena_alloc(arena, (docket->count + docket->copies_count) * sizeof(*changes));

	*count = 0;
	if (changes == NULL)
		return NULL;
	for (size_t i = 0; i < docket->count; i++)
		if (copies_ruled(docket, i) && docket->verdicts[i].fate == FATE_DECIDED)
			changes[(*count)++] =
				(struct change){.decision = docket->verdicts[i].decision, .before = STATUS_RECEIVED};
	for (size_t i = 0; i < docket->copies_count; i++)
		if (copies_displace(docket, &docket->copies[i]))
			changes[(*count)++] = copies_displaced(docket, &docket->copies[i]);
	qsort(changes, *count, sizeof(*changes), id128_compare_rows);
	return changes;
}

static void reopen(struct part *part)
{
	for (size_t i = 0; i < part->count; i++) {
		part->verdicts[i].fate = FATE_OPEN;
		part->verdicts[i].is_fenced = false;
		part->verdicts[i].is_plain_copy = false;
	}
}

static enum pg_status decide(struct transaction *transaction, struct ledger_result *result, void *context)
{
	struct part *part = context;
	struct docket docket = {.verdicts = part->verdicts, .count = part->count};
	struct change *changes;
	size_t count;
	enum pg_status status;

	reopen(part);
	status = recall_decided(transaction, part);
	if (status == PG_OK)
		status = fence(transaction, part);
	if (status != PG_OK)
		return status;
	if (!copies_gather(&docket, transaction->arena))
		return PG_REFUSED;
	status = claims_take(transaction, &docket);
	if (status == PG_OK)
		status = look_around(transaction, &docket);
	if (status != PG_OK)
		return status;
	copies_rule(&docket);
	changes = gather_changes(&docket, transaction->arena, &count);
	if (changes == NULL)
		return PG_REFUSED;
	if (count == 0)
		return PG_OK;
	status = claims_settle(transaction, &docket);
	if (status == PG_OK)
		status = claims_sign(transaction, &docket);
	if (status == PG_OK)
		status = candidates_add(transaction, part->verdicts, part->count);
	return status == PG_OK ? ledger_apply(transaction, changes, count, result) : status;
}

static void set_fates(struct part *part, enum verdict_fate fate)
{
	for (size_t i = 0; i < part->count; i++)
		part->verdicts[i].fate = fate;
}

static void stamp(struct part *part, int64_t now_us)
{
	for (size_t i = 0; i < part->count; i++)
		if (part->verdicts[i].fate == FATE_DECIDED && part->verdicts[i].decision.decided_at == 0)
			part->verdicts[i].decision.decided_at = now_us;
}

void ledger_decide(struct ledger *ledger, const struct reference *reference, struct verdict *verdicts, size_t count,
	struct arena *arena, struct ledger_result *result)
{
	struct part part = {.verdicts = verdicts, .count = count};
	const struct ledger_frame frame = {.reference = reference,
		.arena = arena,
		.result = result,
		.now_us = clock_now_us(),
		.give_up_ms = INT64_MAX,
		.steps = decide,
		.context = &part};

	switch (ledger_run(ledger, &frame)) {
	case LEDGER_COMMITTED:
		stamp(&part, frame.now_us);
		return;
	case LEDGER_GAVE_UP:
		set_fates(&part, FATE_ANOTHER_TIME);
		return;
	case LEDGER_REFUSED:
		break;
	}
	/* Poison is found by halves; the others are decided. */
	if (count == 1) {
		set_fates(&part, FATE_REFUSED);
		return;
	}
	ledger_decide(ledger, reference, verdicts, count / 2, arena, result);
	ledger_decide(ledger, reference, verdicts + count / 2, count - count / 2, arena, result);
}
