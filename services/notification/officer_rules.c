#include "services/notification/officer_rules.h"

#include <inttypes.h>
#include <stdlib.h>

static const int64_t DAY_US = INT64_C(86400000000);
enum { WEEK_DAYS = 7, NOTICE_DAYS = 14, WEEKLY_LATE_DAYS = 2 };

bool officer_met(const struct progress_window *window, const struct progress *progress, int64_t now)
{
	return progress->has_percent && progress->met && now >= window->starts_at &&
	       now < window->ends_at + NOTICE_DAYS * DAY_US;
}

bool officer_behind(const struct progress_window *window, const struct progress *progress, int64_t now)
{
	int64_t half = window->starts_at + (window->ends_at - window->starts_at) / 2;
	int64_t from = window->ends_at - NOTICE_DAYS * DAY_US;

	from = from > half ? from : half;
	return progress->has_percent && now >= from && now < window->ends_at && progress->projected < progress->target;
}

int64_t officer_weekly_due(const struct campaign *campaign, int64_t now)
{
	int64_t due = notices_weekly_at(&campaign->notices, now);

	if (due < campaign->opens_at || due >= campaign->closes_at + WEEK_DAYS * DAY_US)
		return 0;
	return now < due + WEEKLY_LATE_DAYS * DAY_US ? due : 0;
}

/* Facts ------------------------------------------------------------------------------------------------------------ */

/* A summary may be of a unit without a target. */
static void add_measure(struct buffer *json, const struct progress *progress)
{
	buffer_format(json, ",\"counted\":%" PRIu64, progress->done);
	if (progress->has_target)
		buffer_format(json, ",\"target\":%" PRIu64, progress->target);
	else
		buffer_text(json, ",\"target\":\"-\"");
	if (progress->has_percent)
		buffer_format(json, ",\"percent\":\"%" PRIu64 ".%u\"", progress->permille / 10,
			(unsigned)(progress->permille % 10));
	else
		buffer_text(json, ",\"percent\":\"-\"");
}

static void add_period(struct buffer *json, const struct progress_period *period)
{
	if (!period->name_vi)
		return;
	buffer_text(json, ",\"period_vi\":");
	buffer_json_text(json, period->name_vi);
	buffer_text(json, ",\"period_en\":");
	buffer_json_text(json, period->name_en);
}

static void add_laggards(struct buffer *json, const struct progress_ranked *laggards, size_t count)
{
	size_t shown = 0;

	buffer_text(json, ",\"laggards\":[");
	for (size_t i = 0; i < count && shown < OFFICER_LAGGARDS_MAX; i++) {
		if (!laggards[i].progress.has_percent || laggards[i].progress.met)
			continue;
		buffer_text(json, shown++ == 0 ? "{\"unit\":" : ",{\"unit\":");
		buffer_json_text(json, laggards[i].row->unit->code);
		add_measure(json, &laggards[i].progress);
		buffer_text(json, "}");
	}
	buffer_text(json, "]");
}

void officer_facts(const struct progress_table *table, size_t period, const struct progress_ranked *unit,
	const struct progress_ranked *laggards, size_t laggard_count, struct buffer *json)
{
	buffer_text(json, "{\"unit\":");
	buffer_json_text(json, unit->row->unit->code);
	add_period(json, &table->periods[period]);
	buffer_format(json, ",\"counts\":%d", unit->of_people ? 2 : 1);
	add_measure(json, &unit->progress);
	buffer_format(json, ",\"days_left\":%" PRIu32 ",\"projected\":%" PRIu64, unit->progress.days_left,
		unit->progress.projected);
	add_laggards(json, laggards, laggard_count);
	buffer_text(json, "}");
}

void officer_weekly_facts(const struct progress_table *table, struct buffer *json)
{
	size_t period = progress_table_interest(table, table->rows, table->row_count), children = table->row_count - 1;
	struct progress_ranked unit = progress_table_at(table, &table->rows[0], period);
	struct progress_ranked *ranked = calloc(table->row_count, sizeof(*ranked));

	if (ranked) {
		progress_table_rank(table, table->rows + 1, children, period, ranked);
		officer_facts(table, period, &unit, ranked, children, json);
	}
	json->failed |= !ranked;
	free(ranked);
}
