#include "services/leaderboard/history.h"

#include "common/runtime/clock.h"

#include <inttypes.h>

static const char HOURS_SQL[] =
	"SELECT hour, greatest(counted, 0) FROM campaign_hour WHERE campaign_id = $1 AND hour >= $2";
static const char DAYS_SQL[] = "SELECT day, sum(counted)::int8 FROM unit_day WHERE campaign_id = $1 AND day >= $2 AND "
			       "unit_id = $3 AND counted <> 0 "
			       "GROUP BY day ORDER BY day";
static const int64_t HOUR_US = INT64_C(3600) * 1000000;

struct series {
	uint64_t counts[HISTORY_DAYS_MAX];
	size_t count;
	int64_t from; /* of the first, microseconds */
};

void history_json(const char *campaign, const char *unit, enum history_step step, int64_t as_of, int64_t from,
	const uint64_t *counts, size_t count, struct buffer *json)
{
	char text[CLOCK_TEXT_SIZE];
	buffer_text(json, "{\"campaign\":");
	buffer_json_text(json, campaign);
	buffer_text(json, ",\"unit\":");
	buffer_json_text(json, unit);
	clock_format_instant(as_of, text);
	buffer_format(json, ",\"by\":\"%s\",\"as_of\":\"%s\"", step == HISTORY_HOURS ? "hour" : "day", text);
	clock_format_instant(from, text);
	buffer_format(
		json, ",\"from\":\"%s\",\"step_seconds\":%d,\"counted\":[", text, step == HISTORY_HOURS ? 3600 : 86400);
	for (size_t i = 0; i < count; i++)
		buffer_format(json, "%s%" PRIu64, i > 0 ? "," : "", counts[i]);
	buffer_text(json, "]}\n");
}

static void fill_hours(struct series *series, int64_t now, const PGresult *rows)
{
	series->from = now - now % HOUR_US - (HISTORY_HOURS_SHOWN - 1) * HOUR_US;
	series->count = HISTORY_HOURS_SHOWN;
	for (int row = 0; row < PQntuples(rows); row++) {
		int64_t place = (pg_get_instant(rows, row, 0) - series->from) / HOUR_US;
		if (place >= 0 && place < HISTORY_HOURS_SHOWN)
			series->counts[place] = (uint64_t)pg_get_i64(rows, row, 1);
	}
}

/* From the first day on which something was counted to today, or to the last such day of a campaign that is over. */
static void fill_days(struct series *series, int32_t last, const PGresult *rows)
{
	int32_t first = PQntuples(rows) > 0 ? pg_get_day(rows, 0, 0) : last;
	if (last < first)
		last = first;
	series->from = clock_vietnam_midnight(first);
	series->count = (size_t)(last - first) + 1 < HISTORY_DAYS_MAX ? (size_t)(last - first) + 1 : HISTORY_DAYS_MAX;
	for (int row = 0; row < PQntuples(rows); row++) {
		size_t place = (size_t)(pg_get_day(rows, row, 0) - first);
		if (place < series->count)
			series->counts[place] = (uint64_t)pg_get_i64(rows, row, 1);
	}
}

static bool read_series(struct board_reader *reader, const struct history_query *query, int64_t now, int32_t last,
	struct series *series)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t deadline = clock_monotonic_ms() + watch_patience_ms(reader->watch);
	bool hours = query->step == HISTORY_HOURS;
	if (!pg_ready(reader->pg, deadline))
		return false;
	struct pg_params *p = pg_params(reader->pg);
	pg_i16(p, (int16_t)query->campaign);
	if (hours) {
		pg_instant(p, now - HISTORY_HOURS_SHOWN * HOUR_US);
	} else {
		pg_day(p, last - HISTORY_DAYS_MAX + 1);
		pg_i32(p, (int32_t)query->unit);
	}
	if (pg_run(reader->pg, hours ? HOURS_SQL : DAYS_SQL, &rows, deadline) != PG_OK)
		return false;
	if (hours)
		fill_hours(series, now, rows);
	else
		fill_days(series, last, rows);
	return true;
}

bool history_read(struct board_reader *reader, const struct history_query *query, struct buffer *json)
{
	const struct reference *reference = reference_acquire(reader->reference);
	const struct reference_campaign *campaign = reference ? reference_by_id(reference, query->campaign) : NULL;
	const struct unit *unit = campaign ? unit_by_id(campaign->units, query->unit) : NULL;
	struct series series = {0};
	int64_t now = clock_now_us();
	bool read = false;
	if (unit) {
		int64_t closes = campaign->campaign->closes_at;
		int32_t last = clock_vietnam_day(now < closes ? now : closes - 1);
		read = read_series(reader, query, now, last, &series);
		history_json(campaign->campaign->code, unit->code, query->step, now, series.from, series.counts,
			series.count, json);
	}
	reference_release(reader->reference, &reference);
	return read && !json->failed;
}
