/* `sangkien units import`: the unit tree of a campaign, all or nothing. A unit keeps its id for ever. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/csv.h"
#include "services/control/move_totals.h"
#include "services/control/program.h"
#include "services/control/quota_apply.h"
#include "services/control/session.h"
#include "services/control/units_fault.h"
#include "services/control/units_move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ROOT_ID = 1 };
enum column { CODE, NAME, LEVEL, PARENT_CODE, BLOCK, ACCEPTS };
static const char *const columns[] = {"code", "name", "level", "parent_code", "block", "accepts", NULL};

struct import {
	const char *file;
	struct csv csv;
	struct unit_row *rows; /* one a row of the file, in its order */
	/* Row numbers + 1 by code: open addressing, a power of two. */
	uint32_t *by_code;
	size_t slots;
	int16_t campaign_id;
	int64_t changed;
	size_t moved; /* units whose name and place moves have changed: the file is older */
	bool dry_run;
	bool reshaped; /* a unit in force gets another parent */
};

static void import_free(struct import *import)
{
	csv_free(&import->csv);
	free(import->rows);
	free(import->by_code);
}

static bool complain(const struct import *import, size_t row, const char *fault, const char *word)
{
	fprintf(stderr, "%s:%u: %s '%s'\n", import->file, import->csv.rows[row].line, fault, word);
	return false;
}

static uint32_t *slot_of(const struct import *import, const char *code, size_t length)
{
	size_t at = XXH3_64bits(code, length) & (import->slots - 1);

	while (import->by_code[at] != 0) {
		const char *there = import->rows[import->by_code[at] - 1].code;
		if (strlen(there) == length && memcmp(there, code, length) == 0)
			break;
		at = (at + 1) & (import->slots - 1);
	}
	return &import->by_code[at];
}

static bool parse_level(const char *text, enum unit_level *level)
{
	static const char *const names[] = {"nation", "top", "upper", "grassroots", "section"};

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(text, names[i]) == 0 || (text[0] == (char)('0' + i) && text[1] == '\0')) {
			*level = (enum unit_level)i;
			return true;
		}
	return false;
}

static bool parse_yes_no(const char *text, bool *yes)
{
	*yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
	return *yes || strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
}

static bool read_row(struct import *import, size_t row)
{
	const char *const *cells = import->csv.rows[row].cells;
	struct unit_row *unit = &import->rows[row];
	uint32_t *slot = slot_of(import, cells[CODE], strlen(cells[CODE]));

	*unit = (struct unit_row){.code = cells[CODE], .name = cells[NAME], .block = BLOCK_NONE};
	if (cells[CODE][0] == '\0' || strlen(cells[CODE]) >= UNIT_CODE_MAX)
		return complain(import, row, "a code has 1 to 31 characters, not", cells[CODE]);
	if (*slot != 0)
		return complain(import, row, "a code stands twice:", cells[CODE]);
	if (cells[NAME][0] == '\0')
		return complain(import, row, "a name is missing for", cells[CODE]);
	if (!parse_level(cells[LEVEL], &unit->level))
		return complain(
			import, row, "a level is 0 to 4 or nation, top, upper, grassroots, section, not", cells[LEVEL]);
	if (cells[BLOCK][0] != '\0' && !block_parse(cells[BLOCK], &unit->block))
		return complain(import, row, "a block is enterprise, public or nothing, not", cells[BLOCK]);
	if (!parse_yes_no(cells[ACCEPTS], &unit->accepts_submissions))
		return complain(import, row, "accepts is 0 or 1, not", cells[ACCEPTS]);
	*slot = (uint32_t)row + 1;
	return true;
}

static bool read_units(struct import *import)
{
	size_t count = import->csv.count;

	import->slots = 16;
	while (import->slots < 2 * count)
		import->slots *= 2;
	import->by_code = calloc(import->slots, sizeof(*import->by_code));
	import->rows = calloc(count + 1, sizeof(*import->rows));
	assert(import->by_code != NULL && import->rows != NULL);
	for (size_t row = 0; row < count; row++)
		if (!read_row(import, row))
			return false;
	if (count == 0)
		fprintf(stderr, "%s:1: there are no units in it\n", import->file);
	return count > 0;
}

/* Units in force keep their ids; none may be missing, because submissions may stand below it. */
static bool keep_ids(struct import *import, const PGresult *known, uint32_t *highest)
{
	for (int i = 0; i < PQntuples(known); i++) {
		struct bytes code = pg_get_bytes(known, i, 1);
		uint32_t id = (uint32_t)pg_get_i32(known, i, 0);
		uint32_t row = *slot_of(import, (const char *)code.data, code.size);

		if (row == 0) {
			fprintf(stderr,
				"%s: the unit '%.*s' is in force and is missing; units are never removed, only closed "
				"(accepts 0)\n",
				import->file, (int)code.size, (const char *)code.data);
			return false;
		}
		import->rows[row - 1].id = id;
		*highest = id > *highest ? id : *highest;
	}
	return true;
}

static bool give_ids(struct import *import, const PGresult *known)
{
	uint32_t highest = ROOT_ID, roots = 0;

	if (!keep_ids(import, known, &highest))
		return false;
	for (size_t row = 0; row < import->csv.count; row++) {
		bool is_root = import->csv.rows[row].cells[PARENT_CODE][0] == '\0';
		if (import->rows[row].id == 0)
			import->rows[row].id = is_root ? ROOT_ID : ++highest;
		if (is_root && ++roots > 1)
			return complain(import, row, "there is a root already; a parent is missing for",
				import->rows[row].code);
		if (is_root && (import->rows[row].id != ROOT_ID || import->rows[row].level != UNIT_NATION))
			return complain(
				import, row, "the root stays the root, at level 0; not", import->rows[row].code);
	}
	for (size_t row = 0; row < import->csv.count; row++) {
		const char *parent = import->csv.rows[row].cells[PARENT_CODE];
		uint32_t at = *slot_of(import, parent, strlen(parent));
		if (parent[0] != '\0' && at == 0)
			return complain(import, row, "there is no unit with the parent's code", parent);
		import->rows[row].parent = at == 0 ? 0 : import->rows[at - 1].id;
	}
	return true;
}

/* What a unit is by a later move stands, whatever the tree says that it began as. */
static void keep_moves(struct import *import, const PGresult *known)
{
	for (int i = 0; i < PQntuples(known); i++) {
		struct bytes code = pg_get_bytes(known, i, 1);
		struct unit_row *row = &import->rows[*slot_of(import, (const char *)code.data, code.size) - 1];
		if (pg_get_bool(known, i, 3)) {
			row->parent = (uint32_t)pg_get_i32(known, i, 2);
			row->merged = pg_get_bool(known, i, 4);
			row->accepts_submissions &= !row->merged;
			import->moved++;
		}
		import->reshaped |= row->parent != (uint32_t)pg_get_i32(known, i, 2);
	}
}

static bool adds_nothing_below_merged(const struct import *import)
{
	for (size_t row = 0; import->moved > 0 && row < import->csv.count; row++) {
		const char *code = import->csv.rows[row].cells[PARENT_CODE];
		uint32_t at = *slot_of(import, code, strlen(code));
		if (at != 0 && import->rows[at - 1].merged && import->rows[row].parent == import->rows[at - 1].id)
			return complain(import, row, "its parent was merged into another unit; put it below that one:",
				import->rows[row].code);
	}
	return true;
}

/* Totals of all ancestors hold what was counted below a unit: once something was, it takes a move to change them. */
static int check_nothing_counted(struct pg *pg, const struct import *import)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	if (!import->reshaped)
		return EXIT_OK;
	if (!move_lock(pg))
		return EXIT_AWAY;
	pg_i16(pg_params(pg), import->campaign_id);
	if (pg_run(pg,
		    "SELECT u.code, u.parent_id FROM unit u WHERE u.campaign_id = $1 AND EXISTS (SELECT FROM "
		    "unit_total t "
		    "WHERE t.campaign_id = $1 AND t.unit_id = u.id)",
		    &rows, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	for (int i = 0; i < PQntuples(rows); i++) {
		struct bytes code = pg_get_bytes(rows, i, 0);
		uint32_t row = *slot_of(import, (const char *)code.data, code.size) - 1;
		if (import->rows[row].parent == (uint32_t)pg_get_i32(rows, i, 1))
			continue;
		complain(import, row,
			"submissions were decided below it; but by a file of moves (valid_from,code,merged_into,"
			"parent_code,name) it cannot move:",
			import->rows[row].code);
		return EXIT_DATA_BAD;
	}
	return EXIT_OK;
}

static bool reshape(struct pg *pg, const struct import *import)
{
	if (!import->reshaped)
		return true;
	pg_i16(pg_params(pg), import->campaign_id);
	return pg_run(pg,
		       "INSERT INTO unit_tree AS t VALUES ($1, 1) ON CONFLICT (campaign_id) DO UPDATE "
		       "SET version = t.version + 1",
		       NULL, session_deadline()) == PG_OK;
}

static bool check_tree(const struct import *import)
{
	const char *fault = NULL;
	struct unit_tree *tree = unit_tree_new(import->rows, import->csv.count, &fault);
	bool good = tree != NULL;

	if (!good) {
		const char *what = fault;
		size_t row = units_faulty_row(import->rows, import->csv.count, &what);
		if (row < import->csv.count)
			complain(import, row, what, import->rows[row].code);
		else
			fprintf(stderr, "%s:1: not a tree: %s; correct the file\n", import->file, fault);
	}
	unit_tree_free(&tree);
	return good;
}

static void add_column(struct pg_params *p, const struct import *import, enum column column)
{
	static const Oid types[] = {[CODE] = PG_OID_TEXT,
		[NAME] = PG_OID_TEXT,
		[LEVEL] = PG_OID_INT2,
		[PARENT_CODE] = PG_OID_INT4,
		[BLOCK] = PG_OID_INT2,
		[ACCEPTS] = PG_OID_BOOL};

	pg_array_begin(p, types[column]);
	for (size_t i = 0; i < import->csv.count; i++) {
		const struct unit_row *unit = &import->rows[i];
		if (column == CODE || column == NAME)
			pg_cstr(p, column == CODE ? unit->code : unit->name);
		else if (column == PARENT_CODE)
			pg_i32(p, (int32_t)unit->parent);
		else if (column == ACCEPTS)
			pg_bool(p, unit->accepts_submissions);
		else
			pg_i16(p, (int16_t)(column == LEVEL ? (int)unit->level : (int)unit->block));
	}
	pg_array_end(p);
}

static bool store(struct pg *pg, struct import *import)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i16(p, import->campaign_id);
	pg_array_begin(p, PG_OID_INT4);
	for (size_t i = 0; i < import->csv.count; i++)
		pg_i32(p, (int32_t)import->rows[i].id);
	pg_array_end(p);
	for (enum column column = CODE; column <= ACCEPTS; column++)
		add_column(p, import, column);
	if (pg_run(pg,
		    "WITH changed AS (INSERT INTO unit AS u (campaign_id, id, code, name, level, parent_id, block, "
		    "accepts_submissions) SELECT $1, n.id, n.code, coalesce(m.name, n.name), n.level, n.parent_id, "
		    "n.block, "
		    "n.accepts FROM unnest($2, $3, $4, $5, $6, $7, $8) "
		    "AS n(id, code, name, level, parent_id, block, accepts) LEFT JOIN unit m ON m.campaign_id = $1 "
		    "AND m.id = n.id AND EXISTS (SELECT FROM unit_past p WHERE p.campaign_id = $1 AND p.unit_id = "
		    "n.id) "
		    "ON CONFLICT (campaign_id, id) DO UPDATE SET name = excluded.name, level = excluded.level, "
		    "parent_id = excluded.parent_id, block = excluded.block, "
		    "accepts_submissions = excluded.accepts_submissions "
		    "WHERE (u.name, u.level, u.parent_id, u.block, u.accepts_submissions) IS DISTINCT FROM "
		    "(excluded.name, excluded.level, excluded.parent_id, excluded.block, excluded.accepts_submissions) "
		    "RETURNING 1), moved AS (UPDATE reference_version SET version = version + 1 "
		    "WHERE EXISTS (SELECT FROM changed)) SELECT count(*) FROM changed",
		    &rows, session_deadline()) != PG_OK)
		return false;
	import->changed = pg_get_i64(rows, 0, 0);
	return true;
}

/* Locks the campaign's row, so that of two imports the second sees the first. */
static int import_units(struct pg *pg, struct import *import, const char *code)
{
	PGresult *campaign CLEANUP(pg_result_clear) = NULL, *known CLEANUP(pg_result_clear) = NULL;

	if (pg_begin(pg, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	pg_cstr(pg_params(pg), code);
	if (pg_run(pg, "SELECT id FROM campaign WHERE code = $1 FOR UPDATE", &campaign, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (PQntuples(campaign) == 0) {
		fprintf(stderr, "sangkien: there is no campaign '%s'; `sangkien campaign list` shows them\n", code);
		return EXIT_DATA_BAD;
	}
	import->campaign_id = pg_get_i16(campaign, 0, 0);
	pg_i16(pg_params(pg), import->campaign_id);
	if (pg_run(pg,
		    "SELECT u.id, u.code, u.parent_id, EXISTS (SELECT FROM unit_past p WHERE p.campaign_id = $1 "
		    "AND p.unit_id = u.id), u.merged FROM unit u WHERE u.campaign_id = $1",
		    &known, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (!give_ids(import, known))
		return EXIT_DATA_BAD;
	keep_moves(import, known);
	if (!adds_nothing_below_merged(import) || !check_tree(import))
		return EXIT_DATA_BAD;
	int counted = check_nothing_counted(pg, import);
	if (counted != EXIT_OK)
		return counted;
	if (!store(pg, import) || !reshape(pg, import) || (import->changed > 0 && !quota_renew(pg, code)))
		return EXIT_AWAY;
	if (import->dry_run) {
		pg_rollback(pg, session_deadline());
		return EXIT_OK;
	}
	return pg_commit(pg, session_deadline()) == PG_OK ? EXIT_OK : EXIT_AWAY;
}

static void report(const struct import *import, const char *campaign)
{
	printf("%s: %zu units, %lld of them new or changed%s\n", campaign, import->csv.count,
		(long long)import->changed, import->dry_run ? "; nothing is changed" : "");
	if (import->moved > 0)
		printf("%s: %zu of them stand and are named as later moves say, not as this file does\n", campaign,
			import->moved);
}

static int import_into(struct rundir *run, struct import *import, const char *campaign, bool quiet)
{
	struct pg *pg CLEANUP(pg_close) = session_open(run, "units import");

	if (pg == NULL)
		return EXIT_AWAY;
	int code = import_units(pg, import, campaign);
	if (code == EXIT_AWAY)
		fprintf(stderr, "sangkien: the units are not imported: %s\n", pg_error(pg));
	if (code != EXIT_OK)
		pg_rollback(pg, session_deadline());
	else if (!quiet)
		report(import, campaign);
	return code;
}

int command_units_import(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL;
	bool quiet = false;
	struct import import = {0};
	struct buffer content CLEANUP(buffer_deinit) = {0};
	const struct argument known[] = {{NULL, .text = &import.file}, {"--campaign", .text = &campaign},
		{"--dry-run", .flag = &import.dry_run}, {"--quiet", .flag = &quiet}};
	int code = EXIT_DATA_BAD;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("FILE", import.file) ||
		!arguments_needed("--campaign", campaign))
		return EXIT_USAGE_BAD;
	if (!file_read(import.file, &content))
		return EXIT_FILE_MISSING;
	if (is_file_of_moves(buffer_bytes(&content)))
		return units_move(run, &(struct move_wish){.file = import.file,
					       .campaign = campaign,
					       .content = buffer_bytes(&content),
					       .dry_run = import.dry_run,
					       .quiet = quiet});
	if (csv_read(import.file, buffer_bytes(&content), columns, &import.csv) && read_units(&import))
		code = import_into(run, &import, campaign, quiet);
	import_free(&import);
	return code;
}
