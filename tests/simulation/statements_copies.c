/* Law 3's tables: the places of exact texts, signatures, chains of duplicates and what is inherited. */
#include "tests/simulation/statement.h"

#include <stdlib.h>
#include <string.h>

enum { STATUS_OF_DUPLICATE = 4, CHAIN_MOST = 64, FAMILY_MOST = 256 };

static bool stands(int64_t status)
{
	return status == 1 || status == 2;
}

/* Chains ---------------------------------------------------------------------------------------------------------- */

static int compare_cells(const void *a, const void *b)
{
	return cell_compare(*(const struct cell *)a, *(const struct cell *)b);
}

static enum pg_status heads(struct statement *statement)
{
	struct cells named = statement->parameters[1].elements;

	qsort(named.list, named.count, sizeof(*named.list), compare_cells);
	for (size_t i = 0; i < named.count; i++) {
		struct cell head = named.list[i];

		for (int depth = 0; depth < CHAIN_MOST; depth++) {
			const struct cell *d = row_seen(statement->transaction, latest_decision(statement, head));

			if (!d || cell_value(d[D_STATUS]) != STATUS_OF_DUPLICATE || d[D_DUPLICATE_OF].size < 0)
				break;
			head = d[D_DUPLICATE_OF];
		}
		const struct cell cells[] = {named.list[i], head};
		give(statement, cells, 2);
	}
	return PG_OK;
}

static bool is_among(const struct cell *list, size_t count, struct cell id)
{
	for (size_t i = 0; i < count; i++)
		if (cell_equal(list[i], id))
			return true;
	return false;
}

static enum pg_status followers(struct statement *statement)
{
	struct cell found[FAMILY_MOST];
	size_t count = 0, asked;

	for (size_t i = 0; i < elements(statement, 1); i++)
		found[count++] = element(statement, 1, i);
	asked = count;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < tables[DECISION].count; k++) {
			const struct cell *d = row_seen(statement->transaction, tables[DECISION].rows[k]);

			if (!d || cell_value(d[D_STATUS]) != STATUS_OF_DUPLICATE ||
				!cell_equal(d[D_DUPLICATE_OF], found[i]) ||
				latest_decision(statement, d[D_ID]) != tables[DECISION].rows[k] ||
				is_among(found, count, d[D_ID]))
				continue;
			assert(count < FAMILY_MOST);
			found[count++] = d[D_ID];
		}
	qsort(found + asked, count - asked, sizeof(*found), compare_cells);
	for (size_t i = asked; i < count; i++)
		give(statement, &found[i], 1);
	return PG_OK;
}

/* Claims ---------------------------------------------------------------------------------------------------------- */

static enum pg_status claims_take(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell cells[E_COLUMNS];
		bool inserted;

		for (size_t column = 0; column < E_COLUMNS; column++)
			cells[column] = element(statement, column + 1, i);
		TRY(insert_row(statement, EXACT_TEXT, cells, &inserted));
		if (inserted)
			give(statement, &cells[E_SUBMISSION], 1);
	}
	return PG_OK;
}

static struct row *place_of(const struct statement *statement, size_t at)
{
	const struct cell key[] = {element(statement, 1, at), element(statement, 2, at), element(statement, 3, at)};

	return table_find(EXACT_TEXT, key);
}

static enum pg_status claims_lock(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *row = place_of(statement, i);
		const struct cell *place, *submission;

		if (!row_seen(statement->transaction, row))
			continue;
		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		place = row_latest(statement->transaction, row);
		submission = place ? submission_seen(statement, place[E_SUBMISSION]) : NULL;
		if (!submission)
			continue;
		const struct cell cells[] = {cell_number((int64_t)i + 1, 8), place[E_SUBMISSION], place[E_RECEIVED_AT],
			submission[S_PERSON]};
		give(statement, cells, ARRAY_LENGTH(cells));
	}
	return PG_OK;
}

static enum pg_status claims_give_back(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *row = place_of(statement, i);

		if (!row_seen(statement->transaction, row))
			continue;
		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		row_write(statement->transaction, EXACT_TEXT, row, NULL);
	}
	return PG_OK;
}

static enum pg_status place_write(
	struct statement *statement, struct row *row, struct cell submission, struct cell received_at)
{
	const struct cell cells[] = {row->key[0], row->key[1], row->key[2], submission, received_at};

	TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
	row_write(statement->transaction, EXACT_TEXT, row, cells);
	return PG_OK;
}

static enum pg_status claims_change_hands(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *row = place_of(statement, i);

		if (row_seen(statement->transaction, row))
			TRY(place_write(statement, row, element(statement, 4, i), element(statement, 5, i)));
	}
	return PG_OK;
}

/* Inheritance ----------------------------------------------------------------------------------------------------- */

static const struct cell *signature_seen(const struct statement *statement, struct cell id)
{
	return row_seen(statement->transaction, table_find(SIGNATURE, &id));
}

/* The text of a submission: its own signature's, or that of what it stands behind. NULL: it has none. */
static const struct cell *text_of(const struct statement *statement, struct cell id)
{
	const struct cell *own = signature_seen(statement, id), *decision;

	if (own)
		return own;
	decision = row_seen(statement->transaction, latest_decision(statement, id));
	return decision && decision[D_DUPLICATE_OF].size > 0 ? signature_seen(statement, decision[D_DUPLICATE_OF])
							     : NULL;
}

static enum pg_status inheritance_lock(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell *text = text_of(statement, element(statement, 1, i));
		const struct cell key[] = {text ? text[G_CAMPAIGN] : (struct cell){0},
			text ? text[G_EXACT_SCOPE] : (struct cell){0}, text ? text[G_DIGEST] : (struct cell){0}};
		struct row *row = text ? table_find(EXACT_TEXT, key) : NULL;

		if (!row_seen(statement->transaction, row))
			continue;
		TRY(row_lock(statement->transaction, row, LOCK_UPDATE, statement->until));
		if (row_latest(statement->transaction, row))
			give(statement, &row_latest(statement->transaction, row)[E_SUBMISSION], 1);
	}
	return PG_OK;
}

static enum pg_status inheritance_take(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct cell id = element(statement, 1, i);
		const struct cell *text = text_of(statement, id), *submission = submission_seen(statement, id);
		bool inserted;

		if (!text || !submission)
			continue;
		const struct cell cells[] = {
			text[G_CAMPAIGN], text[G_EXACT_SCOPE], text[G_DIGEST], id, submission[S_RECEIVED_AT]};
		TRY(insert_row(statement, EXACT_TEXT, cells, &inserted));
	}
	return PG_OK;
}

static enum pg_status inheritance_sign(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		const struct cell *original = signature_seen(statement, element(statement, 2, i));
		const struct cell *submission = submission_seen(statement, element(statement, 1, i));
		bool inserted;

		if (!original || !submission)
			continue;
		const struct cell cells[] = {element(statement, 1, i), original[G_CAMPAIGN], element(statement, 3, i),
			original[G_EXACT_SCOPE], submission[S_RECEIVED_AT], original[G_DIGEST], original[G_SKETCH],
			original[G_SNAPSHOT]};
		TRY(insert_row(statement, SIGNATURE, cells, &inserted));
	}
	return PG_OK;
}

/* All that ever stood behind each other, in any revision. */
static size_t family_of(const struct statement *statement, struct cell id, struct cell *family)
{
	size_t count = 1;

	family[0] = id;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < tables[DECISION].count; k++) {
			const struct cell *d = row_seen(statement->transaction, tables[DECISION].rows[k]);
			bool behind = d && d[D_DUPLICATE_OF].size > 0 && cell_equal(d[D_DUPLICATE_OF], family[i]);
			bool before = d && d[D_DUPLICATE_OF].size > 0 && cell_equal(d[D_ID], family[i]);

			assert(count + 2 < FAMILY_MOST);
			if (behind && !is_among(family, count, d[D_ID]))
				family[count++] = d[D_ID];
			if (before && !is_among(family, count, d[D_DUPLICATE_OF]))
				family[count++] = d[D_DUPLICATE_OF];
		}
	return count;
}

/* The place that this submission holds by its own signature. */
static struct row *place_held(const struct statement *statement, struct cell id)
{
	const struct cell *text = signature_seen(statement, id);
	const struct cell key[] = {text ? text[G_CAMPAIGN] : (struct cell){0},
		text ? text[G_EXACT_SCOPE] : (struct cell){0}, text ? text[G_DIGEST] : (struct cell){0}};
	struct row *row = text ? table_find(EXACT_TEXT, key) : NULL;
	const struct cell *place = row_seen(statement->transaction, row);

	return place && cell_equal(place[E_SUBMISSION], id) ? row : NULL;
}

static const struct cell *heir_of(const struct statement *statement, const struct row *place, struct cell holder)
{
	struct cell family[FAMILY_MOST];
	size_t count = family_of(statement, holder, family);
	const struct cell *heir = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct cell *s = signature_seen(statement, family[i]);
		const struct cell *d = row_seen(statement->transaction, latest_decision(statement, family[i]));

		if (!s || !d || !stands(cell_value(d[D_STATUS])) || !cell_equal(s[G_CAMPAIGN], place->key[0]) ||
			!cell_equal(s[G_EXACT_SCOPE], place->key[1]) || !cell_equal(s[G_DIGEST], place->key[2]))
			continue;
		int order = heir ? cell_compare(s[G_RECEIVED_AT], heir[G_RECEIVED_AT]) : -1;
		if (order < 0 || (order == 0 && cell_compare(s[G_SUBMISSION], heir[G_SUBMISSION]) < 0))
			heir = s;
	}
	return heir;
}

static enum pg_status pass_on(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *place = place_held(statement, element(statement, 1, i));
		const struct cell *heir = place ? heir_of(statement, place, element(statement, 1, i)) : NULL;

		if (heir)
			TRY(place_write(statement, place, heir[G_SUBMISSION], heir[G_RECEIVED_AT]));
	}
	return PG_OK;
}

static enum pg_status give_up(struct statement *statement)
{
	for (size_t i = 0; i < elements(statement, 1); i++) {
		struct row *place = place_held(statement, element(statement, 1, i));

		if (!place)
			continue;
		TRY(row_lock(statement->transaction, place, LOCK_UPDATE, statement->until));
		row_write(statement->transaction, EXACT_TEXT, place, NULL);
	}
	return PG_OK;
}

const struct statement_entry copy_statements[] = {
	{"WITH RECURSIVE chain (named", heads, true},
	{"WITH RECURSIVE follower", followers, true},
	{"INSERT INTO exact_text (campaign_id, scope, digest, submission_id, received_at) SELECT * FROM", claims_take,
		false},
	{"JOIN submission AS s ON s.id = e.submission_id ORDER BY k.n FOR UPDATE OF e", claims_lock, true},
	{"DELETE FROM exact_text AS e USING unnest($1, $2, $3)", claims_give_back, false},
	{"UPDATE exact_text AS e SET submission_id = k.submission_id", claims_change_hands, false},
	{"INSERT INTO exact_text (campaign_id, scope, digest, submission_id, received_at) SELECT DISTINCT",
		inheritance_take, false},
	{"ORDER BY e.campaign_id, e.scope, e.digest FOR UPDATE OF e", inheritance_lock, true},
	{"snapshot) SELECT k.id, o.campaign_id", inheritance_sign, false},
	{"WITH RECURSIVE place AS", pass_on, false},
	{"DELETE FROM exact_text AS e USING unnest($1) AS k(id)", give_up, false},
	{NULL, NULL, false},
};
