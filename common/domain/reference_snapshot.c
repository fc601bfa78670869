#include "common/domain/reference_snapshot.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"

#include <stdlib.h>
#include <string.h>

enum {
	VERSION_DEADLINE_MS = 2000,
	LOAD_DEADLINE_MS = 30000,
};

/* What tells whether a campaign's rows of `unit` are those of before: each change of one gives it a greater xmin. */
struct units_print {
	int64_t count, sum, newest;
};

/* Shared by the campaigns of all snapshots since its rows last changed: a new rule pack loads no tree. */
struct held_units {
	atomic_uint holders;
	struct units_print print;
	struct unit_tree *tree;
};

/* A campaign is shared by the snapshots that hold it: one whose new source is faulty is carried over. */
struct held_campaign {
	atomic_uint holders;
	struct held_units *units; /* NULL: none that are a tree */
	struct reference_campaign value;
};

struct loading {
	struct pg *pg;
	struct snapshot *before; /* may be NULL */
	struct snapshot *snapshot;
};

static void units_release(struct held_units *units)
{
	if (units == NULL || atomic_fetch_sub(&units->holders, 1) != 1)
		return;
	unit_tree_free(&units->tree);
	free(units);
}

static void held_release(struct held_campaign *held)
{
	if (atomic_fetch_sub(&held->holders, 1) != 1)
		return;
	campaign_free(&held->value.campaign);
	units_release(held->units);
	free(held->value.rounds);
	free(held);
}

void snapshot_release(struct snapshot *snapshot)
{
	if (snapshot == NULL || atomic_fetch_sub(&snapshot->holders, 1) != 1)
		return;
	for (size_t i = 0; i < snapshot->reference.campaign_count; i++)
		held_release(snapshot->held[i]);
	free(snapshot->held);
	free(snapshot->reference.campaigns);
	free(snapshot);
}

static struct snapshot *snapshot_new(uint64_t version, size_t campaigns_max)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL)
		return NULL;
	atomic_init(&snapshot->holders, 1);
	snapshot->reference.version = version;
	snapshot->held = calloc(campaigns_max + 1, sizeof(struct held_campaign *));
	snapshot->reference.campaigns = calloc(campaigns_max + 1, sizeof(struct reference_campaign));
	if (snapshot->held == NULL || snapshot->reference.campaigns == NULL) {
		snapshot_release(snapshot);
		return NULL;
	}
	return snapshot;
}

/* Takes over one hold of `held`. */
static void snapshot_add(struct snapshot *snapshot, struct held_campaign *held)
{
	size_t at = snapshot->reference.campaign_count++;

	snapshot->held[at] = held;
	snapshot->reference.campaigns[at] = held->value;
}

static struct held_campaign *snapshot_find(struct snapshot *snapshot, uint32_t id)
{
	for (size_t i = 0; snapshot != NULL && i < snapshot->reference.campaign_count; i++)
		if (snapshot->held[i]->value.id == id)
			return snapshot->held[i];
	return NULL;
}

/* Loading --------------------------------------------------------------------------------------------------------- */

/* Codes and names of the rows, each with its NUL: the results' texts have none. */
static bool copy_texts(const PGresult *rows, char **texts)
{
	size_t size = 1;
	int count = PQntuples(rows);

	for (int i = 0; i < count; i++)
		size += pg_get_bytes(rows, i, 2).size + pg_get_bytes(rows, i, 3).size + 2;
	*texts = malloc(size);
	if (*texts == NULL)
		return false;
	char *at = *texts;
	for (int i = 0; i < count; i++)
		for (int column = 2; column <= 3; column++) {
			struct bytes text = pg_get_bytes(rows, i, column);
			memcpy(at, text.data, text.size);
			at[text.size] = '\0';
			at += text.size + 1;
		}
	return true;
}

static const char NO_UNITS[] = "no units";

static struct unit_tree *build_units(const PGresult *rows, const char **fault)
{
	int count = PQntuples(rows);
	struct unit_row *units = calloc((size_t)count + 1, sizeof(*units));
	char *texts = NULL;
	struct unit_tree *tree = NULL;

	*fault = count == 0 ? NO_UNITS : "out of memory";
	if (count > 0 && units != NULL && copy_texts(rows, &texts)) {
		const char *at = texts;
		for (int i = 0; i < count; i++) {
			units[i].id = (uint32_t)pg_get_i32(rows, i, 0);
			units[i].parent = (uint32_t)pg_get_i32(rows, i, 1);
			units[i].code = at;
			units[i].name = at + strlen(at) + 1;
			at = units[i].name + strlen(units[i].name) + 1;
			units[i].level = (enum unit_level)pg_get_i16(rows, i, 4);
			units[i].block = (enum submission_block)pg_get_i16(rows, i, 5);
			units[i].accepts_submissions = pg_get_bool(rows, i, 6);
			units[i].merged = pg_get_bool(rows, i, 7);
			units[i].scope_top = (uint32_t)pg_get_i32(rows, i, 8);
		}
		tree = unit_tree_new(units, (size_t)count, fault);
	}
	free(units);
	free(texts);
	return tree;
}

static bool read_print(struct pg *pg, uint32_t campaign, struct units_print *print)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg,
		    "SELECT count(*), coalesce(sum(xmin::text::int8), 0)::int8, coalesce(max(xmin::text::int8), 0) "
		    "FROM unit WHERE campaign_id = $1",
		    &rows, clock_monotonic_ms() + LOAD_DEADLINE_MS) != PG_OK)
		return false;
	*print = (struct units_print){
		.count = pg_get_i64(rows, 0, 0), .sum = pg_get_i64(rows, 0, 1), .newest = pg_get_i64(rows, 0, 2)};
	return true;
}

static bool is_same_print(const struct units_print *a, const struct units_print *b)
{
	return a->count == b->count && a->sum == b->sum && a->newest == b->newest;
}

static enum pg_status load_tree(struct pg *pg, uint32_t campaign, struct unit_tree **tree, const char **fault)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	enum pg_status status = pg_run(pg,
		"SELECT id, parent_id, code, name, level, block, accepts_submissions, merged, scope_top FROM unit "
		"WHERE campaign_id = $1 ORDER BY id",
		&rows, clock_monotonic_ms() + LOAD_DEADLINE_MS);
	if (status == PG_OK)
		*tree = build_units(rows, fault);
	return status;
}

/* Those of before where nothing of them has changed. True with `units` NULL: the rows are no tree. False: PostgreSQL or
 * memory failed. */
static bool load_units(
	struct pg *pg, uint32_t campaign, struct held_units *before, struct held_units **units, const char **fault)
{
	struct units_print print;
	struct unit_tree *tree = NULL;

	*units = NULL;
	if (!read_print(pg, campaign, &print))
		return false;
	if (before != NULL && is_same_print(&before->print, &print)) {
		atomic_fetch_add(&before->holders, 1);
		*units = before;
		return true;
	}
	if (load_tree(pg, campaign, &tree, fault) != PG_OK)
		return false;
	if (tree == NULL)
		return true;
	*units = calloc(1, sizeof(**units));
	if (*units == NULL) {
		unit_tree_free(&tree);
		return false;
	}
	atomic_init(&(*units)->holders, 1);
	(*units)->print = print;
	(*units)->tree = tree;
	return true;
}

static bool load_rounds(struct pg *pg, uint32_t campaign, struct reference_campaign *value)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg, "SELECT number, first_day, last_day FROM quota_round WHERE campaign_id = $1 ORDER BY number",
		    &rows, clock_monotonic_ms() + LOAD_DEADLINE_MS) != PG_OK)
		return false;
	value->rounds = calloc((size_t)PQntuples(rows) + 1, sizeof(*value->rounds));
	if (value->rounds == NULL)
		return false;
	value->round_count = (size_t)PQntuples(rows);
	for (int i = 0; i < PQntuples(rows); i++)
		value->rounds[i] = (struct reference_round){.number = (uint32_t)pg_get_i16(rows, i, 0),
			.first_day = pg_get_day(rows, i, 1),
			.last_day = pg_get_day(rows, i, 2)};
	return true;
}

static void say_faults(const char *code, const struct buffer *faults)
{
	const char *line = (const char *)faults->data, *end = line + faults->size;

	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		char words[512];
		size_t size = (size_t)((stop == NULL ? end : stop) - line);

		size = size < sizeof(words) ? size : sizeof(words) - 1;
		memcpy(words, line, size);
		words[size] = '\0';
		log_error("campaign_faulty", KV_TEXT("campaign", code), KV_TEXT("fault", words));
		line = stop == NULL ? end : stop + 1;
	}
}

static struct campaign *parse_source(const char *code, struct bytes source)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	struct campaign *campaign = campaign_parse(code, source, &faults);

	if (campaign == NULL)
		say_faults(code, &faults);
	return campaign;
}

/* Between `campaign apply` and its first `units import` a campaign has none: nothing is wrong. */
static void say_no_units(const char *code, const char *fault, bool keeps_last_good)
{
	if (strcmp(fault, NO_UNITS) == 0 && !keeps_last_good)
		log_info("campaign_without_units", KV_TEXT("campaign", code));
	else
		log_error("unit_tree_faulty", KV_TEXT("campaign", code), KV_TEXT("fault", fault),
			KV_BOOL("keeps_last_good", keeps_last_good));
}

/* One campaign of the new snapshot: as it is now, else the last good one, else none. False: PostgreSQL failed. */
static bool load_campaign(
	const struct loading *loading, uint32_t id, uint64_t tree_version, const char *code, struct bytes yaml)
{
	struct held_campaign *before = snapshot_find(loading->before, id);
	struct held_campaign *held = calloc(1, sizeof(*held));
	const char *fault = "";

	if (held == NULL)
		return false;
	atomic_init(&held->holders, 1);
	held->value.id = id;
	held->value.tree_version = tree_version;
	if (!load_units(loading->pg, id, before == NULL ? NULL : before->units, &held->units, &fault) ||
		!load_rounds(loading->pg, id, &held->value)) {
		held_release(held);
		return false;
	}
	held->value.units = held->units == NULL ? NULL : held->units->tree;
	if (held->value.units == NULL)
		say_no_units(code, fault, before != NULL);
	held->value.campaign = parse_source(code, yaml);
	if (held->value.units == NULL || held->value.campaign == NULL) {
		held_release(held);
		held = before;
		if (before != NULL)
			atomic_fetch_add(&before->holders, 1);
	}
	if (held != NULL)
		snapshot_add(loading->snapshot, held);
	return true;
}

bool reference_version_read(struct pg *pg, uint64_t *version)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;

	pg_params(pg);
	if (pg_run(pg, "SELECT version FROM reference_version", &rows, clock_monotonic_ms() + VERSION_DEADLINE_MS) !=
			PG_OK ||
		PQntuples(rows) != 1)
		return false;
	*version = (uint64_t)pg_get_i64(rows, 0, 0);
	return true;
}

static bool load_campaigns(const struct loading *loading, const PGresult *rows)
{
	for (int i = 0; i < PQntuples(rows); i++) {
		struct bytes text = pg_get_bytes(rows, i, 1);
		char code[64];
		size_t size = text.size < sizeof(code) ? text.size : sizeof(code) - 1;

		memcpy(code, text.data, size);
		code[size] = '\0';
		if (!load_campaign(loading, (uint32_t)pg_get_i16(rows, i, 0), (uint64_t)pg_get_i64(rows, i, 3), code,
			    pg_get_bytes(rows, i, 2)))
			return false;
	}
	return true;
}

/* The version belongs to exactly these rows: one transaction sees one state. */
static struct snapshot *load_all(struct pg *pg, struct snapshot *before)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	uint64_t version;

	if (!reference_version_read(pg, &version))
		return NULL;
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT id, code, source, coalesce(t.version, 0) FROM campaign LEFT JOIN unit_tree t "
		    "ON t.campaign_id = id ORDER BY id",
		    &rows, clock_monotonic_ms() + LOAD_DEADLINE_MS) != PG_OK)
		return NULL;
	struct loading loading = {
		.pg = pg, .before = before, .snapshot = snapshot_new(version, (size_t)PQntuples(rows))};
	if (loading.snapshot != NULL && !load_campaigns(&loading, rows)) {
		snapshot_release(loading.snapshot);
		return NULL;
	}
	return loading.snapshot;
}

struct snapshot *snapshot_load(struct pg *pg, struct snapshot *before)
{
	if (pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		    clock_monotonic_ms() + VERSION_DEADLINE_MS) != PG_OK)
		return NULL;
	struct snapshot *snapshot = load_all(pg, before);
	pg_rollback(pg, clock_monotonic_ms() + VERSION_DEADLINE_MS);
	return snapshot;
}
