/* `sangkien token create`, `list`, `revoke`: bearer tokens of officers, reviewers and operators. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS_STANDARD = 90, DAYS_MAX = 3660, DAY_S = 24 * 3600, UUID_TEXT_SIZE = 37 };

static void format_id(const struct id128 *id, char text[UUID_TEXT_SIZE])
{
	char *at = text;

	for (int i = 0; i < ID128_SIZE; i++)
		at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id->octet[i]);
}

static bool parse_id(const char *text, struct id128 *id)
{
	char again[UUID_TEXT_SIZE];
	size_t size;

	if (sodium_hex2bin(id->octet, sizeof(id->octet), text, strlen(text), "-", &size, NULL) != 0 ||
		size != sizeof(id->octet))
		return false;
	format_id(id, again);
	return strcasecmp(again, text) == 0;
}

struct wish {
	const char *role, *campaign, *unit, *days, *label;
	bool json;
};

static bool is_role(const char *role)
{
	if (strcmp(role, "officer") == 0 || strcmp(role, "reviewer") == 0 || strcmp(role, "operator") == 0)
		return true;
	fprintf(stderr, "sangkien: --role is officer, reviewer or operator, not '%s'\n", role);
	return false;
}

/* A unit's code is unique in its campaign alone. */
static bool find_scope(struct pg *pg, const struct wish *wish, struct token_grant *grant)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_cstr(p, wish->campaign);
	pg_cstr(p, wish->unit);
	if (pg_run(pg,
		    "SELECT c.id, coalesce(u.id, 0), c.code FROM campaign c LEFT JOIN unit u "
		    "ON u.campaign_id = c.id AND u.code = $2 "
		    "WHERE ($1 IS NULL OR c.code = $1) AND ($2 IS NULL OR u.id IS NOT NULL) ORDER BY c.id",
		    &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot look up the scope: %s\n", pg_error(pg));
		return false;
	}
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "sangkien: there is no campaign '%s' with a unit '%s'\n",
			wish->campaign != NULL ? wish->campaign : "(any)", wish->unit != NULL ? wish->unit : "(any)");
		return false;
	}
	if (PQntuples(rows) > 1) {
		fprintf(stderr,
			"sangkien: the unit '%s' is in several campaigns; say which with --campaign:", wish->unit);
		for (int i = 0; i < PQntuples(rows); i++)
			fprintf(stderr, " %.*s", (int)pg_get_bytes(rows, i, 2).size,
				(const char *)pg_get_bytes(rows, i, 2).data);
		fputc('\n', stderr);
		return false;
	}
	grant->campaign_id = (uint32_t)pg_get_i16(rows, 0, 0);
	grant->unit_id = (uint32_t)pg_get_i32(rows, 0, 1);
	return true;
}

static void print_created(const struct wish *wish, const struct id128 *id, const char *secret, int64_t expires_at)
{
	char id_text[UUID_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	format_id(id, id_text);
	clock_format_instant(expires_at, until);
	if (wish->json)
		printf("{\"id\":\"%s\",\"token\":\"%s\",\"role\":\"%s\",\"expires_at\":\"%s\"}\n", id_text, secret,
			wish->role, until);
	else
		printf("token   %s\nid      %s\nrole    %s\nexpires %s\nIt is shown this once; only its hash is "
		       "kept.\n",
			secret, id_text, wish->role, until);
}

int command_token_create(struct rundir *run, int argc, char **argv)
{
	struct wish wish = {.label = ""};
	const struct argument known[] = {{"--role", .text = &wish.role}, {"--campaign", .text = &wish.campaign},
		{"--unit", .text = &wish.unit}, {"--days", .text = &wish.days}, {"--label", .text = &wish.label},
		{"--json", .flag = &wish.json}};
	double days;
	struct id128 id;
	char secret[SESSION_SECRET_SIZE];

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("--role", wish.role) ||
		!is_role(wish.role) || !arguments_number("--days", wish.days, DAYS_STANDARD, 1, DAYS_MAX, &days))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "token create");
	if (pg == NULL)
		return EXIT_AWAY;
	struct token_grant grant = {.role = wish.role, .valid_s = (uint32_t)(days * DAY_S), .label = wish.label};
	if ((wish.campaign != NULL || wish.unit != NULL) && !find_scope(pg, &wish, &grant))
		return pg_connected(pg) ? EXIT_DATA_BAD : EXIT_AWAY;
	if (!token_make(pg, &grant, &id, secret))
		return EXIT_AWAY;
	print_created(&wish, &id, secret, clock_now_us() + (int64_t)grant.valid_s * 1000000);
	return EXIT_OK;
}

/* Of one row of the list. */
struct listed {
	char id[UUID_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
	char *role, *campaign, *unit, *label;
	const char *state;
};

static char *cell(const PGresult *rows, int row, int column)
{
	struct bytes text = pg_get_bytes(rows, row, column);
	char *copy = strndup((const char *)text.data, text.size);

	assert(copy != NULL);
	return copy;
}

static void print_listed(const struct listed *token, bool json, bool first)
{
	struct buffer out CLEANUP(buffer_deinit) = {0};

	if (!json) {
		printf("%s  %-8s  %-20s %-16s  %-7s until %s  %s\n", token->id, token->role,
			token->campaign[0] != '\0' ? token->campaign : "all campaigns",
			token->unit[0] != '\0' ? token->unit : "all units", token->state, token->until, token->label);
		return;
	}
	buffer_format(&out, "%s{\"id\":\"%s\",\"role\":\"%s\",\"campaign\":", first ? "" : ",", token->id, token->role);
	buffer_json_text(&out, token->campaign);
	buffer_text(&out, ",\"unit\":");
	buffer_json_text(&out, token->unit);
	buffer_text(&out, ",\"label\":");
	buffer_json_text(&out, token->label);
	buffer_format(&out, ",\"state\":\"%s\",\"expires_at\":\"%s\"}", token->state, token->until);
	printf("%.*s", (int)out.size, (const char *)out.data);
}

static void list_row(const PGresult *rows, int row, bool json)
{
	struct id128 id = pg_get_uuid(rows, row, 0);
	struct listed token = {.role = cell(rows, row, 1),
		.campaign = cell(rows, row, 2),
		.unit = cell(rows, row, 3),
		.label = cell(rows, row, 4)};

	token.state = pg_get_bool(rows, row, 6) ? "revoked" : pg_get_bool(rows, row, 7) ? "expired" : "valid";
	format_id(&id, token.id);
	clock_format_instant(pg_get_instant(rows, row, 5), token.until);
	print_listed(&token, json, row == 0);
	free(token.role);
	free(token.campaign);
	free(token.unit);
	free(token.label);
}

int command_token_list(struct rundir *run, int argc, char **argv)
{
	bool json = false;
	const struct argument known[] = {{"--json", .flag = &json}};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "token list");
	if (pg == NULL)
		return EXIT_AWAY;
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT t.id, t.role, coalesce(c.code, ''), coalesce(u.code, ''), t.label, t.expires_at, "
		    "t.revoked_at IS NOT NULL, t.expires_at <= now() FROM token t LEFT JOIN campaign c ON c.id = "
		    "t.campaign_id LEFT JOIN unit u ON u.campaign_id = t.campaign_id AND u.id = t.unit_id "
		    "ORDER BY t.created_at",
		    &rows, session_deadline()) != PG_OK) {
		fprintf(stderr, "sangkien: cannot read the tokens: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	fputs(json ? "{\"tokens\":[" : "", stdout);
	for (int row = 0; row < PQntuples(rows); row++)
		list_row(rows, row, json);
	fputs(json ? "]}\n" : "", stdout);
	return EXIT_OK;
}

int command_token_revoke(struct rundir *run, int argc, char **argv)
{
	const char *text = NULL;
	const struct argument known[] = {{NULL, .text = &text}};
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct id128 id;

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) || !arguments_needed("ID", text))
		return EXIT_USAGE_BAD;
	if (!parse_id(text, &id)) {
		fprintf(stderr, "sangkien: '%s' is not a token's id; `sangkien token list` shows them\n", text);
		return EXIT_USAGE_BAD;
	}
	struct pg *pg CLEANUP(pg_close) = session_open(run, "token revoke");
	if (pg == NULL)
		return EXIT_AWAY;
	pg_uuid(pg_params(pg), &id);
	if (pg_run(pg, "SELECT FROM token WHERE id = $1", &rows, session_deadline()) != PG_OK || !token_end(pg, &id)) {
		fprintf(stderr, "sangkien: the token is not revoked: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "sangkien: there is no token %s\n", text);
		return EXIT_DATA_BAD;
	}
	printf("%s is revoked\n", text);
	return EXIT_OK;
}
