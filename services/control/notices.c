/* `sangkien notices`: what the outbox could not deliver, or holds, and sending it again. No personal data is shown. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UUID_TEXT_SIZE = 37, LIST_STANDARD = 100, LIST_MAX = 100000 };

/* outbox.state, in the order of its numbers; the last is for any. */
static const char *const STATES[] = {"due", "sent", "dead", "all"};
enum { STATE_DEAD = 2, STATE_ALL = 3 };

enum { ID, CAMPAIGN, EVENT, CHANNEL, STATE, ATTEMPTS, CREATED_AT, NEXT_AT, ERROR, UNIT };
static const char list_sql[] =
	"SELECT o.id, c.code, o.event, o.channel, o.state, o.attempts - o.forgiven, o.created_at, o.next_at, "
	"coalesce(o.last_error, ''), coalesce(o.facts ->> 'unit', '') FROM outbox o JOIN campaign c ON c.id = "
	"o.campaign_id "
	"WHERE ($1 = 3 OR o.state = $1) AND ($2 IS NULL OR c.code = $2) ORDER BY o.created_at DESC, o.id LIMIT $3";
/* What it was tried before is forgiven, not forgotten: `attempts` is also the fence between claims. */
static const char resend_sql[] = "UPDATE outbox SET state = 0, forgiven = attempts, next_at = now() WHERE state = 2 "
				 "AND ($1 IS NULL OR id = $1) AND ($2 IS NULL OR campaign_id = (SELECT id FROM "
				 "campaign WHERE code = $2)) RETURNING id";

static void format_id(const struct id128 *id, char text[UUID_TEXT_SIZE])
{
	const uint8_t *o = id->octet;

	snprintf(text, UUID_TEXT_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", o[0],
		o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9], o[10], o[11], o[12], o[13], o[14], o[15]);
}

static bool parse_id(const char *text, struct id128 *id)
{
	size_t size;

	return sodium_hex2bin(id->octet, sizeof(id->octet), text, strlen(text), "-", &size, NULL) == 0 &&
	       size == sizeof(id->octet) && strlen(text) >= 2 * sizeof(id->octet);
}

static void print_json(const PGresult *rows)
{
	struct buffer out CLEANUP(buffer_deinit) = {0};

	buffer_text(&out, "{\"notices\":[");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct id128 id = pg_get_uuid(rows, row, ID);
		char text[UUID_TEXT_SIZE], created[CLOCK_TEXT_SIZE], next[CLOCK_TEXT_SIZE];
		format_id(&id, text);
		clock_format_instant(pg_get_instant(rows, row, CREATED_AT), created);
		clock_format_instant(pg_get_instant(rows, row, NEXT_AT), next);
		buffer_format(&out, "%s{\"id\":\"%s\"", row == 0 ? "" : ",", text);
		buffer_json_member(&out, "campaign", pg_get_bytes(rows, row, CAMPAIGN));
		buffer_json_member(&out, "event", pg_get_bytes(rows, row, EVENT));
		buffer_json_member(&out, "channel", pg_get_bytes(rows, row, CHANNEL));
		buffer_json_member(&out, "unit", pg_get_bytes(rows, row, UNIT));
		buffer_json_member(&out, "error", pg_get_bytes(rows, row, ERROR));
		buffer_format(&out,
			",\"state\":\"%s\",\"attempts\":%" PRId32 ",\"created_at\":\"%s\",\"next_at\":\"%s\"}",
			STATES[pg_get_i16(rows, row, STATE)], pg_get_i32(rows, row, ATTEMPTS), created, next);
	}
	buffer_text(&out, "]}\n");
	fwrite(out.data, 1, out.size, stdout);
}

static void print_table(const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		struct id128 id = pg_get_uuid(rows, row, ID);
		char text[UUID_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
		format_id(&id, text);
		clock_format_instant(pg_get_instant(rows, row, CREATED_AT), created);
		created[strlen("2021-04-21T00:00:00")] = '\0';
		printf("%s  %-4s  %s  %-20.*s %-9.*s %-12.*s %3" PRId32 " attempts  %.*s\n", text,
			STATES[pg_get_i16(rows, row, STATE)], created, PG_TEXT(rows, row, CAMPAIGN),
			PG_TEXT(rows, row, EVENT), PG_TEXT(rows, row, CHANNEL), pg_get_i32(rows, row, ATTEMPTS),
			PG_TEXT(rows, row, ERROR));
	}
}

static bool find_state(const char *name, int16_t *state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(STATES); i++)
		if (strcmp(name, STATES[i]) == 0) {
			*state = (int16_t)i;
			return true;
		}
	fprintf(stderr, "sangkien: --state is due, sent, dead or all, not '%s'\n", name);
	return false;
}

int command_notices(struct rundir *run, int argc, char **argv)
{
	const char *state_name = STATES[STATE_DEAD], *campaign = NULL, *limit_text = NULL;
	bool json = false;
	const struct argument known[] = {{"--state", .text = &state_name}, {"--campaign", .text = &campaign},
		{"--limit", .text = &limit_text}, {"--json", .flag = &json}};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	int16_t state;
	double limit;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !find_state(state_name, &state) ||
		!arguments_number("--limit", limit_text, LIST_STANDARD, 1, LIST_MAX, &limit))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "notices");
	if (pg == NULL)
		return EXIT_AWAY;
	struct pg_params *p = pg_params(pg);
	pg_i16(p, state);
	pg_cstr(p, campaign);
	pg_i64(p, (int64_t)limit);
	if (pg_run(pg, list_sql, &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the outbox: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (json)
		print_json(rows);
	else
		print_table(rows);
	if (PQntuples(rows) == (int)limit)
		fprintf(stderr, "sangkien: the newest %d; --limit shows more\n", (int)limit);
	return EXIT_OK;
}

int command_notices_resend(struct rundir *run, int argc, char **argv)
{
	const char *text = NULL, *campaign = NULL;
	bool all = false;
	const struct argument known[] = {
		{NULL, .text = &text}, {"--campaign", .text = &campaign}, {"--all", .flag = &all}};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct id128 id;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	if (all == (text != NULL) || (text != NULL && !parse_id(text, &id))) {
		fputs("sangkien: name one notice by its id, as `sangkien notices` shows it, or --all\n", stderr);
		return EXIT_USAGE_BAD;
	}
	struct pg *pg CLEANUP(pg_close) = session_open(run, "notices resend");
	if (pg == NULL)
		return EXIT_AWAY;
	struct pg_params *p = pg_params(pg);
	pg_uuid(p, all ? NULL : &id);
	pg_cstr(p, campaign);
	if (pg_run(pg, resend_sql, &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: nothing is certain to be sent again: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (PQntuples(rows) == 0 && !all) {
		fprintf(stderr, "sangkien: there is no dead letter %s\n", text);
		return EXIT_DATA_BAD;
	}
	printf("%d will be sent again\n", PQntuples(rows));
	return EXIT_OK;
}
