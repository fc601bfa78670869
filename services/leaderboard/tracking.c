#include "services/leaderboard/tracking.h"

#include <string.h>

enum { STATEMENT_IDS_MAX = 1000 };

static void take_row(struct tracking *tracking, const PGresult *rows, int row)
{
	tracking->found = true;
	tracking->campaign = (uint32_t)pg_get_i16(rows, row, 1);
	tracking->unit = (uint32_t)pg_get_i32(rows, row, 2);
	tracking->received_at = pg_get_instant(rows, row, 3);
	if (pg_get_null(rows, row, 4))
		return;
	if (tracking->change_count == TRACKING_REVISIONS_MAX) {
		tracking->change_count--;
		memmove(tracking->changes, tracking->changes + 1,
			tracking->change_count * sizeof(tracking->changes[0]));
	}
	tracking->revision = (uint32_t)pg_get_i32(rows, row, 4);
	tracking->changes[tracking->change_count].status = (enum submission_status)pg_get_i16(rows, row, 5);
	tracking->changes[tracking->change_count++].at = pg_get_instant(rows, row, 6);
	tracking->phase = (uint32_t)pg_get_i16(rows, row, 7);
	struct bytes reasons = pg_get_bytes(rows, row, 8);
	buffer_clear(&tracking->reasons);
	buffer_add(&tracking->reasons, reasons.data, reasons.size);
	tracking->has_score = !pg_get_null(rows, row, 9);
	tracking->score = tracking->has_score ? pg_get_real(rows, row, 9) : 0;
}

/* Rows come by the number of their id in the array, so that an id may be asked for twice. */
static bool read_some(struct pg *pg, struct tracking *trackings, size_t count, int64_t deadline)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	if (!pg_ready(pg, deadline))
		return false;
	struct pg_params *p = pg_params(pg);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &trackings[i].id);
	pg_array_end(p);
	if (pg_run(pg,
		    "SELECT a.n::integer, s.campaign_id, s.unit_id, s.received_at, d.revision, d.status, d.decided_at, "
		    "d.phase, d.reasons, d.score FROM unnest($1::uuid[]) WITH ORDINALITY a(id, n) "
		    "JOIN submission s ON s.id = a.id LEFT JOIN decision d ON d.submission_id = a.id "
		    "ORDER BY a.n, d.revision",
		    &rows, deadline) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++)
		take_row(&trackings[pg_get_i32(rows, row, 0) - 1], rows, row);
	return true;
}

bool tracking_read(struct pg *pg, struct tracking *trackings, size_t count, int64_t deadline_ms)
{
	for (size_t at = 0; at < count; at += STATEMENT_IDS_MAX) {
		size_t some = count - at < STATEMENT_IDS_MAX ? count - at : STATEMENT_IDS_MAX;
		if (!read_some(pg, trackings + at, some, deadline_ms))
			return false;
	}
	return true;
}

static bool find_some(struct pg *pg, struct tracking *trackings, size_t count, bool *moved, int64_t deadline)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	if (!pg_ready(pg, deadline))
		return false;
	struct pg_params *p = pg_params(pg);
	pg_array_begin(p, PG_OID_UUID);
	for (size_t i = 0; i < count; i++)
		pg_uuid(p, &trackings[i].id);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_INT4);
	for (size_t i = 0; i < count; i++)
		pg_i32(p, (int32_t)trackings[i].revision);
	pg_array_end(p);
	if (pg_run(pg,
		    "SELECT DISTINCT a.n::integer FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY a(id, "
		    "revision, n) "
		    "JOIN decision d ON d.submission_id = a.id AND d.revision > a.revision",
		    &rows, deadline) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++)
		moved[pg_get_i32(rows, row, 0) - 1] = true;
	return true;
}

bool tracking_find_changed(
	struct pg *pg, struct tracking *trackings, size_t count, size_t *changed, int64_t deadline_ms)
{
	*changed = 0;
	for (size_t at = 0; at < count; at += STATEMENT_IDS_MAX) {
		size_t some = count - at < STATEMENT_IDS_MAX ? count - at : STATEMENT_IDS_MAX;
		bool moved[STATEMENT_IDS_MAX] = {false};
		if (!find_some(pg, trackings + at, some, moved, deadline_ms))
			return false;
		for (size_t i = 0; i < some; i++) {
			if (!moved[i])
				continue;
			struct tracking found = trackings[at + i];
			trackings[at + i] = trackings[*changed];
			trackings[(*changed)++] = found;
		}
	}
	return true;
}

void tracking_clear(struct tracking *tracking)
{
	buffer_deinit(&tracking->reasons);
}

enum submission_status tracking_status(const struct tracking *tracking)
{
	return tracking->change_count > 0 ? tracking->changes[tracking->change_count - 1].status : STATUS_RECEIVED;
}

void tracking_render(
	const struct tracking *tracking, const struct reference *reference, bool english, struct buffer *json)
{
	const struct reference_campaign *campaign = reference_by_id(reference, tracking->campaign);
	const struct unit *unit = campaign ? unit_by_id(campaign->units, tracking->unit) : NULL;
	const char *code = unit ? unit->code : "";
	struct status_change history[TRACKING_REVISIONS_MAX + 1] = {{STATUS_RECEIVED, tracking->received_at}};
	memcpy(history + 1, tracking->changes, tracking->change_count * sizeof(history[0]));
	struct status_report report = {
		.id = tracking->id,
		.campaign = campaign ? campaign->campaign->code : "",
		.unit = {(const uint8_t *)code, strlen(code)},
		.status = tracking_status(tracking),
		.reasons = buffer_bytes(&tracking->reasons),
		.phase = tracking->phase,
		.received_at = tracking->received_at,
		.decided_at = tracking->change_count > 0 ? tracking->changes[tracking->change_count - 1].at : 0,
		.similar = &tracking->score,
		.similar_count = tracking->has_score ? 1 : 0,
		.history = history,
		.history_count = tracking->change_count + 1,
	};
	buffer_text(json, "{");
	status_json(&report, english, json);
	buffer_text(json, "}");
}
