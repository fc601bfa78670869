/* `sangkien campaign apply` and `list`: rule packs as data. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/program.h"
#include "services/control/quota_apply.h"
#include "services/control/rehearsal_report.h"
#include "services/control/rehearsal_rows.h"
#include "services/control/rules_history.h"
#include "services/control/session.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct applied {
	const char *code;
	const struct campaign *campaign;
	struct buffer source;
	uint8_t sha256[crypto_hash_sha256_BYTES];
	int16_t id;
	bool is_new, unchanged;
};

static bool keeps_what_was_decided(struct pg *pg, const struct applied *applied, struct bytes source)
{
	struct buffer faults CLEANUP(buffer_deinit) = {0};
	struct campaign *before CLEANUP(campaign_free) = campaign_parse(applied->code, source, &faults);

	return before == NULL || rules_history_keeps(pg, applied->id, before, applied->campaign);
}

/* Finds its id and whether the same file is in force. */
static bool find_campaign(struct pg *pg, struct applied *applied)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL, *next CLEANUP(pg_result_clear) = NULL;

	pg_cstr(pg_params(pg), applied->code);
	if (pg_run(pg,
		    "SELECT c.id, c.sha256, c.source, coalesce(b.version, 0) FROM campaign c "
		    "LEFT JOIN board b ON b.campaign_id = c.id WHERE c.code = $1",
		    &rows, session_deadline()) != PG_OK)
		return false;
	if (PQntuples(rows) == 1) {
		struct bytes sha256 = pg_get_bytes(rows, 0, 1);
		applied->id = pg_get_i16(rows, 0, 0);
		applied->unchanged = sha256.size == sizeof(applied->sha256) &&
				     memcmp(sha256.data, applied->sha256, sha256.size) == 0;
		return pg_get_i64(rows, 0, 3) == 0 || keeps_what_was_decided(pg, applied, pg_get_bytes(rows, 0, 2));
	}
	applied->is_new = true;
	pg_params(pg);
	if (pg_run(pg, "SELECT (coalesce(max(id), 0) + 1)::int2 FROM campaign", &next, session_deadline()) != PG_OK)
		return false;
	applied->id = pg_get_i16(next, 0, 0);
	return true;
}

static bool store(struct pg *pg, const struct applied *applied)
{
	struct pg_params *p = pg_params(pg);

	pg_i16(p, applied->id);
	pg_cstr(p, applied->code);
	pg_text(p, buffer_bytes(&applied->source));
	pg_bytea(p, (struct bytes){applied->sha256, sizeof(applied->sha256)});
	return pg_run(pg,
		       "WITH applied AS (INSERT INTO campaign (id, code, source, sha256) VALUES ($1, $2, $3, $4) "
		       "ON CONFLICT (id) DO UPDATE SET source = $3, sha256 = $4, applied_at = now()), "
		       "history AS (INSERT INTO campaign_history (campaign_id, source, sha256) VALUES ($1, $3, $4)), "
		       "moved AS (UPDATE reference_version SET version = version + 1) "
		       "INSERT INTO board (campaign_id) VALUES ($1) ON CONFLICT DO NOTHING",
		       NULL, session_deadline()) == PG_OK;
}

static int apply(struct pg *pg, struct applied *applied)
{
	/* Others that apply wait for the lock. */
	bool good = pg_begin(pg, session_deadline()) == PG_OK &&
		    pg_script(pg, "LOCK TABLE campaign IN SHARE ROW EXCLUSIVE MODE", session_deadline()) == PG_OK &&
		    find_campaign(pg, applied) &&
		    (applied->unchanged || (store(pg, applied) && quota_renew(pg, applied->code))) &&
		    pg_commit(pg, session_deadline()) == PG_OK;

	if (good)
		return EXIT_OK;
	if (pg_error(pg)[0] != '\0')
		fprintf(stderr, "sangkien: the campaign is not applied: %s\n", pg_error(pg));
	pg_rollback(pg, session_deadline());
	return pg_connected(pg) ? EXIT_DATA_BAD : EXIT_AWAY;
}

/* What was decided, decided again by the new rules, and counted. Its units are those in force. */
static int rehearse_decided(struct pg *pg, const struct applied *applied, bool json)
{
	struct session_campaign loaded CLEANUP(session_campaign_unload) = {0};
	struct rehearsal rehearsal CLEANUP(rehearsal_deinit) = {0};
	uint64_t undecided = 0;

	if (!session_campaign_load(pg, applied->code, &loaded))
		return EXIT_DATA_BAD;
	if (loaded.units == NULL) /* said: nothing can have been decided */
		return EXIT_OK;
	if (!rehearsal_init(&rehearsal, applied->campaign, loaded.units) ||
		!rehearsal_read(pg, applied->id, &rehearsal, &undecided)) {
		fprintf(stderr, "sangkien: what was decided cannot be read: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (json)
		rehearsal_print_json(&rehearsal, undecided);
	else
		rehearsal_print(&rehearsal, undecided);
	return EXIT_OK;
}

static int rehearse(struct pg *pg, struct applied *applied, bool json)
{
	int code = EXIT_DATA_BAD;

	if (pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (find_campaign(pg, applied)) {
		code = applied->is_new ? EXIT_OK : rehearse_decided(pg, applied, json);
		if (applied->is_new)
			printf(json ? "{\"campaign\":\"%s\",\"looked_at\":0,\"would_change\":0}\n"
				    : "%s: nothing written; a new campaign, nothing was decided\n",
				applied->code);
	}
	pg_rollback(pg, session_deadline());
	return code;
}

int command_campaign_apply(struct rundir *run, int argc, char **argv)
{
	const char *file = NULL;
	bool quiet = false, dry_run = false, json = false;
	const struct argument known[] = {{NULL, .text = &file}, {"--quiet", .flag = &quiet},
		{"--dry-run", .flag = &dry_run}, {"--json", .flag = &json}};
	struct applied applied = {0};
	struct buffer source CLEANUP(buffer_deinit) = {0}, faults CLEANUP(buffer_deinit) = {0};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("FILE", file))
		return EXIT_USAGE_BAD;
	if (json && !dry_run) {
		fputs("sangkien: --json goes with --dry-run\n", stderr);
		return EXIT_USAGE_BAD;
	}
	if (!file_read(file, &source))
		return EXIT_FILE_MISSING;
	struct campaign *campaign CLEANUP(campaign_free) = campaign_parse(file, buffer_bytes(&source), &faults);
	if (campaign == NULL) {
		fprintf(stderr, "%.*s", (int)faults.size, (const char *)faults.data);
		return EXIT_DATA_BAD;
	}
	applied.code = campaign->code;
	applied.campaign = campaign;
	applied.source = source;
	crypto_hash_sha256(applied.sha256, source.data, source.size);
	struct pg *pg CLEANUP(pg_close) = session_open(run, "campaign apply");
	if (pg != NULL && dry_run)
		return rehearse(pg, &applied, json);
	int code = pg == NULL ? EXIT_AWAY : apply(pg, &applied);
	if (code == EXIT_OK && !quiet)
		printf("%s: %s\n", applied.code, applied.unchanged ? "in force already" : "in force");
	return code;
}

static void print_text(const struct campaign *campaign, int64_t units, bool open)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];

	clock_format_instant(campaign->opens_at, from);
	clock_format_instant(campaign->closes_at, to);
	printf("%-24s %-6s %s  %s  %8lld units  rules %u  %s\n", campaign->code, open ? "open" : "closed", from, to,
		(long long)units, campaign->versions[campaign->version_count - 1].version, campaign->name.vi);
}

static void print_json(struct buffer *out, const struct campaign *campaign, int64_t units, bool open)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];

	clock_format_instant(campaign->opens_at, from);
	clock_format_instant(campaign->closes_at, to);
	buffer_text(out, out->size == 0 ? "{\"campaigns\":[{\"code\":" : ",{\"code\":");
	buffer_json_text(out, campaign->code);
	buffer_text(out, ",\"name\":");
	buffer_json_text(out, campaign->name.vi);
	buffer_format(out, ",\"opens_at\":\"%s\",\"closes_at\":\"%s\",\"open\":%s,\"units\":%lld,\"rules_version\":%u}",
		from, to, open ? "true" : "false", (long long)units,
		campaign->versions[campaign->version_count - 1].version);
}

int command_campaign_list(struct rundir *run, int argc, char **argv)
{
	bool json = false;
	const struct argument known[] = {{"--json", .flag = &json}};
	struct buffer out CLEANUP(buffer_deinit) = {0}, faults CLEANUP(buffer_deinit) = {0};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "campaign list");
	if (pg == NULL)
		return EXIT_AWAY;
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT c.code, c.source, (SELECT count(*) FROM unit u WHERE u.campaign_id = c.id) "
		    "FROM campaign c ORDER BY c.id",
		    &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the campaigns: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	for (int row = 0; row < PQntuples(rows); row++) {
		struct campaign *campaign CLEANUP(campaign_free) =
			campaign_parse("campaign", pg_get_bytes(rows, row, 1), &faults);
		if (campaign == NULL)
			continue;
		bool open = campaign_is_open(campaign, clock_now_us());
		if (json)
			print_json(&out, campaign, pg_get_i64(rows, row, 2), open);
		else
			print_text(campaign, pg_get_i64(rows, row, 2), open);
	}
	if (json)
		printf("%s%.*s]}\n", out.size == 0 ? "{\"campaigns\":[" : "", (int)out.size, (const char *)out.data);
	fprintf(stderr, "%.*s", (int)faults.size, faults.data == NULL ? "" : (const char *)faults.data);
	return faults.size == 0 ? EXIT_OK : EXIT_DRIFT;
}
