#include "services/quota/board_audit.h"

#include "common/runtime/clock.h"

#include <poll.h>
#include <stdlib.h>

enum {
	SLICE_ROWS = 4000,
	PHASES_MAX = 64,
	STATEMENT_MS = 10000,
	CATCH_UP_MS = 2000, /* a board is usually milliseconds behind */
	CATCH_UP_LOOK_MS = 10,
};

static const char slice_sql[] =
	"SELECT coalesce(b.version, 0), coalesce(r.version, 0), t.unit_id, t.phase, t.entered, t.counted, t.people, "
	"t.awarded FROM campaign c LEFT JOIN board b ON b.campaign_id = c.id LEFT JOIN unit_tree r ON r.campaign_id = "
	"c.id LEFT JOIN LATERAL (SELECT * FROM unit_total WHERE campaign_id = c.id AND unit_id = ANY ($2) "
	"ORDER BY unit_id, phase) t ON true WHERE c.id = $1 ORDER BY t.unit_id, t.phase";
static const char version_sql[] = "SELECT version FROM board WHERE campaign_id = $1";

/* One row as PostgreSQL has it, and what Redis has there. */
struct pair {
	struct board_row expected;
	struct board_stored found;
	bool is_found;
};

struct board_audit {
	const struct reference_campaign *campaign;
	uint32_t *parents; /* whose children stand on a board; 0: the root alone */
	size_t parent_count, next;
	uint32_t phases[PHASES_MAX];
	size_t phase_count;
	size_t left;
	uint64_t compared;
	struct pair *pairs; /* of this slice, ascending by unit and phase */
	size_t pair_count;
	int64_t version, generation;
};

static size_t child_count(const struct board_audit *audit, uint32_t parent)
{
	return parent == 0 ? 1 : unit_by_id(audit->campaign->units, parent)->children;
}

static void add_phase(struct board_audit *audit, uint32_t phase)
{
	for (size_t i = 0; i < audit->phase_count; i++)
		if (audit->phases[i] == phase)
			return;
	if (audit->phase_count < PHASES_MAX)
		audit->phases[audit->phase_count++] = phase;
}

static void find_phases(struct board_audit *audit)
{
	const struct campaign *campaign = audit->campaign->campaign;

	add_phase(audit, 0);
	for (size_t v = 0; v < campaign->version_count; v++)
		for (size_t i = 0; i < campaign->versions[v].phase_count; i++)
			add_phase(audit, campaign->versions[v].phases[i].number);
}

static void find_parents(struct board_audit *audit)
{
	size_t count = audit->campaign->units == NULL ? 0 : unit_tree_count(audit->campaign->units), found = 0;

	if (count > 0)
		audit->parents[audit->parent_count++] = 0;
	for (uint32_t id = 1; found < count; id++) {
		const struct unit *unit = unit_by_id(audit->campaign->units, id);

		if (unit == NULL)
			continue;
		found++;
		if (unit->children > 0)
			audit->parents[audit->parent_count++] = id;
	}
	audit->left = count * audit->phase_count;
}

struct board_audit *board_audit_new(const struct reference_campaign *campaign)
{
	struct board_audit *audit = calloc(1, sizeof(*audit));
	size_t count = campaign->units == NULL ? 0 : unit_tree_count(campaign->units);

	if (audit == NULL)
		return NULL;
	audit->campaign = campaign;
	audit->parents = calloc(count + 1, sizeof(*audit->parents));
	if (audit->parents == NULL) {
		board_audit_free(&audit);
		return NULL;
	}
	find_phases(audit);
	find_parents(audit);
	return audit;
}

void board_audit_free(struct board_audit **handle)
{
	struct board_audit *audit = *handle;

	*handle = NULL;
	if (audit == NULL)
		return;
	free(audit->parents);
	free(audit->pairs);
	free(audit);
}

size_t board_audit_left(const struct board_audit *audit)
{
	return audit->left;
}

uint64_t board_audit_compared(const struct board_audit *audit)
{
	return audit->compared;
}

/* The slice ------------------------------------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
	const struct board_row *a = &((const struct pair *)left)->expected,
			       *b = &((const struct pair *)right)->expected;

	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return (a->phase > b->phase) - (a->phase < b->phase);
}

static void add_pairs(struct board_audit *audit, const struct unit *unit)
{
	for (size_t i = 0; i < audit->phase_count; i++)
		audit->pairs[audit->pair_count++] = (struct pair){
			.expected = {.unit = unit->id, .parent = unit->parent, .phase = audit->phases[i]}};
}

/* Where it ends; its pairs are zeros yet, as what stands nowhere is. 0: no memory. */
static size_t cut_slice(struct board_audit *audit)
{
	const struct unit_tree *units = audit->campaign->units;
	size_t end = audit->next, rows = 0;

	while (end < audit->parent_count && (end == audit->next || rows < SLICE_ROWS))
		rows += child_count(audit, audit->parents[end++]) * audit->phase_count;
	free(audit->pairs);
	audit->pair_count = 0;
	audit->pairs = calloc(rows + 1, sizeof(*audit->pairs));
	if (audit->pairs == NULL)
		return 0;
	for (size_t i = audit->next; i < end; i++) {
		size_t count;
		const struct unit *const *children;

		if (audit->parents[i] == 0) {
			add_pairs(audit, unit_tree_root(units));
			continue;
		}
		children = unit_children(units, audit->parents[i], &count);
		for (size_t k = 0; k < count; k++)
			add_pairs(audit, children[k]);
	}
	qsort(audit->pairs, audit->pair_count, sizeof(*audit->pairs), by_place);
	return end;
}

static struct pair *find_pair(const struct board_audit *audit, uint32_t unit, uint32_t phase)
{
	const struct pair wanted = {.expected = {.unit = unit, .phase = phase}};

	return bsearch(&wanted, audit->pairs, audit->pair_count, sizeof(wanted), by_place);
}

static void put_units(struct pg_params *p, const struct board_audit *audit)
{
	pg_array_begin(p, PG_OID_INT4);
	for (size_t i = 0; i < audit->pair_count; i += audit->phase_count)
		pg_i32(p, (int32_t)audit->pairs[i].expected.unit);
	pg_array_end(p);
}

static void take_totals(struct board_audit *audit, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		struct pair *pair = pg_get_null(rows, row, 2) ? NULL
							      : find_pair(audit, (uint32_t)pg_get_i32(rows, row, 2),
									(uint32_t)pg_get_i16(rows, row, 3));
		if (pair == NULL) /* of a phase that the rules do not have any more: nobody can ask for it */
			continue;
		pair->expected.entered = pg_get_i64(rows, row, 4);
		pair->expected.counted = pg_get_i64(rows, row, 5);
		pair->expected.people = pg_get_i64(rows, row, 6);
		pair->expected.awarded = pg_get_i64(rows, row, 7);
	}
}

/* One statement sees one moment: these totals are those of this version, of this tree. */
static bool read_totals(struct board_audit *audit, struct pg *pg)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, (int16_t)audit->campaign->id);
	put_units(p, audit);
	if (pg_run(pg, slice_sql, &rows, clock_monotonic_ms() + STATEMENT_MS) != PG_OK || PQntuples(rows) == 0)
		return false;
	audit->version = pg_get_i64(rows, 0, 0);
	if ((uint64_t)pg_get_i64(rows, 0, 1) != audit->campaign->tree_version)
		return false;
	take_totals(audit, rows);
	return true;
}

/* Rows of a board that has applied everything up to the snapshot's version are as new as the snapshot, or newer. */
static bool await_board(struct board_audit *audit, struct board_store *store)
{
	int64_t give_up_ms = clock_monotonic_ms() + CATCH_UP_MS;
	struct board_state state;

	for (;;) {
		if (!board_store_state(store, audit->campaign->id, &state) || !state.exists ||
			state.tree != audit->campaign->tree_version)
			return false;
		audit->generation = state.generation;
		if (state.applied >= audit->version)
			return true;
		if (clock_monotonic_ms() >= give_up_ms)
			return false;
		poll(NULL, 0, CATCH_UP_LOOK_MS);
	}
}

static void take_stored(const struct board_stored *stored, void *context)
{
	struct pair *pair = find_pair(context, stored->row.unit, stored->row.phase);

	if (pair == NULL || pair->expected.parent != stored->row.parent)
		return; /* a name that no reader looks for */
	pair->found = *stored;
	pair->is_found = true;
}

static bool read_board(struct board_audit *audit, struct board_store *store, size_t end)
{
	struct board_state after;

	for (size_t i = audit->next; i < end; i++)
		for (size_t k = 0; k < audit->phase_count; k++)
			if (!board_store_read(store, audit->campaign->id, audit->generation, audit->parents[i],
				    audit->phases[k], take_stored, audit))
				return false;
	/* Another generation's rows may have been deleted while they were read. */
	return board_store_state(store, audit->campaign->id, &after) && after.exists &&
	       after.generation == audit->generation;
}

/* The comparison -------------------------------------------------------------------------------------------------- */

static bool newest_version(struct board_audit *audit, struct pg *pg, int64_t *version)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)audit->campaign->id);
	if (pg_run(pg, version_sql, &rows, clock_monotonic_ms() + STATEMENT_MS) != PG_OK)
		return false;
	*version = PQntuples(rows) == 1 ? pg_get_i64(rows, 0, 0) : 0;
	return true;
}

static size_t tell(const struct board_audit *audit, const struct audit_listener *listener, const struct pair *pair,
	const char *what, int64_t expected, int64_t found)
{
	const struct audit_drift drift = {.check = AUDIT_BOARD,
		.campaign = audit->campaign->id,
		.unit = pair->expected.unit,
		.phase = pair->expected.phase,
		.what = what,
		.expected = expected,
		.found = found};

	if (expected == found)
		return 0;
	listener->drift(&drift, listener->context);
	return 1;
}

/* `newest`: what PostgreSQL had after the board was read: a row beyond it is nobody's, and no later one would ever
 * replace it. */
static size_t compare_pair(
	struct board_audit *audit, const struct audit_listener *listener, const struct pair *pair, int64_t newest)
{
	const struct board_row *expected = &pair->expected, *found = &pair->found.row;

	audit->compared++;
	if (pair->is_found && !pair->found.readable)
		return tell(audit, listener, pair, "row that can be read", 1, 0);
	if (pair->found.version > newest)
		return tell(audit, listener, pair, "version", newest, pair->found.version);
	if (pair->found.version > audit->version)
		return 0; /* it has moved on */
	return tell(audit, listener, pair, "entered", expected->entered, found->entered) +
	       tell(audit, listener, pair, "counted", expected->counted, found->counted) +
	       tell(audit, listener, pair, "people", expected->people, found->people) +
	       tell(audit, listener, pair, "awarded", expected->awarded, found->awarded);
}

enum board_audit_progress board_audit_step(
	struct board_audit *audit, struct board_store *store, struct pg *pg, const struct audit_listener *listener)
{
	size_t end, drifted = 0;
	int64_t newest;

	if (audit->next == audit->parent_count)
		return BOARD_AUDIT_DONE;
	end = cut_slice(audit);
	if (end == 0 || !read_totals(audit, pg))
		return BOARD_AUDIT_NOT_NOW;
	if (!await_board(audit, store) || !read_board(audit, store, end) || !newest_version(audit, pg, &newest))
		return BOARD_AUDIT_NOT_NOW;
	for (size_t i = 0; i < audit->pair_count; i++) {
		const struct pair *pair = &audit->pairs[i];
		size_t wrong = compare_pair(audit, listener, pair, newest);

		if (wrong > 0 && pair->is_found)
			board_store_own(store, audit->campaign->id, audit->generation, pair->expected.parent,
				pair->expected.phase);
		drifted += wrong;
	}
	audit->next = end;
	audit->left -= audit->pair_count < audit->left ? audit->pair_count : audit->left;
	if (drifted > 0)
		return BOARD_AUDIT_DRIFTED;
	return end == audit->parent_count ? BOARD_AUDIT_DONE : BOARD_AUDIT_GOES_ON;
}
