/* `sangkien quarantine`: what a stage refused for good, why, and handing it out again. No personal data is shown. */
#include "common/domain/status.h"
#include "common/domain/tracking_code.h"
#include "common/runtime/buffer.h"
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIST_STANDARD = 100, LIST_MAX = 100000, STATE_DIGITS = 19 };

/* A submission may stand in several stages' rows; it waits as long as one of them is open and it has no decision. */
#define COLUMNS                                                                                                        \
	"SELECT q.submission_id, coalesce(c.code, '-'), coalesce(u.code, '-'), q.stage, q.reason, q.at, q.attempts, "  \
	"q.released_at, coalesce(d.status, 0::int2), octet_length(coalesce(s.description, '')), count(*) OVER () "     \
	"FROM quarantine q LEFT JOIN submission s ON s.id = q.submission_id "                                          \
	"LEFT JOIN campaign c ON c.id = s.campaign_id "                                                                \
	"LEFT JOIN unit u ON u.campaign_id = s.campaign_id AND u.id = s.unit_id LEFT JOIN LATERAL (SELECT status "     \
	"FROM decision WHERE submission_id = q.submission_id ORDER BY revision DESC LIMIT 1) d ON true "
enum { ID, CAMPAIGN, UNIT, STAGE, REASON, AT, ATTEMPTS, RELEASED_AT, STATUS, OCTETS, ALL };

static const char list_sql[] =
	COLUMNS "WHERE ($1 OR q.released_at IS NULL) AND ($2 IS NULL OR c.code = $2) AND ($3 IS NULL OR q.stage = $3) "
		"ORDER BY q.at DESC, q.submission_id, q.stage LIMIT $4";
static const char show_sql[] = COLUMNS "WHERE q.submission_id = $1 ORDER BY q.at, q.stage";

/* Every open row of a submission, or whatever stage refused it next would hold it back; once more: none is open. Says
 * of how many submissions, and how many of those are held by a stage that was not named, or decided. */
static const char replay_sql[] =
	"WITH released AS (UPDATE quarantine SET released_at = now() WHERE released_at IS NULL AND ($1 IS NULL OR "
	"submission_id = $1) "
	"AND ($2 IS NULL OR stage = $2) AND ($3 IS NULL OR submission_id IN (SELECT s.id FROM submission s "
	"JOIN campaign c ON c.id = s.campaign_id WHERE c.code = $3 AND s.id = quarantine.submission_id)) "
	"RETURNING submission_id), replayed AS (SELECT DISTINCT submission_id AS id FROM released), "
	"told AS (SELECT EXISTS (SELECT FROM decision d WHERE d.submission_id = r.id) AS decided, $2 IS NOT NULL AND "
	"EXISTS (SELECT FROM quarantine q WHERE q.submission_id = r.id AND q.released_at IS NULL AND q.stage <> $2) "
	"AS held FROM replayed r) SELECT count(*), count(*) FILTER (WHERE decided), "
	"count(*) FILTER (WHERE held AND NOT decided) FROM told";
enum { REPLAYED, DECIDED, HELD };

static const char *state_of(const PGresult *rows, int row)
{
	int16_t status = pg_get_i16(rows, row, STATUS);

	if (status != STATUS_RECEIVED)
		return status_name((enum submission_status)status);
	return pg_get_null(rows, row, RELEASED_AT) ? "waits" : "replayed";
}

static void add_row_json(struct buffer *out, const PGresult *rows, int row)
{
	struct id128 id = pg_get_uuid(rows, row, ID);
	char code[TRACKING_CODE_SIZE], at[CLOCK_TEXT_SIZE];

	tracking_code_format(&id, code);
	clock_format_instant(pg_get_instant(rows, row, AT), at);
	buffer_format(
		out, "%s{\"tracking_code\":\"%s\",\"state\":\"%s\"", row == 0 ? "" : ",", code, state_of(rows, row));
	buffer_json_member(out, "campaign", pg_get_bytes(rows, row, CAMPAIGN));
	buffer_json_member(out, "unit", pg_get_bytes(rows, row, UNIT));
	buffer_json_member(out, "stage", pg_get_bytes(rows, row, STAGE));
	buffer_json_member(out, "reason", pg_get_bytes(rows, row, REASON));
	buffer_format(out,
		",\"attempts\":%" PRId32 ",\"description_octets\":%" PRId32 ",\"at\":\"%s\",\"replayed_at\":",
		pg_get_i32(rows, row, ATTEMPTS), pg_get_i32(rows, row, OCTETS), at);
	if (pg_get_null(rows, row, RELEASED_AT)) {
		buffer_text(out, "null}");
		return;
	}
	clock_format_instant(pg_get_instant(rows, row, RELEASED_AT), at);
	buffer_format(out, "\"%s\"}", at);
}

static void print_json(const PGresult *rows)
{
	struct buffer out CLEANUP(buffer_deinit) = {0};

	buffer_text(&out, "{\"quarantine\":[");
	for (int row = 0; row < PQntuples(rows); row++)
		add_row_json(&out, rows, row);
	buffer_text(&out, "]}\n");
	fwrite(out.data, 1, out.size, stdout);
}

static void print_table(const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		struct id128 id = pg_get_uuid(rows, row, ID);
		char code[TRACKING_CODE_SIZE], at[CLOCK_TEXT_SIZE];
		tracking_code_format(&id, code);
		clock_format_instant(pg_get_instant(rows, row, AT), at);
		printf("%s  %-12s  %.*s  %.*s  %.*s  %-13.*s %3" PRId32 " attempts, %" PRId32 " octets: %.*s\n", code,
			state_of(rows, row), STATE_DIGITS, at, PG_TEXT(rows, row, CAMPAIGN), PG_TEXT(rows, row, UNIT),
			PG_TEXT(rows, row, STAGE), pg_get_i32(rows, row, ATTEMPTS), pg_get_i32(rows, row, OCTETS),
			PG_TEXT(rows, row, REASON));
	}
}

static int print(struct pg *pg, const char *sql, bool json, int *count)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	if (pg_run(pg, sql, &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the quarantine: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	*count = PQntuples(rows);
	if (json)
		print_json(rows);
	else
		print_table(rows);
	if (*count > 0 && pg_get_i64(rows, 0, ALL) > *count)
		fprintf(stderr, "sangkien: the newest %d of %" PRId64 "; --limit shows more\n", *count,
			pg_get_i64(rows, 0, ALL));
	return EXIT_OK;
}

int command_quarantine_list(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL, *stage = NULL, *limit_text = NULL;
	bool all = false, json = false;
	const struct argument known[] = {{"--campaign", .text = &campaign}, {"--stage", .text = &stage},
		{"--limit", .text = &limit_text}, {"--all", .flag = &all}, {"--json", .flag = &json}};
	double limit;
	int count;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) ||
		!arguments_number("--limit", limit_text, LIST_STANDARD, 1, LIST_MAX, &limit))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "quarantine list");
	if (pg == NULL)
		return EXIT_AWAY;
	struct pg_params *p = pg_params(pg);
	pg_bool(p, all);
	pg_cstr(p, campaign);
	pg_cstr(p, stage);
	pg_i64(p, (int64_t)limit);
	return print(pg, list_sql, json, &count);
}

static bool parse_code(const char *text, struct id128 *id)
{
	if (text != NULL && tracking_code_parse(text, id))
		return true;
	fputs("sangkien: name one submission by its tracking code, as `sangkien quarantine list` shows it\n", stderr);
	return false;
}

static int not_there(const char *code)
{
	fprintf(stderr, "sangkien: %s was never put into quarantine\n", code);
	return EXIT_DATA_BAD;
}

int command_quarantine_show(struct rundir *run, int argc, char **argv)
{
	const char *code = NULL;
	bool json = false;
	const struct argument known[] = {{NULL, .text = &code}, {"--json", .flag = &json}};
	struct id128 id;
	int count = 0;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !parse_code(code, &id))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "quarantine show");
	if (pg == NULL)
		return EXIT_AWAY;
	pg_uuid(pg_params(pg), &id);
	int exit_code = print(pg, show_sql, json, &count);
	return exit_code == EXIT_OK && count == 0 ? not_there(code) : exit_code;
}

/* Nothing was open: is it known at all? */
static int say_nothing_waits(struct pg *pg, const char *code, const struct id128 *id)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	pg_uuid(pg_params(pg), id);
	if (pg_run(pg, show_sql, &rows, session_deadline()) != PG_OK)
		return EXIT_AWAY;
	if (PQntuples(rows) == 0)
		return not_there(code);
	printf("%s: %s; nothing waits in quarantine\n", code, state_of(rows, 0));
	return EXIT_OK;
}

static void say_replayed(const PGresult *rows)
{
	int64_t decided = pg_get_i64(rows, 0, DECIDED), held = pg_get_i64(rows, 0, HELD);

	printf("%" PRId64 " will be handed out again", pg_get_i64(rows, 0, REPLAYED) - decided - held);
	if (held > 0)
		printf(", %" PRId64 " when another stage's refusal is replayed too", held);
	if (decided > 0)
		printf(", %" PRId64 " not: decided meanwhile", decided);
	puts("");
}

int command_quarantine_replay(struct rundir *run, int argc, char **argv)
{
	const char *code = NULL, *campaign = NULL, *stage = NULL;
	bool all = false;
	const struct argument known[] = {{NULL, .text = &code}, {"--campaign", .text = &campaign},
		{"--stage", .text = &stage}, {"--all", .flag = &all}};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct id128 id;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	if (all == (code != NULL) || (!all && (campaign != NULL || stage != NULL))) {
		fputs("sangkien: name one submission by its tracking code, or --all\n", stderr);
		return EXIT_USAGE_BAD;
	}
	if (!all && !parse_code(code, &id))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "quarantine replay");
	if (pg == NULL)
		return EXIT_AWAY;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, all ? NULL : &id);
	pg_cstr(p, stage);
	pg_cstr(p, campaign);
	if (pg_run(pg, replay_sql, &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: nothing is certain to be handed out again: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (!all && pg_get_i64(rows, 0, REPLAYED) == 0)
		return say_nothing_waits(pg, code, &id);
	say_replayed(rows);
	return EXIT_OK;
}
