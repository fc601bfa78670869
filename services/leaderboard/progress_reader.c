#include "services/leaderboard/progress_reader.h"

#include "common/runtime/clock.h"

#include <stdlib.h>

/* The unit, then its children. NULL: no memory, or no such unit. */
static struct progress_table *table_of(
	const struct reference_campaign *campaign, const struct targets *targets, uint32_t unit)
{
	const struct unit *own = unit_by_id(campaign->units, unit);
	size_t count;
	const struct unit *const *children = unit_children(campaign->units, unit, &count);
	const struct unit **units = own ? malloc((count + 1) * sizeof(*units)) : NULL;
	struct progress_table *table;
	if (!units)
		return NULL;
	units[0] = own;
	for (size_t i = 0; i < count; i++)
		units[i + 1] = children[i];
	table = progress_table_new(campaign, targets, units, count + 1, clock_now_us());
	free(units);
	return table;
}

static bool read_figures(struct board_reader *reader, struct progress_table *table, bool *moved)
{
	int64_t deadline = clock_monotonic_ms() + watch_patience_ms(reader->watch);
	return pg_ready(reader->pg, deadline) && progress_table_read(table, reader->pg, moved, deadline) == PG_OK &&
	       !*moved;
}

static bool read_once(struct board_reader *reader, const struct progress_query *query, struct buffer *json, bool *moved)
{
	const struct reference *reference = reference_acquire(reader->reference);
	struct targets *targets = watch_targets(reader->watch);
	const struct reference_campaign *campaign = reference ? reference_by_id(reference, query->campaign) : NULL;
	/* Before the first targets it would say that there are none. */
	struct progress_table *table = campaign && targets ? table_of(campaign, targets, query->unit) : NULL;
	*moved = false;
	bool read = table && read_figures(reader, table, moved);
	if (read)
		progress_json(table, query->english, json);
	progress_table_free(&table);
	targets_release(&targets);
	reference_release(reader->reference, &reference);
	return read && !json->failed;
}

bool progress_read(struct board_reader *reader, const struct progress_query *query, struct buffer *json)
{
	int64_t give_up_ms = clock_monotonic_ms() + TREE_WAIT_MS;
	bool moved, read;
	do
		read = read_once(reader, query, json, &moved);
	while (moved && board_await_tree(give_up_ms));
	return read;
}
