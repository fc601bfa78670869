#include "services/quota/claims.h"

#include <stdlib.h>
#include <string.h>

static const char take_sql[] =
	"INSERT INTO exact_text (campaign_id, scope, digest, submission_id, received_at) "
	"SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING submission_id";
static const char lock_sql[] =
	"SELECT k.n, e.submission_id, e.received_at, s.person FROM unnest($1, $2, $3) WITH ORDINALITY "
	"AS k(campaign_id, scope, digest, n) JOIN exact_text AS e USING (campaign_id, scope, digest) "
	"JOIN submission AS s ON s.id = e.submission_id ORDER BY k.n FOR UPDATE OF e";
static const char give_back_sql[] =
	"DELETE FROM exact_text AS e USING unnest($1, $2, $3) AS k(campaign_id, scope, digest) "
	"WHERE e.campaign_id = k.campaign_id AND e.scope = k.scope AND e.digest = k.digest";
static const char change_hands_sql[] =
	"UPDATE exact_text AS e SET submission_id = k.submission_id, received_at = k.received_at "
	"FROM unnest($1, $2, $3, $4, $5) AS k(campaign_id, scope, digest, submission_id, received_at) "
	"WHERE e.campaign_id = k.campaign_id AND e.scope = k.scope AND e.digest = k.digest";
static const char sign_sql[] =
	"COPY signature (submission_id, campaign_id, scope, exact_scope, received_at, digest, sketch, snapshot) "
	"FROM STDIN (FORMAT binary)";
enum { SIGNATURE_COLUMNS = 8 };

typedef bool chosen(const struct docket *docket, const struct copies *copies);

#define PUT_COPIES(p, type, value)                                                                                     \
	do {                                                                                                           \
		pg_array_begin(p, type);                                                                               \
		for (size_t i = 0; i < docket->copies_count; i++) {                                                    \
			const struct copies *c = &docket->copies[i];                                                   \
			if (is_chosen(docket, c))                                                                      \
				(value);                                                                               \
		}                                                                                                      \
		pg_array_end(p);                                                                                       \
	} while (0)

static size_t count_chosen(const struct docket *docket, chosen *is_chosen)
{
	size_t count = 0;

	for (size_t i = 0; i < docket->copies_count; i++)
		count += is_chosen(docket, &docket->copies[i]);
	return count;
}

static void put_keys(struct pg_params *p, const struct docket *docket, chosen *is_chosen)
{
	PUT_COPIES(p, PG_OID_INT2, pg_i16(p, (int16_t)c->campaign));
	PUT_COPIES(p, PG_OID_INT4, pg_i32(p, (int32_t)c->scope));
	PUT_COPIES(p, PG_OID_BYTEA, pg_bytea(p, c->digest));
}

static void put_earliest(struct pg_params *p, const struct docket *docket, chosen *is_chosen)
{
	PUT_COPIES(p, PG_OID_UUID, pg_uuid(p, &copies_earliest(docket, c)->id));
	PUT_COPIES(p, PG_OID_TIMESTAMPTZ, pg_instant(p, copies_earliest(docket, c)->received_at));
}

static bool is_any(const struct docket *docket, const struct copies *copies)
{
	(void)docket;
	(void)copies;
	return true;
}

static bool is_held(const struct docket *docket, const struct copies *copies)
{
	(void)docket;
	return copies->held;
}

static bool is_taken_for_nothing(const struct docket *docket, const struct copies *copies)
{
	(void)docket;
	return !copies->held && !copies->taken;
}

static bool changes_hands(const struct docket *docket, const struct copies *copies)
{
	(void)docket;
	return copies->held && copies->taken;
}

/* Rows come back in the order they went in; those in between met another holder. */
static void mark_held(struct docket *docket, const PGresult *taken)
{
	int row = 0;

	for (size_t i = 0; i < docket->copies_count; i++) {
		struct copies *copies = &docket->copies[i];
		bool won = false;

		if (row < PQntuples(taken)) {
			struct id128 id = pg_get_uuid(taken, row, 0);
			won = id128_equal(&id, &copies_earliest(docket, copies)->id);
		}
		copies->held = !won;
		row += won;
	}
	assert(row == PQntuples(taken));
}

static bool is_member(const struct docket *docket, const struct copies *copies, const struct id128 *id)
{
	for (size_t i = 0; i < copies->count; i++)
		if (id128_equal(&docket->verdicts[copies->members[i]].id, id))
			return true;
	return false;
}

static bool read_holder(const struct docket *docket, const PGresult *rows, int row, struct copies *copies)
{
	struct bytes person = pg_get_bytes(rows, row, 3);

	copies->holder = pg_get_uuid(rows, row, 1);
	copies->holder_received_at = pg_get_instant(rows, row, 2);
	assert(person.size == sizeof(copies->holder_person));
	memcpy(&copies->holder_person, person.data, sizeof(copies->holder_person));
	return !is_member(docket, copies, &copies->holder);
}

static enum pg_status lock_held(struct transaction *transaction, struct docket *docket, size_t held)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(transaction->pg);
	enum pg_status status;
	int row = 0;

	put_keys(p, docket, is_held);
	status = pg_run(transaction->pg, lock_sql, &rows, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	if ((size_t)PQntuples(rows) != held)
		return PG_RETRY;
	for (size_t i = 0; i < docket->copies_count; i++)
		if (docket->copies[i].held && !read_holder(docket, rows, row++, &docket->copies[i]))
			return PG_RETRY;
	return PG_OK;
}

enum pg_status claims_take(struct transaction *transaction, struct docket *docket)
{
	CLEANUP(pg_result_clear) PGresult *taken = NULL;
	struct pg_params *p;
	enum pg_status status;
	size_t held;

	if (docket->copies_count == 0)
		return PG_OK;
	p = pg_params(transaction->pg);
	put_keys(p, docket, is_any);
	put_earliest(p, docket, is_any);
	status = pg_run(transaction->pg, take_sql, &taken, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	mark_held(docket, taken);
	held = count_chosen(docket, is_held);
	return held == 0 ? PG_OK : lock_held(transaction, docket, held);
}

enum pg_status claims_settle(struct transaction *transaction, const struct docket *docket)
{
	struct pg_params *p;
	enum pg_status status = PG_OK;

	if (count_chosen(docket, is_taken_for_nothing) > 0) {
		p = pg_params(transaction->pg);
		put_keys(p, docket, is_taken_for_nothing);
		status = pg_run(transaction->pg, give_back_sql, NULL, transaction->deadline_ms);
	}
	if (status == PG_OK && count_chosen(docket, changes_hands) > 0) {
		p = pg_params(transaction->pg);
		put_keys(p, docket, changes_hands);
		put_earliest(p, docket, changes_hands);
		status = pg_run(transaction->pg, change_hands_sql, NULL, transaction->deadline_ms);
	}
	return status;
}

static bool is_to_be_signed(const struct verdict *verdict, size_t number, const struct docket *docket)
{
	return docket->copies_of[number] != COPIES_NONE && verdict->fate == FATE_DECIDED && !verdict->is_plain_copy;
}

static void put_signature(struct pg_params *p, const struct verdict *verdict, bool posts)
{
	pg_uuid(p, &verdict->id);
	pg_i16(p, (int16_t)verdict->campaign);
	pg_i32(p, (int32_t)verdict->near_scope);
	pg_i32(p, (int32_t)verdict->exact_scope);
	pg_instant(p, verdict->received_at);
	pg_bytea(p, verdict->digest);
	pg_bytea(p, posts ? verdict->sketch : (struct bytes){0});
	pg_i32(p, (int32_t)verdict->snapshot);
}

enum pg_status claims_sign(struct transaction *transaction, const struct docket *docket)
{
	struct pg *pg = transaction->pg;
	enum pg_status status;
	size_t count = 0;

	for (size_t i = 0; i < docket->count; i++)
		count += is_to_be_signed(&docket->verdicts[i], i, docket);
	if (count == 0)
		return PG_OK;
	status = pg_copy_begin(pg, sign_sql, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < docket->count; i++)
		if (is_to_be_signed(&docket->verdicts[i], i, docket))
			put_signature(
				pg_copy_row(pg, SIGNATURE_COLUMNS), &docket->verdicts[i], copies_posts(docket, i));
	return transaction_copy_end(transaction);
}
