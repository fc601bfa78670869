#include "services/quota/inheritance.h"

/* A submission's text is that of its own signature; a plain copy has none, its text is that of its original. */
#define TEXTS_OF                                                                                                       \
	"SELECT k.id, coalesce(o.campaign_id, c.campaign_id) AS campaign_id, coalesce(o.exact_scope, c.exact_scope) "  \
	"AS scope, coalesce(o.digest, c.digest) AS digest FROM unnest($1) AS k(id) "                                   \
	"LEFT JOIN signature AS o ON o.submission_id = k.id "                                                          \
	"LEFT JOIN LATERAL (SELECT duplicate_of FROM decision WHERE submission_id = k.id "                             \
	"ORDER BY revision DESC LIMIT 1) AS d ON o.submission_id IS NULL "                                             \
	"LEFT JOIN signature AS c ON c.submission_id = d.duplicate_of "                                                \
	"WHERE coalesce(o.submission_id, c.submission_id) IS NOT NULL"

static const char take_sql[] =
	"INSERT INTO exact_text (campaign_id, scope, digest, submission_id, received_at) "
	"SELECT DISTINCT ON (t.campaign_id, t.scope, t.digest) t.campaign_id, t.scope, t.digest, t.id, s.received_at "
	"FROM (" TEXTS_OF ") AS t JOIN submission AS s ON s.id = t.id "
	"ORDER BY t.campaign_id, t.scope, t.digest, s.received_at, t.id ON CONFLICT DO NOTHING";
static const char lock_sql[] =
	"SELECT e.submission_id FROM (" TEXTS_OF ") AS t JOIN exact_text AS e USING (campaign_id, scope, digest) "
	"ORDER BY e.campaign_id, e.scope, e.digest FOR UPDATE OF e";
static const char sign_sql[] =
	"INSERT INTO signature (submission_id, campaign_id, scope, exact_scope, received_at, digest, sketch, snapshot) "
	"SELECT k.id, o.campaign_id, k.scope, o.exact_scope, s.received_at, o.digest, o.sketch, o.snapshot "
	"FROM unnest($1, $2, $3) AS k(id, original, scope) JOIN signature AS o ON o.submission_id = k.original "
	"JOIN submission AS s ON s.id = k.id ON CONFLICT DO NOTHING";
/* The family of a text: all that ever stood behind each other, in any revision. Its exact copies are those with the
 * same digest. */
static const char pass_on_sql[] =
	"WITH RECURSIVE place AS (SELECT e.* FROM unnest($1) AS k(id) JOIN signature AS o ON o.submission_id = k.id "
	"JOIN exact_text AS e ON e.campaign_id = o.campaign_id AND e.scope = o.exact_scope AND e.digest = o.digest "
	"AND e.submission_id = o.submission_id), "
	"family (holder, id) AS (SELECT submission_id, submission_id FROM place "
	"UNION SELECT f.holder, r.id FROM family AS f CROSS JOIN LATERAL ("
	"SELECT d.submission_id AS id FROM decision AS d WHERE d.duplicate_of = f.id "
	"UNION ALL SELECT d.duplicate_of FROM decision AS d WHERE d.submission_id = f.id "
	"AND d.duplicate_of IS NOT NULL) AS r), "
	"heir AS (SELECT DISTINCT ON (p.campaign_id, p.scope, p.digest) p.campaign_id, p.scope, p.digest, "
	"s.submission_id, s.received_at FROM place AS p JOIN family AS f ON f.holder = p.submission_id "
	"JOIN signature AS s ON s.submission_id = f.id AND s.campaign_id = p.campaign_id "
	"AND s.exact_scope = p.scope AND s.digest = p.digest "
	"CROSS JOIN LATERAL (SELECT status FROM decision WHERE submission_id = f.id ORDER BY revision DESC LIMIT 1) "
	"AS d WHERE d.status IN (1, 2) "
	"ORDER BY p.campaign_id, p.scope, p.digest, s.received_at, s.submission_id) "
	"UPDATE exact_text AS e SET submission_id = h.submission_id, received_at = h.received_at FROM heir AS h "
	"WHERE e.campaign_id = h.campaign_id AND e.scope = h.scope AND e.digest = h.digest";
static const char give_up_sql[] =
	"DELETE FROM exact_text AS e USING unnest($1) AS k(id) JOIN signature AS o ON o.submission_id = k.id "
	"WHERE e.campaign_id = o.campaign_id AND e.scope = o.exact_scope AND e.digest = o.digest "
	"AND e.submission_id = o.submission_id";

static enum pg_status run(struct transaction *transaction, const char *sql, const struct id128 *ids, size_t count)
{
	struct pg_params *p;

	if (count == 0)
		return PG_OK;
	p = pg_params(transaction->pg);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &ids[i]);
	pg_array_end(p);
	return pg_run(transaction->pg, sql, NULL, transaction->deadline_ms);
}

enum pg_status inheritance_lock(struct transaction *transaction, const struct id128 *ids, size_t count)
{
	return run(transaction, lock_sql, ids, count);
}

enum pg_status inheritance_take(struct transaction *transaction, const struct id128 *rising, size_t count)
{
	return run(transaction, take_sql, rising, count);
}

/* The unit that bounds near copies of this one; its original may be of another province. */
static uint32_t near_scope(const struct transaction *transaction, const struct decision *decision)
{
	const struct reference_campaign *campaign = reference_by_id(transaction->reference, decision->campaign);
	const struct rule_pack *rules =
		campaign == NULL ? NULL : campaign_rules_version(campaign->campaign, decision->rules_version);

	return rules == NULL ? 0 : campaign_scope_unit(rules->near_scope, campaign->units, decision->unit);
}

#define PUT_RISEN(p, type, value)                                                                                      \
	do {                                                                                                           \
		pg_array_begin(p, type);                                                                               \
		for (size_t i = 0; i < count; i++) {                                                                   \
			const struct decision *d = &risen[i].decision;                                                 \
			if (d->has_duplicate_of)                                                                       \
				(value);                                                                               \
		}                                                                                                      \
		pg_array_end(p);                                                                                       \
	} while (0)

enum pg_status inheritance_sign(struct transaction *transaction, const struct change *risen, size_t count)
{
	struct pg_params *p;

	if (count == 0)
		return PG_OK;
	p = pg_params(transaction->pg);
	PUT_RISEN(p, PG_OID_UUID, pg_uuid(p, &d->id));
	PUT_RISEN(p, PG_OID_UUID, pg_uuid(p, &d->duplicate_of));
	PUT_RISEN(p, PG_OID_INT4, pg_i32(p, (int32_t)near_scope(transaction, d)));
	return pg_run(transaction->pg, sign_sql, NULL, transaction->deadline_ms);
}

enum pg_status inheritance_pass_on(struct transaction *transaction, const struct id128 *fallen, size_t count)
{
	enum pg_status status = run(transaction, pass_on_sql, fallen, count);

	return status == PG_OK ? run(transaction, give_up_sql, fallen, count) : status;
}
