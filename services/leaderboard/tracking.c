#include "services/leaderboard/tracking.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"

#include <inttypes.h>
#include <string.h>

enum { STATEMENT_IDS_MAX = 1000, REASON_WORD_SIZE = 64 };

static void take_row(struct tracking *tracking, const PGresult *rows, int row)
{
	tracking->found = true;
	tracking->campaign = (uint32_t)pg_get_i16(rows, row, 1);
	tracking->unit = (uint32_t)pg_get_i32(rows, row, 2);
	tracking->received_at = pg_get_instant(rows, row, 3);
	if (pg_get_null(rows, row, 4))
		return;
	if (tracking->event_count == TRACKING_REVISIONS_MAX) {
		tracking->event_count--;
		memmove(tracking->events, tracking->events + 1, tracking->event_count * sizeof(tracking->events[0]));
	}
	tracking->revision = (uint32_t)pg_get_i32(rows, row, 4);
	tracking->events[tracking->event_count].status = (enum submission_status)pg_get_i16(rows, row, 5);
	tracking->events[tracking->event_count++].at = pg_get_instant(rows, row, 6);
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
	return tracking->event_count > 0 ? tracking->events[tracking->event_count - 1].status : STATUS_RECEIVED;
}

/* The next "code field" of the list; false at its end. */
static bool next_reason(struct bytes *list, char code[REASON_WORD_SIZE], char field[REASON_WORD_SIZE])
{
	char *words[] = {code, field};
	size_t word = 0, used = 0;
	code[0] = field[0] = '\0';
	if (list->size == 0)
		return false;
	while (list->size > 0) {
		char c = (char)*list->data++;
		list->size--;
		if (c == ';')
			break;
		if (c == ' ' && word == 0) {
			word = 1;
			used = 0;
			continue;
		}
		if (used + 1 >= REASON_WORD_SIZE)
			continue;
		words[word][used++] = c;
		words[word][used] = '\0';
	}
	return true;
}

static void render_reasons(const struct tracking *tracking, bool english, struct buffer *json)
{
	struct bytes list = buffer_bytes(&tracking->reasons);
	char code[REASON_WORD_SIZE], field[REASON_WORD_SIZE];
	const char *comma = "";
	buffer_text(json, ",\"reasons\":[");
	for (; next_reason(&list, code, field); comma = ",") {
		buffer_format(json, "%s{\"code\":", comma);
		buffer_json_text(json, code);
		buffer_text(json, ",\"field\":");
		if (field[0] != '\0')
			buffer_json_text(json, field);
		else
			buffer_text(json, "null");
		buffer_text(json, ",\"message\":");
		buffer_json_text(json, reason_text(code, field, english));
		buffer_text(json, "}");
	}
	buffer_text(json, "]");
}

static void render_instant(struct buffer *json, int64_t instant)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format_instant(instant, text);
	buffer_format(json, "\"%s\"", text);
}

static void render_history(const struct tracking *tracking, struct buffer *json)
{
	buffer_text(json, ",\"history\":[{\"status\":\"received\",\"at\":");
	render_instant(json, tracking->received_at);
	for (size_t i = 0; i < tracking->event_count; i++) {
		buffer_format(json, "},{\"status\":\"%s\",\"at\":", status_name(tracking->events[i].status));
		render_instant(json, tracking->events[i].at);
	}
	buffer_text(json, "}]");
}

static void render_place(const struct tracking *tracking, const struct reference *reference, struct buffer *json)
{
	const struct reference_campaign *campaign = reference_by_id(reference, tracking->campaign);
	const struct unit *unit = campaign ? unit_by_id(campaign->units, tracking->unit) : NULL;
	buffer_text(json, ",\"campaign\":");
	if (campaign)
		buffer_json_text(json, campaign->campaign->code);
	else
		buffer_text(json, "null");
	buffer_text(json, ",\"unit\":");
	if (unit)
		buffer_json_text(json, unit->code);
	else
		buffer_text(json, "null");
}

void tracking_render(
	const struct tracking *tracking, const struct reference *reference, bool english, struct buffer *json)
{
	char code[TRACKING_CODE_SIZE];
	tracking_code_format(&tracking->id, code);
	buffer_format(json, "{\"tracking_code\":\"%s\"", code);
	render_place(tracking, reference, json);
	buffer_format(json, ",\"status\":\"%s\"", status_name(tracking_status(tracking)));
	render_reasons(tracking, english, json);
	if (tracking->phase > 0)
		buffer_format(json, ",\"phase\":%" PRIu32, tracking->phase);
	else
		buffer_text(json, ",\"phase\":null");
	buffer_text(json, ",\"received_at\":");
	render_instant(json, tracking->received_at);
	buffer_text(json, ",\"decided_at\":");
	if (tracking->event_count > 0)
		render_instant(json, tracking->events[tracking->event_count - 1].at);
	else
		buffer_text(json, "null");
	buffer_text(json, ",\"similar\":[");
	if (tracking->has_score)
		buffer_format(json, "{\"score\":%.3f}", tracking->score);
	buffer_text(json, "]");
	render_history(tracking, json);
	buffer_text(json, "}");
}
