#include "services/quota/ledger.h"

#include "common/runtime/backoff.h"
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"
#include "services/quota/effects.h"
#include "services/quota/history.h"
#include "services/quota/ledger_frame.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRANSACTION_MS = 30 * 1000,
	READY_MS = 500, /* so that ledger_stop() is heard in time */
	LOST_LEAST_MS = 1,
	LOST_MOST_MS = 100,
	AWAY_LEAST_MS = 50,
	AWAY_MOST_MS = 2000,
};

/* The tree's lock first of all: a unit that gets another parent has its totals moved between two transactions. */
static const char begin_sql[] =
	"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock_shared(" UNIT_TREE_LOCK ")";
static const char add_outbox_sql[] =
	"INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key) "
	"SELECT k.id, k.campaign_id, k.submission_id, 'verdict', k.channel, 'verdict:' || k.submission_id || ':' || "
	"k.revision FROM unnest($1, $2, $3, $4, $5) AS k(id, campaign_id, submission_id, revision, channel) "
	"ON CONFLICT (event_key) DO NOTHING RETURNING id, campaign_id";

struct ledger *ledger_open(const struct ledger_options *options)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL)
		return NULL;
	ledger->pg = pg_open_by_key(options->conninfo, options->instance);
	if (ledger->pg == NULL)
		ledger_close(&ledger);
	return ledger;
}

void ledger_close(struct ledger **ledger)
{
	if (*ledger != NULL)
		pg_close(&(*ledger)->pg);
	free(*ledger);
	*ledger = NULL;
}

void ledger_stop(struct ledger *ledger)
{
	atomic_store(&ledger->stopping, true);
}

bool ledger_connected(const struct ledger *ledger)
{
	return atomic_load(&ledger->connected);
}

void ledger_probe(struct ledger *ledger)
{
	atomic_store(&ledger->connected, pg_ready(ledger->pg, clock_monotonic_ms() + READY_MS));
}

/* The frame ------------------------------------------------------------------------------------------------------- */

static enum pg_status begin(struct ledger *ledger, int64_t deadline_ms)
{
	bool ready = pg_ready(ledger->pg, clock_monotonic_ms() + READY_MS);

	atomic_store(&ledger->connected, ready);
	return ready ? pg_script(ledger->pg, begin_sql, deadline_ms) : PG_DOWN;
}

/* Nothing to commit where nothing was changed: what was locked or taken for nothing is let go. */
static enum pg_status run_once(struct ledger *ledger, const struct ledger_frame *frame)
{
	struct transaction transaction = {.pg = ledger->pg,
		.arena = frame->arena,
		.reference = frame->reference,
		.now_us = frame->now_us,
		.deadline_ms = clock_monotonic_ms() + TRANSACTION_MS};
	size_t before = frame->result->change_count;
	enum pg_status status = begin(ledger, transaction.deadline_ms);

	if (status == PG_OK)
		status = frame->steps(&transaction, frame->result, frame->context);
	if (status != PG_OK || frame->result->change_count == before) {
		pg_rollback(ledger->pg, transaction.deadline_ms);
		return status;
	}
	failpoint("quota-before-commit");
	status = pg_commit(ledger->pg, transaction.deadline_ms);
	failpoint("quota-after-commit");
	frame->result->transactions += status == PG_OK;
	return status;
}

/* Classes 22 (data), 23 (constraint) and 54 (limit), and our own refusals, are about the values. Whatever else is
 * refused (a missing grant, a server that only reads, a damaged disk) is weather: it would refuse every batch. */
static bool is_about_values(const struct pg *pg)
{
	const char *state = pg_sqlstate(pg);

	return state[0] == '\0' || strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
	       strncmp(state, "54", 2) == 0;
}

static void wait_a_while(const struct ledger *ledger, struct backoff *backoff)
{
	int64_t until = clock_monotonic_ms() + backoff_next_ms(backoff, random_u32());

	for (int64_t left; (left = until - clock_monotonic_ms()) > 0 && !atomic_load(&ledger->stopping);)
		poll(NULL, 0, left < READY_MS ? (int)left : READY_MS);
}

/* What was appended in vain; memory too, unless an earlier transaction's result lives there. */
static void take_back(const struct ledger_frame *frame, const struct ledger_result *before)
{
	uint32_t collisions = frame->result->collisions;

	*frame->result = *before;
	frame->result->collisions = collisions;
	if (before->change_count == 0)
		arena_reset(frame->arena);
}

enum ledger_end ledger_run(struct ledger *ledger, const struct ledger_frame *frame)
{
	struct backoff lost = {.least_ms = LOST_LEAST_MS, .most_ms = LOST_MOST_MS};
	struct backoff away = {.least_ms = AWAY_LEAST_MS, .most_ms = AWAY_MOST_MS};
	const struct ledger_result before = *frame->result;

	while (!atomic_load(&ledger->stopping) && clock_monotonic_ms() < frame->give_up_ms) {
		enum pg_status status = run_once(ledger, frame);

		if (status == PG_OK)
			return LEDGER_COMMITTED;
		take_back(frame, &before);
		switch (status) {
		case PG_RETRY:
			frame->result->collisions++;
			if (lost.attempts == LEDGER_ATTEMPTS_MAX)
				return LEDGER_GAVE_UP;
			wait_a_while(ledger, &lost);
			break;
		case PG_UNKNOWN:
			/* The next run reads on a new connection what has been decided, and goes on from there. */
			log_warn("commit_outcome_unknown", KV_TEXT("why", pg_error(ledger->pg)));
			break;
		case PG_REFUSED:
			if (is_about_values(ledger->pg)) {
				log_warn("values_refused", KV_TEXT("sqlstate", pg_sqlstate(ledger->pg)),
					KV_TEXT("why", pg_error(ledger->pg)));
				return LEDGER_REFUSED;
			}
			/* fallthrough */
		case PG_FULL:
			log_error("transaction_refused", KV_TEXT("sqlstate", pg_sqlstate(ledger->pg)),
				KV_TEXT("why", pg_error(ledger->pg)));
			wait_a_while(ledger, &away);
			break;
		default: /* pg_ready() waits its own backoff */
			break;
		}
	}
	return LEDGER_GAVE_UP;
}

/* Steps ----------------------------------------------------------------------------------------------------------- */

#define PUT_CHANGES(p, type, value) PG_PUT_EACH(p, type, d, &changes[i].decision, count, value)

static void put_new_ids(struct pg_params *p, size_t count)
{
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++) {
		struct id128 id = random_id();
		pg_uuid(p, &id);
	}
	pg_array_end(p);
}

/* Results of several transactions stand one behind the other; `more` NULL: room only. */
static bool append(struct arena *arena, void **array, size_t *count, size_t size, const void *more, size_t more_count)
{
	uint8_t *joined = arena_alloc(arena, (*count + more_count) * size);

	if (joined == NULL)
		return false;
	if (*count > 0)
		memcpy(joined, *array, *count * size);
	if (more != NULL)
		memcpy(joined + *count * size, more, more_count * size);
	*array = joined;
	*count += more_count;
	return true;
}

/* NULL: nobody is told. A copy that only stands behind another text from now on is no news to its submitter. */
static const char *channel_of(const struct transaction *transaction, const struct change *change)
{
	const struct reference_campaign *campaign = reference_by_id(transaction->reference, change->decision.campaign);
	const struct notice_channel *channel =
		campaign == NULL ? NULL : campaign->campaign->notices.by_event[NOTICE_VERDICT];

	return channel == NULL || change->before == change->decision.status ? NULL : channel->name;
}

static enum pg_status add_outbox(
	struct transaction *transaction, const struct change *all, size_t all_count, struct ledger_result *result)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct change *changes;
	struct pg_params *p;
	enum pg_status status;
	size_t added, count = 0;

	for (size_t i = 0; i < all_count; i++)
		count += channel_of(transaction, &all[i]) != NULL;
	if (count == 0)
		return PG_OK;
	changes = arena_alloc(transaction->arena, count * sizeof(*changes));
	if (changes == NULL)
		return PG_REFUSED;
	for (size_t i = 0, at = 0; i < all_count; i++)
		if (channel_of(transaction, &all[i]) != NULL)
			changes[at++] = all[i];
	p = pg_params(transaction->pg);
	put_new_ids(p, count);
	PUT_CHANGES(p, PG_OID_INT2, pg_i16(p, (int16_t)d->campaign));
	PUT_CHANGES(p, PG_OID_UUID, pg_uuid(p, &d->id));
	PUT_CHANGES(p, PG_OID_INT4, pg_i32(p, (int32_t)d->revision));
	PG_PUT_EACH(p, PG_OID_TEXT, c, &changes[i], count, pg_cstr(p, channel_of(transaction, c)));
	status = pg_run(transaction->pg, add_outbox_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	added = (size_t)PQntuples(rows);
	if (!append(transaction->arena, (void **)&result->outbox, &result->outbox_count, sizeof(*result->outbox), NULL,
		    added))
		return PG_REFUSED;
	for (size_t i = 0; i < added; i++)
		result->outbox[result->outbox_count - added + i] = (struct outbox_row){
			.id = pg_get_uuid(rows, (int)i, 0), .campaign = (uint32_t)pg_get_i16(rows, (int)i, 1)};
	return PG_OK;
}

enum pg_status ledger_apply(
	struct transaction *transaction, const struct change *changes, size_t count, struct ledger_result *result)
{
	struct board_news *boards;
	size_t board_count;
	enum pg_status status = history_add(transaction, changes, count);

	if (status == PG_OK)
		status = add_outbox(transaction, changes, count, result);
	if (status == PG_OK)
		status = effects_apply(transaction, changes, count, &boards, &board_count);
	if (status != PG_OK)
		return status;
	if (!append(transaction->arena, (void **)&result->changes, &result->change_count, sizeof(*changes), changes,
		    count) ||
		!append(transaction->arena, (void **)&result->boards, &result->board_count, sizeof(*boards), boards,
			board_count))
		return PG_REFUSED;
	for (size_t i = result->change_count - count; i < result->change_count; i++)
		result->changes[i].decision.decided_at = transaction->now_us;
	return PG_OK;
}
