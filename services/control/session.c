#include "services/control/session.h"

#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "services/control/command.h"
#include "services/control/program.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 10000, SECRET_BYTES = 32, HASH_BYTES = 32, IN_FORCE_MS = 1000 };

static const char SECRET_PREFIX[] = "sk_";

int64_t session_deadline(void)
{
	return clock_monotonic_ms() + SESSION_STATEMENT_MS;
}

struct pg *session_open(struct rundir *run, const char *command)
{
	char conninfo[RUNDIR_FILE_MAX], name[64];
	if (!rundir_enter(run))
		return NULL;
	snprintf(name, sizeof(name), "sangkien %s", command);
	struct pg *pg = pg_open(rundir_conninfo(run, conninfo), name);
	if (pg == NULL || !pg_ready(pg, clock_monotonic_ms() + CONNECT_MS)) {
		fprintf(stderr, "sangkien: PostgreSQL does not answer below %s; is it up? (`sangkien status`)\n",
			run->path);
		pg_close(&pg);
	}
	return pg;
}

static char *row_text(const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);
	char *copy = malloc(text.size + 1);
	assert(copy != NULL);
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

bool session_units_read(struct pg *pg, uint32_t campaign_id, struct unit_row **units, size_t *count)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	pg_i16(pg_params(pg), (int16_t)campaign_id);
	*units = NULL;
	*count = 0;
	if (pg_run(pg,
		    "SELECT id, parent_id, code, name, level, block, accepts_submissions, merged, scope_top FROM unit "
		    "WHERE campaign_id = $1 ORDER BY id",
		    &rows, session_deadline()) != PG_OK)
		return false;
	*count = (size_t)PQntuples(rows);
	*units = calloc(*count + 1, sizeof(**units));
	assert(*units != NULL);
	for (size_t i = 0; i < *count; i++)
		(*units)[i] = (struct unit_row){
			.id = (uint32_t)pg_get_i32(rows, (int)i, 0),
			.parent = (uint32_t)pg_get_i32(rows, (int)i, 1),
			.code = row_text(rows, (int)i, 2),
			.name = row_text(rows, (int)i, 3),
			.level = (enum unit_level)pg_get_i16(rows, (int)i, 4),
			.block = (enum submission_block)pg_get_i16(rows, (int)i, 5),
			.accepts_submissions = pg_get_bool(rows, (int)i, 6),
			.merged = pg_get_bool(rows, (int)i, 7),
			.scope_top = (uint32_t)pg_get_i32(rows, (int)i, 8),
		};
	return true;
}

void session_units_free(struct unit_row **units, size_t count)
{
	for (size_t i = 0; *units != NULL && i < count; i++) {
		free((char *)(*units)[i].code);
		free((char *)(*units)[i].name);
	}
	free(*units);
	*units = NULL;
}

static struct unit_tree *load_units(struct pg *pg, uint32_t campaign_id)
{
	const char *fault = "no units were imported";
	struct unit_row *units;
	size_t count;
	if (!session_units_read(pg, campaign_id, &units, &count))
		return NULL;
	struct unit_tree *tree = count == 0 ? NULL : unit_tree_new(units, count, &fault);
	session_units_free(&units, count);
	if (tree == NULL)
		fprintf(stderr, "sangkien: the campaign's units: %s\n", fault);
	return tree;
}

bool session_campaign_load(struct pg *pg, const char *code, struct session_campaign *loaded)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct buffer faults CLEANUP(buffer_deinit) = {0};
	*loaded = (struct session_campaign){0};
	pg_cstr(pg_params(pg), code);
	if (pg_run(pg, "SELECT id, source FROM campaign WHERE code = $1", &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the campaign: %s\n", pg_error(pg));
		return false;
	}
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "sangkien: there is no campaign '%s'; `sangkien campaign list` shows them\n", code);
		return false;
	}
	loaded->id = (uint32_t)pg_get_i16(rows, 0, 0);
	loaded->campaign = campaign_parse(code, pg_get_bytes(rows, 0, 1), &faults);
	if (loaded->campaign == NULL) {
		fprintf(stderr, "sangkien: %.*s", (int)faults.size, (const char *)faults.data);
		return false;
	}
	loaded->units = load_units(pg, loaded->id);
	return true;
}

int session_campaigns_find(struct pg *pg, const char *code, PGresult **rows)
{
	pg_cstr(pg_params(pg), code);
	if (pg_run(pg, "SELECT id, code FROM campaign WHERE $1 IS NULL OR code = $1 ORDER BY id", rows,
		    session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the campaigns: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (PQntuples(*rows) > 0 || code == NULL)
		return EXIT_OK;
	fprintf(stderr, "sangkien: there is no campaign '%s'; `sangkien campaign list` shows them\n", code);
	return EXIT_DATA_BAD;
}

void session_campaign_unload(struct session_campaign *loaded)
{
	campaign_free(&loaded->campaign);
	unit_tree_free(&loaded->units);
}

bool token_make(struct pg *pg, const struct token_grant *grant, struct id128 *id, char secret[SESSION_SECRET_SIZE])
{
	uint8_t random[SECRET_BYTES], hash[HASH_BYTES];
	*id = random_id();
	random_fill(random, sizeof(random));
	memcpy(secret, SECRET_PREFIX, sizeof(SECRET_PREFIX));
	sodium_bin2base64(secret + sizeof(SECRET_PREFIX) - 1, SESSION_SECRET_SIZE - sizeof(SECRET_PREFIX) + 1, random,
		sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)secret, strlen(secret), NULL, 0);
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, id);
	pg_bytea(p, (struct bytes){hash, sizeof(hash)});
	pg_cstr(p, grant->role);
	if (grant->campaign_id == 0)
		pg_null(p, PG_OID_INT2);
	else
		pg_i16(p, (int16_t)grant->campaign_id);
	if (grant->unit_id == 0)
		pg_null(p, PG_OID_INT4);
	else
		pg_i32(p, (int32_t)grant->unit_id);
	pg_cstr(p, grant->label);
	pg_instant(p, clock_now_us() + (int64_t)grant->valid_s * 1000000);
	if (pg_run(pg,
		    "WITH raised AS (UPDATE token_version SET version = version + 1) "
		    "INSERT INTO token (id, secret_hash, role, campaign_id, unit_id, label, expires_at) "
		    "VALUES ($1, $2, $3, $4, $5, $6, $7)",
		    NULL, session_deadline()) == PG_OK) {
		usleep(IN_FORCE_MS * 1000);
		return true;
	}
	fprintf(stderr, "sangkien: cannot store the token: %s\n", pg_error(pg));
	return false;
}

bool token_end(struct pg *pg, const struct id128 *id)
{
	pg_uuid(pg_params(pg), id);
	return pg_run(pg,
		       "WITH raised AS (UPDATE token_version SET version = version + 1) "
		       "UPDATE token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
		       NULL, session_deadline()) == PG_OK;
}
