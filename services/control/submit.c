/* `sangkien submit FILE.ndjson`: sends a file's submissions through HTTP and follows them to their decisions. The key
 * comes from the file's content, so the same file again sends nothing twice and goes on where it was cut off. */
#include "services/control/arguments.h"
#include "services/control/batch_client.h"
#include "services/control/command.h"
#include "services/control/follow_up.h"
#include "services/control/made_submission.h"
#include "services/control/program.h"
#include "services/control/session.h"

#include "common/runtime/clock.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

enum { CHUNK_LINES = 500, CONNECTIONS = 2, PATIENCE_S = 120, TOKEN_S = 24 * 3600, PROGRESS_EVERY = 500, KEY_SIZE = 48 };

struct submit {
	const char *file, *campaign_code, *key, *connections;
	bool json, send_only; /* send_only: without following them to their decisions */
	struct pg *pg;
	struct session_campaign campaign;
	const struct unit **leaves; /* that take submissions, by code */
	size_t leaf_count;
	struct buffer content, line;
	char standard_key[KEY_SIZE];
};

/* The file's own words are its key. */
static void key_of_content(struct submit *submit)
{
	uint8_t hash[16];
	char hex[2 * sizeof(hash) + 1];
	crypto_generichash(hash, sizeof(hash), submit->content.data, submit->content.size, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	snprintf(submit->standard_key, sizeof(submit->standard_key), "submit-%s", hex);
	if (submit->key == NULL)
		submit->key = submit->standard_key;
}

static void collect_leaves(struct submit *submit, uint32_t parent)
{
	size_t count;
	const struct unit *const *children = unit_children(submit->campaign.units, parent, &count);
	for (size_t i = 0; i < count; i++) {
		if (children[i]->accepts_submissions)
			submit->leaves[submit->leaf_count++] = children[i];
		collect_leaves(submit, children[i]->id);
	}
}

/* A line {"id", "text"} is a bare text: a submission is made up around it, spread over the unit tree. */
static bool write_bare_text(struct submit *submit, struct bytes line, uint64_t number)
{
	const char *path[] = {"text", NULL};
	char *copy = strndup((const char *)line.data, line.size);
	yajl_val tree = copy != NULL ? yajl_tree_parse(copy, NULL, 0) : NULL;
	yajl_val text = tree != NULL ? yajl_tree_get(tree, path, yajl_t_string) : NULL;
	if (text != NULL && submit->leaf_count > 0) {
		const char *description = YAJL_GET_STRING(text);
		struct made_submission made = {
			.seed = 1,
			.person = number / 3,
			.unit = submit->leaves[(number * 7919) % submit->leaf_count]->code,
			.description = {(const uint8_t *)description, strlen(description)},
		};
		made_submission_write(&made, submit->campaign.campaign, clock_now_us(), &submit->line);
	}
	yajl_tree_free(tree);
	free(copy);
	return submit->line.size > 0;
}

static bool is_bare_text(struct bytes line)
{
	return memmem(line.data, line.size, "\"text\"", 6) != NULL &&
	       memmem(line.data, line.size, "\"description\"", 13) == NULL;
}

static void show_progress(const struct batch_tally *tally, size_t done, size_t all)
{
	if (isatty(STDERR_FILENO) != 1 || tally->sent % PROGRESS_EVERY != 0)
		return;
	int part = all > 0 ? (int)(done * 40 / all) : 40;
	fprintf(stderr, "\r[%.*s%*s] %llu sent, %llu receipts ", part, "########################################",
		40 - part, "", (unsigned long long)tally->sent, (unsigned long long)tally->accepted);
}

static bool send_lines(struct submit *submit, struct batch_client *client)
{
	struct bytes rest = buffer_bytes(&submit->content);
	for (uint64_t number = 0; rest.size > 0; number++) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		struct bytes line = {rest.data, end != NULL ? (size_t)(end - rest.data) : rest.size};
		rest.data += line.size + (end != NULL);
		rest.size -= line.size + (end != NULL);
		if (line.size == 0)
			continue;
		buffer_clear(&submit->line);
		if (is_bare_text(line) && write_bare_text(submit, line, number))
			line = buffer_bytes(&submit->line);
		if (!batch_send(client, line))
			return false;
		show_progress(batch_tally(client), submit->content.size - rest.size, submit->content.size);
	}
	return batch_finish(client);
}

static void report(const struct submit *submit, const struct batch_tally *tally, const struct follow_up *found)
{
	unsigned long long sent = tally->sent, accepted = tally->accepted, refused = tally->refused,
			   resent = tally->resent;
	if (submit->json) {
		printf("{\"sent\":%llu,\"receipts\":%llu,\"refused\":%llu,\"chunks_resent\":%llu", sent, accepted,
			refused, resent);
		if (!submit->send_only) {
			putchar(',');
			follow_up_print_json(found);
		}
		puts("}");
		return;
	}
	printf("sent %llu, receipts %llu, refused %llu, chunks sent again %llu\n", sent, accepted, refused, resent);
	if (!submit->send_only) {
		puts("of the receipts now:");
		follow_up_print(found);
	}
	if (refused > 0)
		printf("the first refusal: %s\n", tally->first_refusal);
}

/* 0: every line has a receipt and a decision. 1: some were refused, or are not decided in time. */
static int send_and_follow(struct submit *submit, const char *address, const char *token, uint32_t connections)
{
	struct batch_client *client CLEANUP(batch_client_close) = batch_client_open(&(struct batch_client_options){
		.address = address,
		.campaign = submit->campaign_code,
		.token = token,
		.key = submit->key,
		.chunk_lines = CHUNK_LINES,
		.connections = connections,
		.patience_s = PATIENCE_S,
	});
	struct follow_up found = {0};
	if (client == NULL || !send_lines(submit, client))
		return EXIT_AWAY;
	if (submit->send_only) {
		report(submit, batch_tally(client), &found);
		return batch_tally(client)->refused == 0 ? EXIT_OK : EXIT_DRIFT;
	}
	bool decided = follow_up_await(submit->pg, submit->campaign.id, submit->key, PATIENCE_S, &found);
	report(submit, batch_tally(client), &found);
	return decided && batch_tally(client)->refused == 0 && found.stored == batch_tally(client)->accepted
		       ? EXIT_OK
		       : EXIT_DRIFT;
}

static int run_submit(struct rundir *run, struct submit *submit, uint32_t connections)
{
	char address[RUNDIR_FILE_MAX], token[SESSION_SECRET_SIZE];
	struct id128 token_id;
	submit->pg = session_open(run, "submit");
	if (submit->pg == NULL)
		return EXIT_AWAY;
	if (!session_campaign_load(submit->pg, submit->campaign_code, &submit->campaign) ||
		submit->campaign.units == NULL)
		return EXIT_DATA_BAD;
	submit->leaves = calloc(unit_tree_count(submit->campaign.units), sizeof(struct unit *));
	assert(submit->leaves != NULL);
	collect_leaves(submit, unit_tree_root(submit->campaign.units)->id);
	struct token_grant grant = {
		.role = "operator", .campaign_id = submit->campaign.id, .valid_s = TOKEN_S, .label = "sangkien submit"};
	if (!token_make(submit->pg, &grant, &token_id, token))
		return EXIT_AWAY;
	int code = send_and_follow(submit, rundir_public_address(run, address), token, connections);
	return token_end(submit->pg, &token_id) ? code : EXIT_AWAY;
}

int command_submit(struct rundir *run, int argc, char **argv)
{
	struct submit submit = {.campaign_code = "demo", .content.limit = (size_t)4 << 30};
	double connections;
	const struct argument arguments[] = {
		{NULL, &submit.file, NULL},
		{"--campaign", &submit.campaign_code, NULL},
		{"--key", &submit.key, NULL},
		{"--connections", &submit.connections, NULL},
		{"--json", NULL, &submit.json},
		{"--send-only", NULL, &submit.send_only},
	};
	if (!arguments_parse(argc, argv, arguments, ARRAY_LENGTH(arguments)) ||
		!arguments_number("--connections", submit.connections, CONNECTIONS, 1, 16, &connections))
		return EXIT_USAGE_BAD;
	if (submit.file == NULL) {
		fputs("sangkien: submit FILE.ndjson\n", stderr);
		return EXIT_USAGE_BAD;
	}
	if (!file_read(submit.file, &submit.content))
		return EXIT_FILE_MISSING;
	key_of_content(&submit);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int code = run_submit(run, &submit, (uint32_t)connections);
	pg_close(&submit.pg);
	session_campaign_unload(&submit.campaign);
	free(submit.leaves);
	buffer_deinit(&submit.content);
	buffer_deinit(&submit.line);
	return code;
}
