/* Idempotency keys: those seen before, and those that a transaction takes. */
#include "services/intake/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEY_COLUMNS = 5,
	/* After a conflict: where one client sends again others do, and each refused COPY is a line in the server's
	   log. */
	CAREFUL_TRANSACTIONS = 100,
};
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

/* What was found is as durable as a receipt must be (law 1). */
static enum pg_status settle_found(struct ledger *ledger, int64_t deadline_ms)
{
	enum pg_status status = pg_begin(ledger->pg, deadline_ms);
	if (status == PG_OK)
		status = ledger_wait_for_replication(ledger, deadline_ms);
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
static enum pg_status insert_new(struct ledger *ledger, size_t keyed, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	size_t next = 0;
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
	return PG_OK;
}

/* All of them or none: without a look for a conflict before each row, and without an answer for each. */
static enum pg_status copy_all(struct ledger *ledger, size_t keyed, int64_t deadline_ms)
{
	enum pg_status status = pg_copy_begin(ledger->pg,
		"COPY idempotency_key (campaign_id, key, fields_digest, submission_id, received_at) "
		"FROM STDIN (FORMAT binary)",
		deadline_ms);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < keyed; i++) {
		struct arrival *arrival = ledger->sorted[i];
		struct pg_params *p = pg_copy_row(ledger->pg, KEY_COLUMNS);
		pg_i16(p, (int16_t)arrival->submission.campaign);
		pg_text(p, arrival->key);
		pg_bytea(p, (struct bytes){arrival->digest, FIELDS_DIGEST_SIZE});
		pg_uuid(p, &arrival->submission.id);
		pg_instant(p, arrival->submission.received_at);
		arrival->key_won = true;
	}
	status = pg_copy_end(ledger->pg, deadline_ms);
	if (status != PG_REFUSED || strcmp(pg_sqlstate(ledger->pg), PG_UNIQUE_VIOLATION) != 0)
		return status;
	ledger->careful = CAREFUL_TRANSACTIONS;
	return PG_RETRY;
}

enum pg_status ledger_take_keys(
	struct ledger *ledger, struct arrival *const *arrivals, size_t count, bool *won, int64_t deadline_ms)
{
	size_t keyed = sort_keyed(ledger, arrivals, count);
	enum pg_status status = PG_OK;
	if (keyed > 0 && ledger->careful == 0) {
		status = copy_all(ledger, keyed, deadline_ms);
	} else if (keyed > 0) {
		ledger->careful--;
		status = insert_new(ledger, keyed, deadline_ms);
	}
	for (size_t i = 0; i < count; i++)
		won[i] = arrivals[i]->key.size == 0 || arrivals[i]->key_won;
	return status;
}
