/* `sangkien officers import`: who is told how the units of a campaign stand, all or nothing. */
#include "common/domain/sealed.h"
#include "common/runtime/key_file.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/officer_file.h"
#include "services/control/program.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Those that stay keep their sealed address: a seal is another one each time. */
static const char store_sql[] =
	"WITH given AS (SELECT * FROM unnest($2::uuid[], $3::int4[], $4::bool[], $5::bytea[], $6::uuid[]) "
	"AS g (id, unit_id, english, sealed, address_hash)), gone AS (DELETE FROM officer AS o WHERE o.campaign_id = "
	"$1 AND NOT EXISTS (SELECT FROM given AS g "
	"WHERE g.id = o.id) RETURNING 1), "
	"known AS (SELECT o.id FROM officer AS o JOIN given AS g USING (id)), "
	"put AS (INSERT INTO officer AS o (id, campaign_id, unit_id, english, sealed, address_hash) "
	"SELECT id, $1, unit_id, english, sealed, address_hash FROM given ON CONFLICT (id) DO UPDATE "
	"SET english = EXCLUDED.english, address_hash = EXCLUDED.address_hash WHERE (o.english, o.address_hash) "
	"IS DISTINCT FROM (EXCLUDED.english, EXCLUDED.address_hash) RETURNING id), "
	"counts AS (SELECT (SELECT count(*) FROM put WHERE id NOT IN (SELECT id FROM known)) AS added, "
	"(SELECT count(*) FROM put WHERE id IN (SELECT id FROM known)) AS changed, (SELECT count(*) FROM gone) AS "
	"gone), "
	"moved AS (UPDATE reference_version SET version = version + 1 WHERE EXISTS (SELECT FROM counts "
	"WHERE added + changed + gone > 0)) SELECT added, changed, gone FROM counts";

struct import {
	const char *file, *campaign;
	bool dry_run;
	struct bytes text;
	uint8_t person_key[OFFICER_KEY_SIZE], sealing_public[SEALED_KEY_SIZE];
	struct officers officers;
	struct session_campaign loaded;
	int64_t added, changed, gone;
};

static bool load_keys(const struct rundir *run, struct import *import)
{
	char directory[RUNDIR_FILE_MAX];

	rundir_file(run, directory, "keys");
	if (key_file_load(directory, "person.key", import->person_key, sizeof(import->person_key)) &&
		key_file_load(directory, "sealing.public", import->sealing_public, sizeof(import->sealing_public)))
		return true;
	fprintf(stderr, "sangkien: %s: person.key and sealing.public must hold 32 bytes each\n", directory);
	return false;
}

static void put_sealed(struct pg_params *p, const struct import *import, const struct sealer *sealer)
{
	pg_array_begin(p, PG_OID_BYTEA);
	for (size_t i = 0; i < import->officers.count; i++) {
		const struct officer *officer = &import->officers.rows[i];
		const struct personal personal = {
			.phone = {(const uint8_t *)officer->address, strlen(officer->address)}};
		CLEANUP(buffer_deinit) struct buffer sealed = {0};
		bool good = sealer_seal(sealer, &officer->id, &personal, &sealed);
		assert(good && !sealed.failed); /* an address is far shorter than what can be sealed */
		pg_bytea(p, buffer_bytes(&sealed));
	}
	pg_array_end(p);
}

#define PUT_OFFICERS(p, type, value) PG_PUT_EACH(p, type, o, &import->officers.rows[i], import->officers.count, value)

static bool store(struct pg *pg, struct import *import)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct sealer *sealer = sealer_new(import->sealing_public);
	struct pg_params *p = pg_params(pg);

	if (sealer == NULL)
		return false;
	pg_i16(p, (int16_t)import->loaded.id);
	PUT_OFFICERS(p, PG_OID_UUID, pg_uuid(p, &o->id));
	PUT_OFFICERS(p, PG_OID_INT4, pg_i32(p, (int32_t)o->unit));
	PUT_OFFICERS(p, PG_OID_BOOL, pg_bool(p, o->english));
	put_sealed(p, import, sealer);
	PUT_OFFICERS(p, PG_OID_UUID, pg_uuid(p, &o->address_hash));
	sealer_free(&sealer);
	if (pg_run(pg, store_sql, &rows, session_deadline()) != PG_OK)
		return false;
	import->added = pg_get_i64(rows, 0, 0);
	import->changed = pg_get_i64(rows, 0, 1);
	import->gone = pg_get_i64(rows, 0, 2);
	return true;
}

/* Two imports at once: the second replaces what the first has put there. */
static bool begin_alone(struct pg *pg)
{
	return pg_begin(pg, session_deadline()) == PG_OK &&
	       pg_run(pg, "LOCK TABLE officer IN SHARE ROW EXCLUSIVE MODE", NULL, session_deadline()) == PG_OK;
}

static int replace(struct pg *pg, struct import *import)
{
	bool done = begin_alone(pg) && store(pg, import);

	if (done && !import->dry_run)
		done = pg_commit(pg, session_deadline()) == PG_OK;
	else
		pg_rollback(pg, session_deadline());
	if (!done)
		fprintf(stderr, "sangkien: the officers are not certain to be in force: %s\n", pg_error(pg));
	return done ? EXIT_OK : EXIT_AWAY;
}

static int read_and_replace(struct pg *pg, struct import *import)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};

	if (!session_campaign_load(pg, import->campaign, &import->loaded))
		return EXIT_DATA_BAD;
	if (import->loaded.units == NULL) {
		fprintf(stderr, "sangkien: campaign '%s' has no units yet; import them first\n", import->campaign);
		return EXIT_DATA_BAD;
	}
	if (!officers_read(import->file, import->text, import->loaded.units, import->loaded.id, import->person_key,
		    &import->officers, &faults)) {
		fprintf(stderr, "%.*s", (int)faults.size, faults.data == NULL ? "" : (const char *)faults.data);
		return EXIT_DATA_BAD;
	}
	return replace(pg, import);
}

static int import_file(struct rundir *run, struct import *import)
{
	struct pg *pg CLEANUP(pg_close) = session_open(run, "officers import");
	int code = pg == NULL ? EXIT_AWAY : EXIT_OK;

	if (code == EXIT_OK && !load_keys(run, import))
		code = EXIT_CONFIG_BAD;
	if (code == EXIT_OK)
		code = read_and_replace(pg, import);
	if (code == EXIT_OK)
		printf("%s: %s; %zu officers, %" PRId64 " new, %" PRId64 " changed, %" PRId64 " gone\n",
			import->campaign, import->dry_run ? "nothing written" : "in force", import->officers.count,
			import->added, import->changed, import->gone);
	officers_free(&import->officers);
	session_campaign_unload(&import->loaded);
	sodium_memzero(import->person_key, sizeof(import->person_key));
	return code;
}

int command_officers_import(struct rundir *run, int argc, char **argv)
{
	struct import import = {0};
	CLEANUP(buffer_deinit) struct buffer content = {0};
	const struct argument known[] = {{NULL, .text = &import.file}, {"--campaign", .text = &import.campaign},
		{"--dry-run", .flag = &import.dry_run}};
	int code;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("FILE", import.file) ||
		!arguments_needed("--campaign", import.campaign))
		return EXIT_USAGE_BAD;
	if (!file_read(import.file, &content))
		return EXIT_FILE_MISSING;
	import.text = buffer_bytes(&content);
	code = import_file(run, &import);
	sealed_forget(&content);
	return code;
}
