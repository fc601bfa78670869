#include "services/intake/ledger.h"

#include "common/runtime/failpoint.h"
#include "common/runtime/random.h"
#include "services/intake/find_decisions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 24, SCRIPT_SIZE = 96 };

struct ledger {
	struct pg *pg;
	int64_t lock; /* held by every transaction: who has it next knows that the one before has ended */
	struct arrival **sorted;
	size_t sorted_capacity;
};

static int64_t new_lock(void)
{
	int64_t lock;
	random_fill(&lock, sizeof(lock));
	return lock;
}

struct ledger *ledger_open(const char *conninfo, const char *name)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	if (ledger == NULL)
		return NULL;
	ledger->pg = pg_open_by_key(conninfo, name);
	ledger->lock = new_lock();
	if (ledger->pg == NULL)
		ledger_close(&ledger);
	return ledger;
}

void ledger_close(struct ledger **ledger)
{
	if (*ledger == NULL)
		return;
	pg_close(&(*ledger)->pg);
	free((*ledger)->sorted);
	free(*ledger);
	*ledger = NULL;
}

bool ledger_ready(struct ledger *ledger, int64_t deadline_ms)
{
	return pg_ready(ledger->pg, deadline_ms);
}

const char *ledger_error(const struct ledger *ledger)
{
	return pg_error(ledger->pg);
}

bool ledger_blames_row(const struct ledger *ledger)
{
	const char *sqlstate = pg_sqlstate(ledger->pg);
	return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0;
}

/* Keys ----------------------------------------------------------------------------------------------------------- */

static void campaign_array(struct pg_params *p, struct arrival *const *arrivals, size_t count)
{
	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < count; i++)
		pg_i16(p, (int16_t)arrivals[i]->submission.campaign);
	pg_array_end(p);
}

static void key_array(struct pg_params *p, struct arrival *const *arrivals, size_t count)
{
	pg_array_begin(p, PG_OID_TEXT);
	for (size_t i = 0; i < count; i++)
		pg_text(p, arrivals[i]->key);
	pg_array_end(p);
}

/* The same fields get the original's receipt, whatever has changed since; others are told that the key is used. */
static void answer_repeat(struct arrival *arrival, const PGresult *rows, int row)
{
	struct bytes digest = pg_get_bytes(rows, row, 1);
	struct id128 id = pg_get_uuid(rows, row, 2);
	bool same = arrival->has_digest && digest.size == FIELDS_DIGEST_SIZE &&
		    memcmp(digest.data, arrival->digest, FIELDS_DIGEST_SIZE) == 0;
	if (same)
		arrival_receipt(arrival, RESULT_REPLAYED, &id, pg_get_instant(rows, row, 3));
	else
		arrival_refuse(arrival, PROBLEM_KEY_USED);
}

/* A wait for synchronous replication that was cut short leaves a row that is visible here and perhaps nowhere else.
 * This transaction writes too where there is a standby to wait for, so its own COMMIT waits for everything before it.
 */
static enum pg_status wait_for_replication(struct ledger *ledger, int64_t deadline_ms)
{
	pg_params(ledger->pg);
	enum pg_status status = pg_run(ledger->pg,
		"SELECT pg_logical_emit_message(true, 'sangkien', '') "
		"WHERE current_setting('synchronous_standby_names') <> ''",
		NULL, deadline_ms);
	return status == PG_OK ? pg_commit(ledger->pg, deadline_ms) : status;
}

/* What was found is as durable as a receipt must be (law 1). */
static enum pg_status settle_found(struct ledger *ledger, int64_t deadline_ms)
{
	enum pg_status status = pg_begin(ledger->pg, deadline_ms);
	if (status == PG_OK)
		status = wait_for_replication(ledger, deadline_ms);
	if (status != PG_OK)
		pg_rollback(ledger->pg, deadline_ms);
	return status;
}

enum pg_status ledger_find_keys(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(ledger->pg);
	campaign_array(p, arrivals, count);
	key_array(p, arrivals, count);
	enum pg_status status = pg_run(ledger->pg,
		"SELECT w.n, i.fields_digest, i.submission_id, i.received_at "
		"FROM unnest($1::smallint[], $2::text[]) WITH ORDINALITY AS w (campaign_id, key, n) "
		"JOIN idempotency_key i ON i.campaign_id = w.campaign_id AND i.key = w.key",
		&rows, deadline_ms);
	if (status == PG_OK && PQntuples(rows) > 0)
		status = settle_found(ledger, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++) {
		size_t at = (size_t)pg_get_i64(rows, row, 0) - 1;
		assert(at < count);
		answer_repeat(arrivals[at], rows, row);
	}
	return status;
}

static int compare_keys(const void *left, const void *right)
{
	const struct arrival *a = *(struct arrival *const *)left, *b = *(struct arrival *const *)right;
	if (a->submission.campaign != b->submission.campaign)
		return a->submission.campaign < b->submission.campaign ? -1 : 1;
	size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
	int order = memcmp(a->key.data, b->key.data, size);
	if (order != 0)
		return order;
	return a->key.size < b->key.size ? -1 : a->key.size > b->key.size;
}

/* Those with a key, in the order of keys. */
static size_t sort_keyed(struct ledger *ledger, struct arrival *const *arrivals, size_t count)
{
	size_t keyed = 0;
	if (count > ledger->sorted_capacity) {
		struct arrival **grown = realloc(ledger->sorted, count * sizeof(struct arrival *));
		assert(grown != NULL);
		ledger->sorted = grown;
		ledger->sorted_capacity = count;
	}
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->key.size > 0)
			ledger->sorted[keyed++] = arrivals[i];
	}
	if (keyed > 0)
		qsort(ledger->sorted, keyed, sizeof(struct arrival *), compare_keys);
	return keyed;
}

static void add_key_columns(struct pg_params *p, struct arrival *const *sorted, size_t count)
{
	campaign_array(p, sorted, count);
	key_array(p, sorted, count);
	pg_array_begin(p, PG_OID_BYTEA);
	for (size_t i = 0; i < count; i++)
		pg_bytea(p, (struct bytes){sorted[i]->digest, FIELDS_DIGEST_SIZE});
	pg_array_end(p);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &sorted[i]->submission.id);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_TIMESTAMPTZ);
	for (size_t i = 0; i < count; i++)
		pg_instant(p, sorted[i]->submission.received_at);
	pg_array_end(p);
}

/* The keys that are new come back in the order they went in. */
static enum pg_status insert_keys(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, bool *won, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	size_t keyed = sort_keyed(ledger, arrivals, count), next = 0;
	for (size_t i = 0; i < count; i++)
		won[i] = arrivals[i]->key.size == 0;
	if (keyed == 0)
		return PG_OK;
	add_key_columns(pg_params(ledger->pg), ledger->sorted, keyed);
	enum pg_status status = pg_run(ledger->pg,
		"INSERT INTO idempotency_key (campaign_id, key, fields_digest, submission_id, received_at) "
		"SELECT w.campaign_id, w.key, w.fields_digest, w.submission_id, w.received_at "
		"FROM unnest($1::smallint[], $2::text[], $3::bytea[], $4::uuid[], $5::timestamptz[]) "
		"WITH ORDINALITY AS w (campaign_id, key, fields_digest, submission_id, received_at, n) ORDER BY w.n "
		"ON CONFLICT DO NOTHING RETURNING submission_id",
		&rows, deadline_ms);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < keyed; i++)
		ledger->sorted[i]->key_won = false;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct id128 id = pg_get_uuid(rows, row, 0);
		while (next < keyed && !id128_equal(&ledger->sorted[next]->submission.id, &id))
			next++;
		assert(next < keyed);
		ledger->sorted[next++]->key_won = true;
	}
	for (size_t i = 0; i < count; i++)
		won[i] |= arrivals[i]->key.size > 0 && arrivals[i]->key_won;
	return PG_OK;
}

/* Rows ----------------------------------------------------------------------------------------------------------- */

static void add_text(struct pg_params *p, struct bytes text)
{
	if (text.size > 0)
		pg_text(p, text);
	else
		pg_null(p, PG_OID_TEXT);
}

static void add_day(struct pg_params *p, bool given, int32_t day)
{
	if (given)
		pg_day(p, day);
	else
		pg_null(p, PG_OID_DATE);
}

static void add_row(struct pg *pg, const struct arrival *arrival)
{
	const struct submission *submission = &arrival->submission;
	const struct submission_fields *fields = &submission->fields;
	struct pg_params *p = pg_copy_row(pg, COLUMNS);
	pg_uuid(p, &submission->id);
	pg_i16(p, (int16_t)submission->campaign);
	pg_i32(p, (int32_t)submission->unit);
	pg_instant(p, submission->received_at);
	pg_bytea(p, (struct bytes){submission->person, PERSON_SIZE});
	pg_bytea(p, arrival->sealed);
	pg_i16(p, (int16_t)fields->block);
	add_text(p, fields->category);
	add_text(p, fields->kind);
	add_text(p, fields->title);
	pg_text(p, fields->description);
	add_day(p, fields->has_applied_on, fields->applied_on);
	add_day(p, fields->has_recognized_on, fields->recognized_on);
	add_text(p, fields->recognized_by);
	if (fields->has_benefit_vnd)
		pg_i64(p, fields->benefit_vnd);
	else
		pg_null(p, PG_OID_INT8);
	add_text(p, fields->benefit_social);
	add_text(p, fields->evidence_url);
	pg_bool(p, fields->ip_protected);
	pg_i16(p, (int16_t)fields->authors);
	pg_bool(p, fields->lead_author);
	add_day(p, fields->has_accepted_on, fields->accepted_on);
	pg_bool(p, submission->has_national_id);
	pg_uuid(p, arrival->has_entered_by ? &arrival->entered_by : NULL);
	pg_cstr(p, arrival->trace_parent);
}

static enum pg_status copy_rows(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, const bool *won, int64_t deadline_ms)
{
	enum pg_status status = pg_copy_begin(ledger->pg,
		"COPY submission (id, campaign_id, unit_id, received_at, person, sealed, block, category, kind, title, "
		"description, applied_on, recognized_on, recognized_by, benefit_vnd, benefit_social, evidence_url, "
		"ip_protected, authors, lead_author, accepted_on, has_national_id, entered_by, trace_parent) "
		"FROM STDIN (FORMAT binary)",
		deadline_ms);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (won[i])
			add_row(ledger->pg, arrivals[i]);
	}
	return pg_copy_end(ledger->pg, deadline_ms);
}

/* The receipts that their campaign tells of, in the transaction that makes them true; notification finds them. */
static enum pg_status add_notices(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, const bool *won, int64_t deadline_ms)
{
	struct pg_params *p = pg_params(ledger->pg);
	size_t told = 0;
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++) {
		if (won[i] && arrivals[i]->receipt_channel.size > 0) {
			struct id128 id = random_id();
			pg_uuid(p, &id);
			told++;
		}
	}
	pg_array_end(p);
	if (told == 0)
		return PG_OK;
	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < count; i++) {
		if (won[i] && arrivals[i]->receipt_channel.size > 0)
			pg_i16(p, (int16_t)arrivals[i]->submission.campaign);
	}
	pg_array_end(p);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++) {
		if (won[i] && arrivals[i]->receipt_channel.size > 0)
			pg_uuid(p, &arrivals[i]->submission.id);
	}
	pg_array_end(p);
	pg_array_begin(p, PG_OID_TEXT);
	for (size_t i = 0; i < count; i++) {
		if (won[i] && arrivals[i]->receipt_channel.size > 0)
			pg_text(p, arrivals[i]->receipt_channel);
	}
	pg_array_end(p);
	return pg_run(ledger->pg,
		"INSERT INTO outbox (id, campaign_id, submission_id, event, channel, event_key) "
		"SELECT w.id, w.campaign_id, w.submission_id, 'receipt', w.channel, 'receipt:' || w.submission_id "
		"FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[]) AS w (id, campaign_id, submission_id, "
		"channel) "
		"ON CONFLICT DO NOTHING",
		NULL, deadline_ms);
}

/* The lock comes in the same round trip as BEGIN. */
static enum pg_status begin_locked(struct ledger *ledger, int64_t deadline_ms)
{
	char script[SCRIPT_SIZE];
	snprintf(script, sizeof(script), "BEGIN; SELECT pg_advisory_xact_lock(%" PRId64 ")", ledger->lock);
	return pg_script(ledger->pg, script, deadline_ms);
}

static bool any(const bool *flags, size_t count)
{
	return memchr(flags, true, count) != NULL;
}

enum pg_status ledger_commit(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, bool *won, int64_t deadline_ms)
{
	enum pg_status status = begin_locked(ledger, deadline_ms);
	if (status == PG_OK)
		status = insert_keys(ledger, arrivals, count, won, deadline_ms);
	if (status == PG_OK && any(won, count))
		status = copy_rows(ledger, arrivals, count, won, deadline_ms);
	if (status == PG_OK)
		status = add_notices(ledger, arrivals, count, won, deadline_ms);
	if (status == PG_OK) {
		failpoint("intake-before-commit");
		status = pg_commit(ledger->pg, deadline_ms);
		failpoint("intake-after-commit");
		return status;
	}
	pg_rollback(ledger->pg, deadline_ms);
	/* Nothing was committed, whatever became of the statement. */
	return status == PG_UNKNOWN ? PG_DOWN : status;
}

bool ledger_learn(struct ledger *ledger, struct arrival *const *arrivals, size_t count, const bool *won, bool *kept,
	int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_drop(ledger->pg);
	enum pg_status status = pg_ready(ledger->pg, deadline_ms) ? begin_locked(ledger, deadline_ms) : PG_DOWN;
	if (status == PG_OK) {
		struct pg_params *p = pg_params(ledger->pg);
		pg_array_begin(p, PG_OID_UUID);
		for (size_t i = 0; i < count; i++) {
			if (won[i])
				pg_uuid(p, &arrivals[i]->submission.id);
		}
		pg_array_end(p);
		status = pg_run(
			ledger->pg, "SELECT count(*) FROM submission WHERE id = ANY ($1::uuid[])", &rows, deadline_ms);
	}
	if (status == PG_OK) {
		*kept = pg_get_i64(rows, 0, 0) > 0; /* one transaction: all or none */
		status = wait_for_replication(ledger, deadline_ms);
	}
	if (status == PG_OK)
		return true;
	pg_rollback(ledger->pg, deadline_ms);
	/* Whatever still holds the lock must not hold up the batches to come. */
	ledger->lock = new_lock();
	return false;
}

enum pg_status ledger_find_decisions(struct ledger *ledger, const struct id128 *submissions, size_t count,
	void (*take)(size_t at, struct decision *decision, void *context), void *context, int64_t deadline_ms)
{
	return find_decisions(ledger->pg, submissions, count, take, context, deadline_ms);
}
