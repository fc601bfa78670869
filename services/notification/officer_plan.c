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
#define EVENT_OF_TOLD "t.unit_id, t.event, t.period, t.counts, t.day"
/* Who wins the event's row makes its notices, to all officers that the unit has then: its own and those of units that
 * were merged into it. Who is both is told once, as its own. */
static const char tell_sql[] =
	"WITH RECURSIVE given AS (SELECT * FROM unnest($3::int4[], $4::text[], $5::int2[], $6::int2[], $7::date[], "
	"$8::text[], "
	"$9::text[]) AS g (unit_id, event, period, counts, day, channel, facts)), "
	"told AS (INSERT INTO officer_event (campaign_id, unit_id, event, period, counts, day) "
	"SELECT $1, unit_id, event, period, counts, day FROM given ON CONFLICT DO NOTHING "
	"RETURNING unit_id, event, period, counts, day), "
	"line (unit_id, from_id) AS (SELECT unit_id, unit_id FROM given UNION SELECT l.unit_id, u.id FROM line AS l "
	"JOIN unit AS u ON u.campaign_id = $1 AND u.parent_id = l.from_id AND u.merged), "
	"made AS (INSERT INTO outbox (id, campaign_id, officer_id, event, channel, event_key, facts, created_at) "
	"SELECT DISTINCT ON (" EVENT_OF_TOLD ", coalesce(o.address_hash, o.id)) gen_random_uuid(), $1, o.id, g.event, "
	"g.channel, concat_ws(':', g.event, $1, o.id, g.period, g.counts, g.day), g.facts::jsonb, $2 "
	"FROM told AS t JOIN given AS g USING (unit_id, event, period, counts, day) JOIN line AS l USING (unit_id) "
	"JOIN officer AS o ON o.campaign_id = $1 AND o.unit_id = l.from_id "
	"ORDER BY " EVENT_OF_TOLD ", coalesce(o.address_hash, o.id), o.unit_id <> t.unit_id "
	"ON CONFLICT DO NOTHING RETURNING 1) "
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

/* A merged unit has no figures of its own: its officers go by the unit that has them now. NULL: the tree does not know
 * it yet; it is told of in the next pass. */
static const struct unit *heir_of(const struct unit_tree *tree, uint32_t id)
{
	const struct unit *unit = unit_by_id(tree, id);

	while (unit && unit->merged)
		unit = unit_by_id(tree, unit->parent);
	return unit;
}

static bool is_among(const struct unit *unit, const struct unit *const *units, size_t count)
{
	while (count > 0)
		if (units[--count] == unit)
			return true;
	return false;
}

/* The next units that are to be told of, each once, from the one after `*last` on. */
static size_t take_units(
	const struct officer_plan *plan, const PGresult *rows, const struct unit **units, uint32_t *last)
{
	size_t count = 0;

	for (int row = 0; row < PQntuples(rows); row++) {
		*last = (uint32_t)pg_get_i32(rows, row, 0);
		const struct unit *unit = heir_of(plan->campaign->units, *last);
		if (unit && !is_among(unit, units, count))
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

static enum pg_status read_table(struct officer_plan *plan, struct progress_table *table)
{
	bool moved = false;
	enum pg_status status = table ? progress_table_read(table, plan->pg, &moved, deadline()) : PG_FULL;

	return status == PG_OK && moved ? PG_RETRY : status;
}

/* What is to be told of a page of units; `day` is that of a summary. */
typedef enum pg_status plan_units(
	struct officer_plan *plan, struct events *events, const struct unit *const *units, size_t count, int32_t day);

static enum pg_status plan_targets(
	struct officer_plan *plan, struct events *events, const struct unit *const *units, size_t count, int32_t day)
{
	CLEANUP(progress_table_free)
	struct progress_table *table = progress_table_new(plan->campaign, plan->targets, units, count, plan->now);
	enum pg_status status = read_table(plan, table);
	struct finding it = {.plan = plan, .table = table, .events = events};

	(void)day;
	return status == PG_OK ? find_events(&it) : status;
}

static enum pg_status plan_summary(
	struct officer_plan *plan, struct events *events, const struct unit *own, int32_t day)
{
	CLEANUP(progress_table_free)
	struct progress_table *table = progress_table_of_unit(plan->campaign, plan->targets, own->id, plan->now);
	enum pg_status status = read_table(plan, table);

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
