/* `sangkien simulate`: a campaign's submissions as R23 tells them, at any scale, sent through HTTP; at the end what was
 * sent and what the system holds must be equal. The same seed and scale again sends nothing twice. */
#include "services/control/arguments.h"
#include "services/control/batch_client.h"
#include "services/control/command.h"
#include "services/control/follow_up.h"
#include "services/control/made_submission.h"
#include "services/control/session.h"
#include "services/control/simulate_plan.h"
#include "services/control/simulate_text.h"

#include "common/domain/text.h"
#include "common/runtime/clock.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK_LINES = 500,
	CONNECTIONS = 4,
	PATIENCE_S = 180,
	TOKEN_S = 7 * 24 * 3600,
	KEY_SIZE = 64,
	LEAVES_MAX = 1 << 17
};

/* The codes of R23's two named provinces in the national unit tree (General Statistics Office). */
static const char THANH_HOA[] = "38", BAC_GIANG[] = "24";

struct top {
	const struct unit **leaves; /* that take submissions */
	size_t leaf_count;
};

struct simulate {
	const char *campaign_code, *scale_text, *seed_text, *duplicates_text, *invalid_text, *connections_text;
	bool json, print; /* print: the submissions to standard output instead of sending them */
	double scale, duplicates, invalid;
	uint64_t seed;
	uint32_t connections;
	struct pg *pg;
	struct session_campaign campaign;
	struct simulate_share *shares;
	struct top *tops;
	size_t top_count;
	struct batch_client *client;
	uint64_t sent_new, sent_copies, sent_invalid, total_new;
	struct buffer line, text;
	char key[KEY_SIZE];
};

static void collect_leaves(const struct unit_tree *tree, const struct unit *unit, struct top *top)
{
	size_t count;
	const struct unit *const *children = unit_children(tree, unit->id, &count);
	if (unit->accepts_submissions && top->leaf_count < LEAVES_MAX) {
		top->leaves = reallocarray(top->leaves, top->leaf_count + 1, sizeof(struct unit *));
		assert(top->leaves != NULL);
		top->leaves[top->leaf_count++] = unit;
	}
	for (size_t i = 0; i < count; i++)
		collect_leaves(tree, children[i], top);
}

static bool make_plan(struct simulate *sim)
{
	const struct unit_tree *tree = sim->campaign.units;
	const struct unit *const *tops = unit_children(tree, unit_tree_root(tree)->id, &sim->top_count);
	size_t first = sim->top_count, eighth = sim->top_count;
	sim->shares = calloc(sim->top_count, sizeof(*sim->shares));
	sim->tops = calloc(sim->top_count, sizeof(*sim->tops));
	assert(sim->shares != NULL && sim->tops != NULL);
	for (size_t i = 0; i < sim->top_count; i++) {
		sim->shares[i].unit = tops[i]->code;
		collect_leaves(tree, tops[i], &sim->tops[i]);
		if (sim->tops[i].leaf_count == 0) {
			fprintf(stderr, "sangkien: no unit below %s takes submissions\n", tops[i]->code);
			return false;
		}
		first = strcmp(tops[i]->code, THANH_HOA) == 0 ? i : first;
		eighth = strcmp(tops[i]->code, BAC_GIANG) == 0 ? i : eighth;
	}
	if (first == sim->top_count || eighth == sim->top_count) {
		fputs("sangkien: the campaign's tree has no Thanh Hóa (38) or Bắc Giang (24) at its top\n", stderr);
		return false;
	}
	simulate_plan(sim->shares, sim->top_count, first, eighth, sim->scale);
	for (size_t i = 0; i < sim->top_count; i++)
		sim->total_new += sim->shares[i].initiatives;
	return true;
}

/* Spread evenly over the campaign, where it is over; now, where it is open. */
static int64_t receipt_of(const struct simulate *sim, uint64_t number, uint64_t of)
{
	const struct campaign *campaign = sim->campaign.campaign;
	if (campaign_is_open(campaign, clock_now_us()))
		return 0;
	return campaign->opens_at +
	       (int64_t)((double)(campaign->closes_at - campaign->opens_at) * (double)number / (double)of);
}

static bool send_made(struct simulate *sim, size_t top, uint64_t person_of_top, int64_t received_at)
{
	const struct top *place = &sim->tops[top];
	uint64_t person = (uint64_t)top * 1000000 + person_of_top;
	struct made_submission made = {
		.seed = sim->seed,
		.person = person,
		.unit = place->leaves[simulate_mix(sim->seed, person, 0x756e6974) % place->leaf_count]->code,
		.description = buffer_bytes(&sim->text),
		.received_at = received_at,
	};
	buffer_clear(&sim->line);
	made_submission_write(&made, sim->campaign.campaign, clock_now_us(), &sim->line);
	if (sim->print)
		return fwrite(sim->line.data, 1, sim->line.size, stdout) == sim->line.size && putchar('\n') == '\n';
	return batch_send(sim->client, buffer_bytes(&sim->line));
}

static bool chance(const struct simulate *sim, uint64_t number, uint64_t salt, double share)
{
	return (double)(simulate_mix(sim->seed, number, salt) >> 11) * 0x1p-53 < share;
}

/* The same text from another person a second later; the earlier receipt counts. */
static bool send_copy(struct simulate *sim, size_t top, uint64_t number, uint64_t person)
{
	int64_t received_at = receipt_of(sim, number, sim->total_new + 1);
	buffer_clear(&sim->text);
	simulate_copy(sim->seed, number, 1, &sim->text);
	sim->sent_copies++;
	return send_made(sim, top, person + 500000, received_at != 0 ? received_at + 1000000 : 0);
}

/* One character more than the campaign takes. */
static bool send_invalid(struct simulate *sim, size_t top, uint64_t number, uint64_t person)
{
	int64_t received_at = receipt_of(sim, number, sim->total_new + 1);
	const struct rule_pack *rules =
		campaign_rules_at(sim->campaign.campaign, received_at != 0 ? received_at : clock_now_us());
	buffer_clear(&sim->text);
	for (uint64_t part = 0; text_characters(buffer_bytes(&sim->text)) <= rules->description_characters_max; part++)
		simulate_text(sim->seed ^ 0x696e76, number * 8 + part, &sim->text);
	sim->sent_invalid++;
	return send_made(sim, top, person, received_at);
}

static bool send_one(struct simulate *sim, size_t top, uint64_t number, uint64_t person)
{
	buffer_clear(&sim->text);
	simulate_text(sim->seed, number, &sim->text);
	sim->sent_new++;
	if (!send_made(sim, top, person, receipt_of(sim, number, sim->total_new + 1)))
		return false;
	if (chance(sim, number, 0x64757065, sim->duplicates) && !send_copy(sim, top, number, person))
		return false;
	return !chance(sim, number, 0x696e7661, sim->invalid) || send_invalid(sim, top, number, person);
}

static void show_progress(const struct simulate *sim)
{
	if (sim->sent_new % 1000 == 0 && isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r%llu of %llu sent ", (unsigned long long)sim->sent_new,
			(unsigned long long)sim->total_new);
}

/* Each person of a unit has one initiative before anybody has a second. */
static bool send_all(struct simulate *sim)
{
	uint64_t number = 0;
	for (size_t top = 0; top < sim->top_count; top++) {
		const struct simulate_share *share = &sim->shares[top];
		for (uint32_t i = 0; i < share->initiatives; i++, number++) {
			assert(share->people > 0);
			uint64_t person = i < share->people ? i : simulate_mix(sim->seed, number, 0x70) % share->people;
			if (!send_one(sim, top, number, person))
				return false;
			show_progress(sim);
		}
	}
	return sim->print || batch_finish(sim->client);
}

static bool is_equal(const struct simulate *sim, const struct follow_up *found)
{
	return found->stored == sim->sent_new + sim->sent_copies + sim->sent_invalid &&
	       found->by_status[STATUS_COUNTED] == sim->sent_new &&
	       found->by_status[STATUS_DUPLICATE] == sim->sent_copies &&
	       found->by_status[STATUS_REJECTED] == sim->sent_invalid;
}

static void report(const struct simulate *sim, const struct follow_up *found)
{
	bool equal = is_equal(sim, found);
	if (sim->json) {
		printf("{\"sent\":{\"new\":%llu,\"copies\":%llu,\"invalid\":%llu},\"held\":{",
			(unsigned long long)sim->sent_new, (unsigned long long)sim->sent_copies,
			(unsigned long long)sim->sent_invalid);
		follow_up_print_json(found);
		printf("},\"equal\":%s}\n", equal ? "true" : "false");
		return;
	}
	printf("sent:  %llu new, %llu copies of them, %llu too long\nheld:\n", (unsigned long long)sim->sent_new,
		(unsigned long long)sim->sent_copies, (unsigned long long)sim->sent_invalid);
	follow_up_print(found);
	printf("counted = new, duplicate = copies, rejected = too long: %s\n", equal ? "equal" : "NOT EQUAL");
}

static int send_and_compare(struct simulate *sim, const char *address, const char *token)
{
	struct follow_up found;
	sim->client = batch_client_open(&(struct batch_client_options){
		.address = address,
		.campaign = sim->campaign_code,
		.token = token,
		.key = sim->key,
		.chunk_lines = CHUNK_LINES,
		.connections = sim->connections,
		.patience_s = PATIENCE_S,
	});
	if (sim->client == NULL || !send_all(sim))
		return EXIT_AWAY;
	bool decided = follow_up_await(sim->pg, sim->campaign.id, sim->key, PATIENCE_S, &found);
	if (batch_tally(sim->client)->refused > 0)
		fprintf(stderr, "sangkien: %llu were refused; the first: %s\n",
			(unsigned long long)batch_tally(sim->client)->refused, batch_tally(sim->client)->first_refusal);
	report(sim, &found);
	return decided && is_equal(sim, &found) ? EXIT_OK : EXIT_DRIFT;
}

static int run_simulate(struct rundir *run, struct simulate *sim)
{
	char address[RUNDIR_FILE_MAX], token[SESSION_SECRET_SIZE];
	struct id128 token_id;
	sim->pg = session_open(run, "simulate");
	if (sim->pg == NULL)
		return EXIT_AWAY;
	if (!session_campaign_load(sim->pg, sim->campaign_code, &sim->campaign) || sim->campaign.units == NULL ||
		!make_plan(sim))
		return EXIT_DATA_BAD;
	if (sim->print)
		return send_all(sim) ? EXIT_OK : EXIT_DRIFT;
	struct token_grant grant = {
		.role = "operator", .campaign_id = sim->campaign.id, .valid_s = TOKEN_S, .label = "sangkien simulate"};
	if (!token_make(sim->pg, &grant, &token_id, token))
		return EXIT_AWAY;
	int code = send_and_compare(sim, rundir_public_address(run, address), token);
	return token_end(sim->pg, &token_id) ? code : EXIT_AWAY;
}

static void let_go(struct simulate *sim)
{
	for (size_t i = 0; i < sim->top_count && sim->tops != NULL; i++)
		free(sim->tops[i].leaves);
	free(sim->tops);
	free(sim->shares);
	batch_client_close(&sim->client);
	session_campaign_unload(&sim->campaign);
	pg_close(&sim->pg);
	buffer_deinit(&sim->line);
	buffer_deinit(&sim->text);
}

static bool read_numbers(struct simulate *sim)
{
	double seed, connections;
	if (!arguments_number("--scale", sim->scale_text, 0.01, 0.0001, 10, &sim->scale) ||
		!arguments_number("--seed", sim->seed_text, 1, 0, 1e15, &seed) ||
		!arguments_number("--duplicates", sim->duplicates_text, 0.05, 0, 1, &sim->duplicates) ||
		!arguments_number("--invalid", sim->invalid_text, 0.02, 0, 1, &sim->invalid) ||
		!arguments_number("--connections", sim->connections_text, CONNECTIONS, 1, 16, &connections))
		return false;
	sim->seed = (uint64_t)seed;
	sim->connections = (uint32_t)connections;
	snprintf(sim->key, sizeof(sim->key), "simulate-%llu-%g-%g-%g", (unsigned long long)sim->seed, sim->scale,
		sim->duplicates, sim->invalid);
	return true;
}

int command_simulate(struct rundir *run, int argc, char **argv)
{
	struct simulate sim = {.campaign_code = "01-trieu-sang-kien"};
	const struct argument arguments[] = {
		{"--campaign", &sim.campaign_code, NULL},
		{"--scale", &sim.scale_text, NULL},
		{"--seed", &sim.seed_text, NULL},
		{"--duplicates", &sim.duplicates_text, NULL},
		{"--invalid", &sim.invalid_text, NULL},
		{"--connections", &sim.connections_text, NULL},
		{"--json", NULL, &sim.json},
		{"--print", NULL, &sim.print},
	};
	if (!arguments_parse(argc, argv, arguments, ARRAY_LENGTH(arguments)) || !read_numbers(&sim))
		return EXIT_USAGE_BAD;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int code = run_simulate(run, &sim);
	let_go(&sim);
	return code;
}
