#include "common/domain/progress_table.h"

#include "common/runtime/clock.h"

/* Versions of the board and of the unit tree; totals by unit and phase; sums of days by unit and span. */
static const char SQL[] =
	"SELECT 0 AS kind, 0 AS unit, 0 AS place, coalesce(b.version, 0), coalesce(r.version, 0), 0::int8 FROM "
	"campaign c "
	"LEFT JOIN board b ON b.campaign_id = c.id LEFT JOIN unit_tree r ON r.campaign_id = c.id WHERE c.id = $1 UNION "
	"ALL "
	"SELECT 1, t.unit_id, t.phase, t.counted, t.people, 0 FROM unit_total t "
	"WHERE t.campaign_id = $1 AND t.unit_id = ANY($2) UNION ALL "
	"SELECT 2, d.unit_id, s.place::int4, sum(d.counted)::int8, sum(d.people)::int8, sum(d.newcomers)::int8 "
	"FROM unnest($3, $4, $5) WITH ORDINALITY AS s(phase, first, last, place) JOIN unit_day d ON d.campaign_id = $1 "
	"AND d.unit_id = ANY($2) AND d.day BETWEEN s.first AND s.last AND (s.phase = 0 OR d.phase = s.phase) "
	"GROUP BY d.unit_id, s.place UNION ALL "
	"SELECT 3, w.unit_id, s.place::int4, sum(w.people)::int8, 0, 0 "
	"FROM unnest($6, $4, $5) WITH ORDINALITY AS s(round, first, last, place) JOIN unit_round w ON w.campaign_id = "
	"$1 "
	"AND w.unit_id = ANY($2) AND w.round = s.round AND w.day BETWEEN s.first AND s.last WHERE s.round > 0 "
	"GROUP BY w.unit_id, s.place";
enum { KIND_VERSION, KIND_TOTAL, KIND_DAYS, KIND_ROUND };

/* Days that are added up: of a period its last seven, of a round also all of them. */
struct span {
	size_t period;
	uint32_t phase; /* 0: of any */
	uint32_t round; /* 0: it is none's */
	int32_t first, last;
	bool is_pace;
};
struct spans {
	struct span rows[256];
	size_t count;
};

static void add_span(struct spans *spans, struct span span)
{
	assert(spans->count < ARRAY_LENGTH(spans->rows)); /* a whole, 32 phases and 100 rounds at most */
	spans->rows[spans->count++] = span;
}

static void find_spans(const struct progress_table *table, struct spans *spans)
{
	spans->count = 0;
	for (size_t i = 0; i < table->period_count; i++) {
		const struct progress_period *period = &table->periods[i];
		struct progress_days days = progress_pace_days(&period->window, table->now);
		bool round = period->number >= TARGETS_ROUND_FIRST;
		if (days.count > 0)
			add_span(spans, (struct span){.period = i,
						.phase = round ? 0 : period->number,
						.round = round ? period->number - TARGETS_ROUND_FIRST : 0,
						.first = days.first,
						.last = days.last,
						.is_pace = true});
		if (round)
			add_span(spans, (struct span){.period = i,
						.round = period->number - TARGETS_ROUND_FIRST,
						.first = clock_vietnam_day(period->window.starts_at),
						.last = clock_vietnam_day(period->window.ends_at - 1)});
	}
}

static void put_parameters(struct pg_params *p, const struct progress_table *table, const struct spans *spans)
{
	pg_i16(p, (int16_t)table->campaign->id);
	pg_array_begin(p, PG_OID_INT4);
	for (size_t i = 0; i < table->row_count; i++)
		pg_i32(p, (int32_t)table->rows[i].unit->id);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < spans->count; i++)
		pg_i16(p, (int16_t)spans->rows[i].phase);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_DATE);
	for (size_t i = 0; i < spans->count; i++)
		pg_day(p, spans->rows[i].first);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_DATE);
	for (size_t i = 0; i < spans->count; i++)
		pg_day(p, spans->rows[i].last);
	pg_array_end(p);
	pg_array_begin(p, PG_OID_INT2);
	for (size_t i = 0; i < spans->count; i++)
		pg_i16(p, (int16_t)spans->rows[i].round);
	pg_array_end(p);
}

/* NULL: neither is in it. */
static struct progress_figures *figures_of(const struct progress_table *table, uint32_t unit, size_t period)
{
	size_t low = 0, high = table->row_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->by_unit[middle]->unit->id < unit)
			low = middle + 1;
		else
			high = middle;
	}
	bool found = low < table->row_count && table->by_unit[low]->unit->id == unit;
	return found && period < table->period_count ? &table->by_unit[low]->figures[period] : NULL;
}

static void take_days(
	struct progress_table *table, const struct span *span, uint32_t unit, const PGresult *rows, int row)
{
	struct progress_figures *figures = figures_of(table, unit, span->period);
	uint64_t counted = (uint64_t)pg_get_i64(rows, row, 3);
	if (!figures)
		return;
	if (!span->is_pace) {
		figures->counted = counted;
		return;
	}
	figures->recent_counted = counted;
	if (span->round == 0)
		figures->recent_people = (uint64_t)pg_get_i64(rows, row, span->phase == 0 ? 5 : 4);
}

static void take_round(
	struct progress_table *table, const struct span *span, uint32_t unit, const PGresult *rows, int row)
{
	struct progress_figures *figures = figures_of(table, unit, span->period);
	if (figures)
		*(span->is_pace ? &figures->recent_people : &figures->people) = (uint64_t)pg_get_i64(rows, row, 3);
}

static void take_row(struct progress_table *table, const struct spans *spans, const PGresult *rows, int row)
{
	uint32_t unit = (uint32_t)pg_get_i32(rows, row, 1);
	int32_t place = pg_get_i32(rows, row, 2);
	struct progress_figures *figures;
	switch (pg_get_i32(rows, row, 0)) {
	case KIND_VERSION:
		table->version = (uint64_t)pg_get_i64(rows, row, 3);
		break;
	case KIND_TOTAL:
		figures = figures_of(table, unit, progress_table_period(table, (uint32_t)place));
		if (figures) {
			figures->counted = (uint64_t)pg_get_i64(rows, row, 3);
			figures->people = (uint64_t)pg_get_i64(rows, row, 4);
		}
		break;
	case KIND_DAYS:
		take_days(table, &spans->rows[place - 1], unit, rows, row);
		break;
	case KIND_ROUND:
		take_round(table, &spans->rows[place - 1], unit, rows, row);
		break;
	}
}

enum pg_status progress_table_read(struct progress_table *table, struct pg *pg, bool *moved, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct spans spans;
	*moved = false;
	find_spans(table, &spans);
	put_parameters(pg_params(pg), table, &spans);
	enum pg_status status = pg_run(pg, SQL, &rows, deadline_ms);
	for (int row = 0; status == PG_OK && row < PQntuples(rows); row++) {
		if (pg_get_i32(rows, row, 0) == KIND_VERSION)
			*moved = (uint64_t)pg_get_i64(rows, row, 4) != table->campaign->tree_version;
		take_row(table, &spans, rows, row);
	}
	return status;
}
