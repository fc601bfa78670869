#include "services/control/rehearsal_rows.h"

#include "services/control/session.h"

enum { PAGE_ROWS = 2000 }; /* of at most some 8 KB: what both texts of a row can be */

enum text_column {
	TEXT_ID,
	TEXT_CAMPAIGN,
	TEXT_UNIT,
	TEXT_RECEIVED_AT,
	TEXT_BLOCK,
	TEXT_CATEGORY,
	TEXT_KIND,
	TEXT_HAS_TITLE,
	TEXT_DESCRIPTION,
	TEXT_APPLIED_ON,
	TEXT_RECOGNIZED_ON,
	TEXT_HAS_RECOGNIZED_BY,
	TEXT_HAS_EVIDENCE,
	TEXT_IP_PROTECTED,
	TEXT_AUTHORS,
	TEXT_LEAD_AUTHOR,
	TEXT_ACCEPTED_ON,
	TEXT_HAS_NATIONAL_ID,
	TEXT_COLUMN_COUNT,
};
enum {
	ROW_STATUS,
	ROW_PHASE,
	ROW_DECIDED_BY,
	ROW_REASONS,
	ROW_SCORE,
	ROW_ORIGINAL_STATUS,
	ROW_ORIGINAL_DECIDED_BY,
	ROW_TEXT,
	ROW_ORIGINAL = ROW_TEXT + TEXT_COLUMN_COUNT,
};

/* A description that no rule can find too long is not sent whole. */
static const char page_sql[] =
	"WITH text AS NOT MATERIALIZED (SELECT id, campaign_id, unit_id, received_at, block, category, kind, "
	"title IS NOT NULL, CASE WHEN octet_length(description) > $4 THEN description ELSE left(description, 1) END, "
	"applied_on, recognized_on, recognized_by IS NOT NULL, evidence_url IS NOT NULL, coalesce(ip_protected, "
	"false), "
	"authors, lead_author, accepted_on, has_national_id FROM submission) "
	"SELECT d.status, d.phase, d.decided_by, d.reasons, d.score, e.status, e.decided_by, s.*, o.* "
	"FROM (SELECT * FROM text WHERE campaign_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS s "
	"LEFT JOIN LATERAL "
	"(SELECT * FROM decision WHERE submission_id = s.id ORDER BY revision DESC LIMIT 1) AS d ON true "
	"LEFT JOIN text AS o ON o.id = d.duplicate_of "
	"LEFT JOIN LATERAL "
	"(SELECT * FROM decision WHERE submission_id = o.id ORDER BY revision DESC LIMIT 1) AS e ON true "
	"ORDER BY s.id";

static ProtobufCBinaryData get_text(const PGresult *rows, int row, int column)
{
	if (pg_get_null(rows, row, column))
		return (ProtobufCBinaryData){0};
	struct bytes text = pg_get_bytes(rows, row, column);
	return (ProtobufCBinaryData){text.size, (uint8_t *)(uintptr_t)text.data};
}

/* The rules ask of some texts only whether they were given. */
static ProtobufCBinaryData get_given(const PGresult *rows, int row, int column)
{
	static const uint8_t SOMETHING[] = "x";

	if (!pg_get_bool(rows, row, column))
		return (ProtobufCBinaryData){0};
	return (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t)SOMETHING};
}

static void get_day(const PGresult *rows, int row, int column, protobuf_c_boolean *given, int32_t *day)
{
	*given = !pg_get_null(rows, row, column);
	if (*given)
		*day = pg_get_day(rows, row, column);
}

static void get_fields(const PGresult *rows, int row, int first, Sangkien__Message__Fields *fields)
{
	sangkien__message__fields__init(fields);
	fields->block = (uint32_t)pg_get_i16(rows, row, first + TEXT_BLOCK);
	fields->category = get_text(rows, row, first + TEXT_CATEGORY);
	fields->kind = get_text(rows, row, first + TEXT_KIND);
	fields->title = get_given(rows, row, first + TEXT_HAS_TITLE);
	fields->description = get_text(rows, row, first + TEXT_DESCRIPTION);
	get_day(rows, row, first + TEXT_APPLIED_ON, &fields->has_applied_on, &fields->applied_on);
	get_day(rows, row, first + TEXT_RECOGNIZED_ON, &fields->has_recognized_on, &fields->recognized_on);
	fields->recognized_by = get_given(rows, row, first + TEXT_HAS_RECOGNIZED_BY);
	fields->evidence_url = get_given(rows, row, first + TEXT_HAS_EVIDENCE);
	fields->ip_protected = pg_get_bool(rows, row, first + TEXT_IP_PROTECTED);
	fields->authors = (uint32_t)pg_get_i16(rows, row, first + TEXT_AUTHORS);
	fields->lead_author = pg_get_bool(rows, row, first + TEXT_LEAD_AUTHOR);
	get_day(rows, row, first + TEXT_ACCEPTED_ON, &fields->has_accepted_on, &fields->accepted_on);
	fields->has_national_id = pg_get_bool(rows, row, first + TEXT_HAS_NATIONAL_ID);
}

static struct rehearsed_text get_rehearsed_text(
	const PGresult *rows, int row, int first, Sangkien__Message__Fields *fields)
{
	get_fields(rows, row, first, fields);
	return (struct rehearsed_text){.unit = (uint32_t)pg_get_i32(rows, row, first + TEXT_UNIT),
		.received_at = pg_get_instant(rows, row, first + TEXT_RECEIVED_AT),
		.fields = fields};
}

static void take_row(const PGresult *rows, int row, struct rehearsal *rehearsal)
{
	Sangkien__Message__Fields fields, fields_of_original;
	struct rehearsed one = {
		.text = get_rehearsed_text(rows, row, ROW_TEXT, &fields),
		.status = (enum submission_status)pg_get_i16(rows, row, ROW_STATUS),
		.phase = (uint32_t)pg_get_i16(rows, row, ROW_PHASE),
		.decided_by = (enum decided_by)pg_get_i16(rows, row, ROW_DECIDED_BY),
		.reasons = pg_get_bytes(rows, row, ROW_REASONS),
		.score = pg_get_null(rows, row, ROW_SCORE) ? 0 : pg_get_real(rows, row, ROW_SCORE),
		.has_original = !pg_get_null(rows, row, ROW_ORIGINAL + TEXT_UNIT),
	};

	if (one.has_original) {
		bool decided = !pg_get_null(rows, row, ROW_ORIGINAL_STATUS);
		int16_t status = decided ? pg_get_i16(rows, row, ROW_ORIGINAL_STATUS) : STATUS_RECEIVED;

		one.original = get_rehearsed_text(rows, row, ROW_ORIGINAL, &fields_of_original);
		one.original_stands = status != STATUS_REJECTED && status != STATUS_REVOKED;
		one.original_by_person =
			decided && pg_get_i16(rows, row, ROW_ORIGINAL_DECIDED_BY) == DECIDED_BY_REVIEWER;
	}
	rehearsal_take(rehearsal, &one);
}

static enum pg_status read_page(
	struct pg *pg, int16_t campaign_id, const struct id128 *after, uint32_t short_bytes, PGresult **rows)
{
	struct pg_params *p = pg_params(pg);

	pg_i16(p, campaign_id);
	pg_uuid(p, after);
	pg_i32(p, PAGE_ROWS);
	pg_i32(p, (int32_t)short_bytes);
	return pg_run(pg, page_sql, rows, session_deadline());
}

bool rehearsal_read(struct pg *pg, int16_t campaign_id, struct rehearsal *rehearsal, uint64_t *undecided)
{
	uint32_t short_bytes = rehearsal_short_bytes(rehearsal->campaign);
	struct id128 last = {0};
	int count = PAGE_ROWS;

	*undecided = 0;
	while (count == PAGE_ROWS) {
		PGresult *rows CLEANUP(pg_result_clear) = NULL;
		if (read_page(pg, campaign_id, &last, short_bytes, &rows) != PG_OK)
			return false;
		count = PQntuples(rows);
		for (int row = 0; row < count; row++) {
			last = pg_get_uuid(rows, row, ROW_TEXT + TEXT_ID);
			if (pg_get_null(rows, row, ROW_STATUS))
				++*undecided;
			else
				take_row(rows, row, rehearsal);
		}
	}
	return true;
}
