#include "services/quota/audit_log.h"

#include "common/domain/audit_chain.h"

#include <string.h>

static const char recall_sql[] =
	"SELECT k.id, m.revision, EXISTS (SELECT FROM audit_log AS o WHERE o.submission_id = k.id "
	"AND o.revision > m.revision AND o.token_id <> $3) FROM unnest($1, $2) WITH ORDINALITY AS k(id, status, n) "
	"CROSS JOIN LATERAL (SELECT max(revision) AS revision FROM audit_log WHERE submission_id = k.id "
	"AND token_id = $3 AND status_to = k.status AND reason = $4) AS m WHERE m.revision IS NOT NULL ORDER BY k.n";
static const char lock_head_sql[] = "SELECT number, hash FROM audit_head FOR UPDATE";
static const char append_sql[] =
	"INSERT INTO audit_log (number, act, campaign_id, submission_id, revision, status_from, status_to, previous, "
	"hash, at, token_id, reason) SELECT n.*, $10, $11, $12 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS n";
static const char move_head_sql[] = "UPDATE audit_head SET number = $1, hash = $2";

static void put_ids(struct pg_params *p, const struct id128 *ids, size_t count)
{
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &ids[i]);
	pg_array_end(p);
}

enum pg_status audit_log_recall(struct transaction *transaction, const struct act *act, const struct id128 *ids,
	const enum submission_status *wanted, size_t count, struct recalled_act **found, size_t *found_count)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(transaction->pg);
	enum pg_status status;

	put_ids(p, ids, count);
	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < count; i++)
		pg_i16(p, (int16_t)wanted[i]);
	pg_array_end(p);
	pg_uuid(p, &act->token);
	pg_text(p, act->reason);
	status = pg_run(transaction->pg, recall_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	*found_count = (size_t)PQntuples(rows);
	*found = arena_alloc(transaction->arena, *found_count * sizeof(**found));
	if (*found == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < *found_count; i++)
		(*found)[i] = (struct recalled_act){.id = pg_get_uuid(rows, (int)i, 0),
			.revision = (uint32_t)pg_get_i32(rows, (int)i, 1),
			.overtaken = pg_get_bool(rows, (int)i, 2)};
	return PG_OK;
}

/* The word is the reviewer's; what follows for others has one of its own. */
static struct bytes word_of(const struct decision *decision)
{
	static const char *const words[] = {
		[STATUS_COUNTED] = "count", [STATUS_REJECTED] = "reject", [STATUS_REVOKED] = "revoke"};
	bool asked = decision->decided_by == DECIDED_BY_REVIEWER && decision->status < ARRAY_LENGTH(words) &&
		     words[decision->status] != NULL;
	const char *word = asked ? words[decision->status] : "consequence";

	return (struct bytes){(const uint8_t *)word, strlen(word)};
}

static struct audit_entry entry_of(
	const struct transaction *transaction, const struct act *act, const struct change *change, int64_t number)
{
	const struct decision *decision = &change->decision;

	return (struct audit_entry){.number = number,
		.at = transaction->now_us,
		.token = act->token,
		.submission = decision->id,
		.campaign = decision->campaign,
		.revision = decision->revision,
		.from = change->before,
		.to = decision->status,
		.act = word_of(decision),
		.reason = act->reason};
}

struct link {
	uint8_t previous[AUDIT_HASH_SIZE], hash[AUDIT_HASH_SIZE];
};

/* Where the log ends; in the way of everybody else who reviews until the commit. */
static enum pg_status lock_head(struct transaction *transaction, int64_t *number, uint8_t hash[AUDIT_HASH_SIZE])
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	enum pg_status status;
	struct bytes found;

	pg_params(transaction->pg);
	status = pg_run(transaction->pg, lock_head_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	if (PQntuples(rows) != 1 || pg_get_bytes(rows, 0, 1).size != AUDIT_HASH_SIZE)
		return PG_REFUSED; /* somebody has damaged it */
	*number = pg_get_i64(rows, 0, 0);
	found = pg_get_bytes(rows, 0, 1);
	memcpy(hash, found.data, AUDIT_HASH_SIZE);
	return PG_OK;
}

static struct link *forge(const struct transaction *transaction, const struct act *act, const struct change *changes,
	size_t count, int64_t last, const uint8_t head[AUDIT_HASH_SIZE])
{
	struct link *links = arena_alloc(transaction->arena, count * sizeof(*links));

	for (size_t i = 0; links != NULL && i < count; i++) {
		struct audit_entry entry = entry_of(transaction, act, &changes[i], last + 1 + (int64_t)i);

		memcpy(links[i].previous, i == 0 ? head : links[i - 1].hash, AUDIT_HASH_SIZE);
		audit_chain_hash(links[i].previous, &entry, links[i].hash);
	}
	return links;
}

#define PUT_COLUMN(p, type, value) PG_PUT_EACH(p, type, d, &changes[i].decision, count, value)

static enum pg_status add_rows(struct transaction *transaction, const struct act *act, const struct change *changes,
	size_t count, int64_t last, const struct link *links)
{
	struct pg_params *p = pg_params(transaction->pg);

	PUT_COLUMN(p, PG_OID_INT8, pg_i64(p, last + 1 + (int64_t)i));
	PUT_COLUMN(p, PG_OID_TEXT, pg_text(p, word_of(d)));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->campaign));
	PUT_COLUMN(p, PG_OID_UUID, pg_uuid(p, &d->id));
	PUT_COLUMN(p, PG_OID_INT4, pg_i32(p, (int32_t)d->revision));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)changes[i].before));
	PUT_COLUMN(p, PG_OID_INT2, pg_i16(p, (int16_t)d->status));
	PUT_COLUMN(p, PG_OID_BYTEA, pg_bytea(p, (struct bytes){links[i].previous, AUDIT_HASH_SIZE}));
	PUT_COLUMN(p, PG_OID_BYTEA, pg_bytea(p, (struct bytes){links[i].hash, AUDIT_HASH_SIZE}));
	pg_instant(p, transaction->now_us);
	pg_uuid(p, &act->token);
	pg_text(p, act->reason);
	return pg_run(transaction->pg, append_sql, NULL, transaction->deadline_ms);
}

enum pg_status audit_log_append(
	struct transaction *transaction, const struct act *act, const struct change *changes, size_t count)
{
	uint8_t head[AUDIT_HASH_SIZE];
	const struct link *links;
	struct pg_params *p;
	int64_t last;
	enum pg_status status = lock_head(transaction, &last, head);

	if (status != PG_OK || count == 0)
		return status;
	links = forge(transaction, act, changes, count, last, head);
	if (links == NULL)
		return PG_REFUSED;
	status = add_rows(transaction, act, changes, count, last, links);
	if (status != PG_OK)
		return status;
	p = pg_params(transaction->pg);
	pg_i64(p, last + (int64_t)count);
	pg_bytea(p, (struct bytes){links[count - 1].hash, AUDIT_HASH_SIZE});
	return pg_run(transaction->pg, move_head_sql, NULL, transaction->deadline_ms);
}
