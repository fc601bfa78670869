#include "services/leaderboard/progress_reader.h"

#include "common/runtime/clock.h"

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
	struct progress_table *table =
		campaign && targets ? progress_table_of_unit(campaign, targets, query->unit, clock_now_us()) : NULL;
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
