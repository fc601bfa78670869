#include "services/notification/officer_plan.h"

#include "common/runtime/clock.h"
#include "services/notification/officer_rules.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_UNITS = 256, EVENTS_MAX = 1024, FACTS_BYTES_MAX = 4 << 20 };

static const char units_sql[] = "SELECT DISTINCT unit_id FROM officer WHERE campaign_id = $1 AND unit_id > $2 "
				"ORDER BY unit_id LIMIT $3";
static const char weekly_units_sql[] =
	"SELECT DISTINCT o.unit_id FROM officer o WHERE o.campaign_id = $1 AND o.unit_id > $2 AND NOT EXISTS (SELECT "
	"FROM "
	"officer_event e WHERE e.campaign_id = $1 AND e.unit_id = o.unit_id AND e.event = 'weekly' AND e.period = 0 "
	"AND e.counts = 0 AND e.day = $4) ORDER BY o.unit_id LIMIT $3";
/* Who wins the event's row makes its notices, to all officers that the unit has then. */
static const char tell_sql[] =
	"WITH given AS (SELECT * FROM unnest($3::int4[], $4::text[], $5::int2[], $6::int2[], $7::date[], $8::text[], "
	"$9::text[]) AS g (unit_id, event, period, counts, day, channel, facts)), "
	"told AS (INSERT INTO officer_event (campaign_id, unit_id, event, period, counts, day) "
	"SELECT $1, unit_id, event, period, counts, day FROM given ON CONFLICT DO NOTHING "
	"RETURNING unit_id, event, period, counts, day), "
	"made AS (INSERT INTO outbox (id, campaign_id, officer_id, event, channel, event_key, facts, created_at) "
	"SELECT gen_random_uuid(), $1, o.id, g.event, g.channel, concat_ws(':', g.event, $1, o.id, g.period, g.counts, "
	"g.day), g.facts::jsonb, $2 FROM told JOIN given AS g USING (unit_id, event, period, counts, day) "
	"JOIN officer AS o ON o.campaign_id = $1 AND o.unit_id = g.unit_id ON CONFLICT DO NOTHING RETURNING 1) "
	"SELECT count(*) FROM made";

struct event {
	uint32_t unit, period, counts;
	enum notice_event event;
	int32_t day;
	size_t facts, facts_size; /* place in events.json */
};

struct events {
	struct event rows[EVENTS_MAX];
	size_t count;
	struct buffer json;
};

static int64_t deadline(void)
{
	return clock_monotonic_ms() + OFFICER_STATEMENT_MS;
}

/* Telling ---------------------------------------------------------------------------------------------------------- */

static const char *channel_of(const struct officer_plan *plan, enum notice_event event)
{
	return plan->campaign->campaign->notices.by_event[event]->name;
}

static struct bytes facts_of(const struct events *events, const struct event *event)
{
	return (struct bytes){events->json.data + event->facts, event->facts_size};
}

#define PUT_EVENTS(p, type, value) PG_PUT_EACH(p, type, e, &events->rows[i], events->count, value)

static enum pg_status tell(struct officer_plan *plan, struct events *events)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(plan->pg);
	enum pg_status status;

	if (events->count == 0)
		return PG_OK;
	if (events->json.failed)
		return PG_FULL;
	pg_i16(p, (int16_t)plan->campaign->id);
	pg_instant(p, plan->now);
	PUT_EVENTS(p, PG_OID_INT4, pg_i32(p, (int32_t)e->unit));
	PUT_EVENTS(p, PG_OID_TEXT, pg_cstr(p, notice_event_name(e->event)));
	PUT_EVENTS(p, PG_OID_INT2, pg_i16(p, (int16_t)e->period));
	PUT_EVENTS(p, PG_OID_INT2, pg_i16(p, (int16_t)e->counts));
	PUT_EVENTS(p, PG_OID_DATE, pg_day(p, e->day));
	PUT_EVENTS(p, PG_OID_TEXT, pg_cstr(p, channel_of(plan, e->event)));
	PUT_EVENTS(p, PG_OID_TEXT, pg_text(p, facts_of(events, e)));
	status = pg_run(plan->pg, tell_sql, &rows, deadline());
	if (status == PG_OK)
		plan->made += (uint64_t)pg_get_i64(rows, 0, 0);
	events->count = 0;
	events->json.size = 0;
	return status;
}

/* Targets ---------------------------------------------------------------------------------------------------------- */

struct finding {
	struct officer_plan *plan;
	const struct progress_table *table;
	struct events *events;
};

static enum pg_status add_event(struct finding *it, const struct progress_row *row, size_t period,
	enum notice_event event, const struct target *target, const struct progress *progress)
{
	struct progress_ranked unit = {.row = row, .progress = *progress, .of_people = target->of_people};
	struct events *events = it->events;
	struct event *added = &events->rows[events->count++];

	*added = (struct event){.unit = row->unit->id,
		.period = it->table->periods[period].number,
		.counts = target->of_people ? 2 : 1,
		.event = event,
		.day = clock_vietnam_day(it->table->periods[period].window.starts_at),
		.facts = events->json.size};
	officer_facts(it->table, period, &unit, NULL, 0, &events->json);
	added->facts_size = events->json.size - added->facts;
	return events->count == EVENTS_MAX ? tell(it->plan, events) : PG_OK;
}

static enum pg_status find_in_period(struct finding *it, const struct progress_row *row, size_t period)
{
	const struct notice_rules *rules = &it->table->campaign->campaign->notices;
	const struct progress_window *window = &it->table->periods[period].window;
	struct target targets[TARGETS_LANES];
	size_t count = targets_of(it->table->targets, it->table->campaign, row->unit, it->table->periods[period].number,
		it->table->now, targets);
	enum pg_status status = PG_OK;

	for (size_t i = 0; status == PG_OK && i < count; i++) {
		struct progress progress = progress_of(window, &row->figures[period], &targets[i], it->table->now);
		if (rules->by_event[NOTICE_QUOTA_MET] && officer_met(window, &progress, it->table->now))
			status = add_event(it, row, period, NOTICE_QUOTA_MET, &targets[i], &progress);
		else if (rules->by_event[NOTICE_BEHIND] && officer_behind(window, &progress, it->table->now))
			status = add_event(it, row, period, NOTICE_BEHIND, &targets[i], &progress);
	}
	return status;
}

static enum pg_status find_events(struct finding *it)
{
	enum pg_status status = PG_OK;

	for (size_t row = 0; row < it->table->row_count; row++)
		for (size_t period = 0; status == PG_OK && period < it->table->period_count; period++)
			status = find_in_period(it, &it->table->rows[row], period);
	return status == PG_OK ? tell(it->plan, it->events) : status;
}

/* Pages ------------------------------------------------------------------------------------------------------------ */

/* The next units that have officers, from the one after `*last` on. A merged unit has no figures of its own to be told
 * of; one that the tree does not know yet is told of in the next pass. */
static size_t take_units(
	const struct officer_plan *plan, const PGresult *rows, const struct unit **units, uint32_t *last)
{
	size_t count = 0;

	for (int row = 0; row < PQntuples(rows); row++) {
		const struct unit *unit;
		*last = (uint32_t)pg_get_i32(rows, row, 0);
		unit = unit_by_id(plan->campaign->units, *last);
		if (unit && !unit->merged)
			units[count++] = unit;
	}
	return count;
}

static enum pg_status read_page(
	struct officer_plan *plan, const char *sql, uint32_t after, const int32_t *day, PGresult **rows)
{
	struct pg_params *p = pg_params(plan->pg);

	pg_i16(p, (int16_t)plan->campaign->id);
	pg_i32(p, (int32_t)after);
	pg_i64(p, PAGE_UNITS);
	if (day)
		pg_day(p, *day);
	return pg_run(plan->pg, sql, rows, deadline());
}

static enum pg_status read_table(
	struct officer_plan *plan, const struct unit *const *units, size_t count, struct progress_table **table)
{
	bool moved = false;
	enum pg_status status = PG_FULL;

	*table = progress_table_new(plan->campaign, plan->targets, units, count, plan->now);
	if (*table)
		status = progress_table_read(*table, plan->pg, &moved, deadline());
	return status == PG_OK && moved ? PG_RETRY : status;
}

/* What is to be told of a page of units; `day` is that of a summary. */
typedef enum pg_status plan_units(
	struct officer_plan *plan, struct events *events, const struct unit *const *units, size_t count, int32_t day);

static enum pg_status plan_targets(
	struct officer_plan *plan, struct events *events, const struct unit *const *units, size_t count, int32_t day)
{
	CLEANUP(progress_table_free) struct progress_table *table = NULL;
	enum pg_status status = read_table(plan, units, count, &table);
	struct finding it = {.plan = plan, .table = table, .events = events};

	(void)day;
	return status == PG_OK ? find_events(&it) : status;
}

/* The unit, then its children. */
static enum pg_status plan_summary(
	struct officer_plan *plan, struct events *events, const struct unit *own, int32_t day)
{
	CLEANUP(progress_table_free) struct progress_table *table = NULL;
	size_t count;
	const struct unit *const *children = unit_children(plan->campaign->units, own->id, &count);
	const struct unit **units = malloc((count + 1) * sizeof(*units));
	enum pg_status status = PG_FULL;

	if (units) {
		units[0] = own;
		memcpy(units + 1, children, count * sizeof(*units));
		status = read_table(plan, units, count + 1, &table);
		free(units);
	}
	if (status != PG_OK)
		return status;
	events->rows[events->count++] = (struct event){.unit = own->id, .event = NOTICE_WEEKLY, .day = day};
	officer_weekly_facts(table, &events->json);
	events->rows[0].facts_size = events->json.size;
	return tell(plan, events);
}

static enum pg_status plan_summaries(
	struct officer_plan *plan, struct events *events, const struct unit *const *units, size_t count, int32_t day)
{
	enum pg_status status = PG_OK;

	for (size_t i = 0; status == PG_OK && i < count && !atomic_load(plan->closing); i++)
		status = plan_summary(plan, events, units[i], day);
	return status;
}

static enum pg_status walk(
	struct officer_plan *plan, struct events *events, const char *sql, const int32_t *day, plan_units *step)
{
	const struct unit *units[PAGE_UNITS];
	enum pg_status status = PG_OK;
	bool more = true;

	for (uint32_t last = 0; status == PG_OK && more && !atomic_load(plan->closing);) {
		CLEANUP(pg_result_clear) PGresult *rows = NULL;
		status = read_page(plan, sql, last, day, &rows);
		if (status != PG_OK)
			break;
		size_t count = take_units(plan, rows, units, &last);
		more = PQntuples(rows) == PAGE_UNITS;
		if (count > 0)
			status = step(plan, events, units, count, day ? *day : 0);
	}
	return status;
}

static enum pg_status walk_all(struct officer_plan *plan, const char *sql, const int32_t *day, plan_units *step)
{
	struct events *events = calloc(1, sizeof(*events));
	enum pg_status status;

	if (!events)
		return PG_FULL;
	events->json.limit = FACTS_BYTES_MAX;
	status = walk(plan, events, sql, day, step);
	buffer_deinit(&events->json);
	free(events);
	return status;
}

enum pg_status officer_plan_targets(struct officer_plan *plan)
{
	return walk_all(plan, units_sql, NULL, plan_targets);
}

enum pg_status officer_plan_weekly(struct officer_plan *plan, int64_t due)
{
	int32_t day = clock_vietnam_day(due);

	return walk_all(plan, weekly_units_sql, &day, plan_summaries);
}
