#include "common/runtime/failpoint.h"
#include "common/runtime/random.h"
#include "services/intake/find_decisions.h"
#include "services/intake/ledger_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 24, SCRIPT_SIZE = 96 };

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

enum pg_status ledger_wait_for_replication(struct ledger *ledger, int64_t deadline_ms)
{
	pg_params(ledger->pg);
	enum pg_status status = pg_run(ledger->pg,
		"SELECT pg_logical_emit_message(true, 'sangkien', '') "
		"WHERE current_setting('synchronous_standby_names') <> ''",
		NULL, deadline_ms);
	return status == PG_OK ? pg_commit(ledger->pg, deadline_ms) : status;
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
		status = ledger_take_keys(ledger, arrivals, count, won, deadline_ms);
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
		status = ledger_wait_for_replication(ledger, deadline_ms);
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
