/* When officers of a unit are told how it stands, and with which figures. Pure: time is an argument. */
#ifndef SANGKIEN_NOTIFICATION_OFFICER_RULES_H
#define SANGKIEN_NOTIFICATION_OFFICER_RULES_H

#include "common/domain/notices.h"
#include "common/domain/progress_table.h"
#include "common/runtime/buffer.h"

enum { OFFICER_LAGGARDS_MAX = 10 };

/* The target is reached, from the period's begin until two weeks after its end: late verdicts and reviews count too.
 * A target of 0 is no news. */
bool officer_met(const struct progress_window *window, const struct progress *progress, int64_t now);
/* From two weeks before the period's end, of a period shorter than four weeks in its second half: at the pace of the
 * last seven days its target is not reached. */
bool officer_behind(const struct progress_window *window, const struct progress *progress, int64_t now);
/* The instant of the weekly summary that is due, from a campaign's opening to a week after its close; 0: none, or it is
 * more than two days late: then the next one tells. */
int64_t officer_weekly_due(const struct campaign *campaign, int64_t now);

/* One notice's outbox.facts. */
void officer_facts(const struct progress_table *table, size_t period, const struct progress_ranked *unit,
	const struct progress_ranked *laggards, size_t laggard_count, struct buffer *json);
/* Of a table's first row, whose children are the others, in the period that interests now: with those that lag most. */
void officer_weekly_facts(const struct progress_table *table, struct buffer *json);

#endif
