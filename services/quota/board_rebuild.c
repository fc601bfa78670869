#include "services/quota/board_rebuild.h"

#include "common/runtime/clock.h"

#include <stdlib.h>

enum {
	PAGE_ROWS = 1000, /* Redis takes them in a few milliseconds, during which nobody reads */
	READY_MS = 500,
	DEADLINE_MS = 120 * 1000,
};

static const char version_sql[] = "SELECT coalesce(b.version, 0), coalesce(t.version, 0) FROM campaign AS c "
				  "LEFT JOIN board AS b ON b.campaign_id = c.id "
				  "LEFT JOIN unit_tree AS t ON t.campaign_id = c.id WHERE c.id = $1";
/* By key, so that a page begins where the one before ended. */
static const char page_sql[] =
	"SELECT unit_id, phase, entered, counted, people, awarded FROM unit_total WHERE campaign_id = $1 "
	"AND (unit_id, phase) > ($2, $3) ORDER BY unit_id, phase LIMIT $4";

struct page {
	struct board_row rows[PAGE_ROWS];
	size_t count;
	int32_t unit, phase; /* the last key read */
};

static int compare_rows(const void *left, const void *right)
{
	const struct board_row *a = left, *b = right;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	return (a->phase > b->phase) - (a->phase < b->phase);
}

static void take_page(struct page *page, const struct unit_tree *units, const PGresult *rows)
{
	page->count = 0;
	for (int i = 0; i < PQntuples(rows); i++) {
		const struct unit *unit;

		page->unit = pg_get_i32(rows, i, 0);
		page->phase = pg_get_i16(rows, i, 1);
		unit = unit_by_id(units, (uint32_t)page->unit);
		if (unit == NULL) /* not in the tree (any more): nobody can ask for it */
			continue;
		page->rows[page->count++] = (struct board_row){.unit = unit->id,
			.parent = unit->parent,
			.phase = (uint32_t)page->phase,
			.entered = pg_get_i64(rows, i, 2),
			.counted = pg_get_i64(rows, i, 3),
			.people = pg_get_i64(rows, i, 4),
			.awarded = pg_get_i64(rows, i, 5)};
	}
	qsort(page->rows, page->count, sizeof(*page->rows), compare_rows);
}

/* `more` false: that was the last one. */
static bool read_page(
	struct pg *pg, const struct reference_campaign *campaign, struct page *page, bool *more, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)campaign->id);
	pg_i32(p, page->unit);
	pg_i16(p, (int16_t)page->phase);
	pg_i64(p, PAGE_ROWS);
	if (pg_run(pg, page_sql, &rows, deadline_ms) != PG_OK)
		return false;
	take_page(page, campaign->units, rows);
	*more = PQntuples(rows) == PAGE_ROWS;
	return true;
}

static bool read_version(
	struct pg *pg, const struct reference_campaign *campaign, int64_t *version, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign->id);
	if (pg_run(pg, version_sql, &rows, deadline_ms) != PG_OK)
		return false;
	if (PQntuples(rows) != 1)
		return false;
	*version = pg_get_i64(rows, 0, 0);
	/* Totals of another tree than ours would stand under parents that are none. */
	return (uint64_t)pg_get_i64(rows, 0, 1) == campaign->tree_version;
}

static bool load(struct board_store *store, const struct board_rebuild *rebuild, struct pg *pg,
	const struct reference_campaign *campaign, int64_t *version)
{
	struct page *page = calloc(1, sizeof(*page));
	int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
	bool more = true, good = page != NULL && read_version(pg, campaign, version, deadline_ms);

	while (good && more) {
		struct board_news news = {.campaign = campaign->id, .version = *version};

		good = read_page(pg, campaign, page, &more, deadline_ms);
		news.rows = page->rows;
		news.count = page->count;
		good = good && (news.count == 0 || board_store_load(store, rebuild, &news));
	}
	free(page);
	return good;
}

/* The snapshot begins after every new version goes into the generation too: what it does not show comes by itself. */
static bool load_snapshot(struct board_store *store, const struct board_rebuild *rebuild, struct pg *pg,
	const struct reference_campaign *campaign, int64_t *version)
{
	int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
	bool good = pg_ready(pg, clock_monotonic_ms() + READY_MS) &&
		    pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", deadline_ms) == PG_OK &&
		    load(store, rebuild, pg, campaign, version);

	pg_rollback(pg, deadline_ms);
	return good;
}

bool board_rebuild(
	struct board_store *store, struct pg *pg, const struct reference_campaign *campaign, int64_t *version)
{
	struct board_rebuild rebuild;
	bool good;

	if (!board_store_begin(store, campaign->id, &rebuild))
		return false;
	good = load_snapshot(store, &rebuild, pg, campaign, version) &&
	       board_store_switch(store, &rebuild, *version, campaign->tree_version, version) && *version >= 0;
	board_store_end(store, &rebuild);
	return good;
}
