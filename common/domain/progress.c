#include "common/domain/progress.h"

#include "common/runtime/clock.h"

static const int64_t DAY_US = INT64_C(86400000000);
typedef unsigned __int128 wide;

static int32_t last_day_of(const struct progress_window *window)
{
	return clock_vietnam_day(window->ends_at - 1);
}

struct progress_days progress_pace_days(const struct progress_window *window, int64_t now)
{
	int32_t first = clock_vietnam_day(window->starts_at), today = clock_vietnam_day(now);
	if (now < window->starts_at || now >= window->ends_at)
		return (struct progress_days){.first = first, .last = first - 1};
	int32_t from = today - PROGRESS_PACE_DAYS + 1;
	from = from < first ? first : from;
	return (struct progress_days){.first = from, .last = today, .count = (uint32_t)(today - from + 1)};
}

uint32_t progress_days_left(const struct progress_window *window, int64_t now)
{
	if (now >= window->ends_at)
		return 0;
	int32_t from = clock_vietnam_day(now < window->starts_at ? window->starts_at : now);
	return (uint32_t)(last_day_of(window) - from + 1);
}

bool progress_permille(uint64_t done, uint64_t target, uint64_t *permille)
{
	if (target > 0)
		*permille = (uint64_t)(((wide)done * 1000 + target / 2) / target);
	return target > 0;
}

static void measure(struct progress *progress, uint64_t target)
{
	progress->has_target = true;
	progress->target = target;
	progress->has_percent = progress_permille(progress->done, target, &progress->permille);
	progress->met = progress->done >= target;
}

/* What is lacking over the days that are left. Who is there needs nothing; when no day is left, none helps. */
static void require(struct progress *progress)
{
	if (!progress->has_target || (!progress->met && progress->days_left == 0))
		return;
	progress->has_required = true;
	if (!progress->met) {
		wide lacking = (wide)(progress->target - progress->done) * PROGRESS_SCALE;
		progress->required = (uint64_t)((lacking + progress->days_left - 1) / progress->days_left);
	}
}

struct progress progress_of(const struct progress_window *window, const struct progress_figures *figures,
	const struct target *target, int64_t now)
{
	bool of_people = target && target->of_people;
	struct progress_days days = progress_pace_days(window, now);
	struct progress progress = {
		.done = of_people ? figures->people : figures->counted, .days_left = progress_days_left(window, now)};
	uint64_t recent = of_people ? figures->recent_people : figures->recent_counted;
	if (target)
		measure(&progress, target->value);
	require(&progress);
	progress.projected = progress.done;
	if (days.count > 0) {
		/* To the microsecond: on the last evening little more can be expected. */
		wide more = (wide)recent * (uint64_t)(window->ends_at - now) / ((wide)days.count * (uint64_t)DAY_US);
		progress.pace = (uint64_t)(((wide)recent * PROGRESS_SCALE + days.count / 2) / days.count);
		progress.projected += (uint64_t)more;
	}
	return progress;
}

static int compare_wide(wide a, wide b)
{
	return a < b ? -1 : a > b;
}

static uint64_t lacking(const struct progress *progress)
{
	return progress->met ? 0 : progress->target - progress->done;
}

int progress_compare(const struct progress *a, const struct progress *b)
{
	if (!a->has_percent || !b->has_percent)
		return (int)b->has_percent - (int)a->has_percent;
	int order = compare_wide((wide)a->done * b->target, (wide)b->done * a->target);
	return order != 0 ? order : compare_wide(lacking(b), lacking(a));
}
