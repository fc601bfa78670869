#include "tests/simulation/clients.h"

#include "common/domain/tracking_code.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/shell.h"
#include "tests/simulation/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PEOPLE = 9,
	TRIES_MAX = 256,
	AGAIN_LEAST_US = 150 * MS,
	AGAIN_MOST_US = 900 * MS,
	READ_LEAST_US = 60 * MS,
	READ_MOST_US = 500 * MS,
	BURSTS = 6,
	BURST = 3,
};

struct submitter {
	struct meant meant;
	struct http_wish wish;
	char key[24];
	bool has_key;
	int64_t instants[TRIES_MAX];
	size_t tries;
};

struct reviewer {
	struct http_wish wish;
	struct id128 id;
	uint32_t status;
};

static struct {
	int64_t until;
	uint32_t keys;
	size_t waiting, receipts;
	int64_t current_asked_at;
} clients;

size_t clients_waiting(void)
{
	return clients.waiting;
}

size_t clients_receipts(void)
{
	return clients.receipts;
}

bool clients_saw_current(int64_t since)
{
	return clients.current_asked_at >= since;
}

/* Any instance that is up, as the edge would choose; NULL: none. */
static struct machine *choose(const char *service)
{
	struct machine *found[MACHINES_MAX];
	uint32_t count = 0;

	for (size_t i = 0; i < machine_count; i++)
		if (strcmp(machines[i]->service, service) == 0 && machines[i]->alive && machines[i]->http)
			found[count++] = machines[i];
	return count == 0 ? NULL : found[world_below(count)];
}

static int64_t again_at(void)
{
	return world_now() + world_between(AGAIN_LEAST_US, AGAIN_MOST_US);
}

/* Submitters ------------------------------------------------------------------------------------------------------ */

static void submit(void *context)
{
	struct submitter *submitter = context;
	struct machine *intake = choose("intake");

	if (!intake) {
		world_at(again_at(), submit, submitter);
		return;
	}
	submitter->wish.received_at = 0;
	http_ask(intake, &submitter->wish);
}

static bool read_id(struct bytes body, struct id128 *id)
{
	const char *at = memmem(body.data, body.size, "\"id\":\"", 6);
	size_t count = 0;

	if (!at)
		return false;
	for (at += 6; *at != '"' && count < 2 * (size_t)ID128_SIZE; at++) {
		if (*at == '-')
			continue;
		uint8_t digit = (uint8_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
		id->octet[count / 2] = (uint8_t)(count % 2 == 0 ? digit << 4 : id->octet[count / 2] | digit);
		count++;
	}
	return count == 2 * (size_t)ID128_SIZE;
}

static void take_receipt(struct submitter *submitter, struct bytes body)
{
	struct id128 id;

	if (!read_id(body, &id))
		world_fail("a receipt without an id");
	oracle_on_receipt(&submitter->meant, &id, submitter->instants, submitter->tries);
	clients.receipts++;
	clients.waiting--;
}

/* 503 and 504 are sent again; without a key 504 is not, or the submission might be there twice. */
static void on_submitted(struct http_wish *wish, int status, struct bytes body)
{
	struct submitter *submitter = wish->context;
	bool unknown = status == 0 || status == 504;

	if (wish->received_at != 0 && submitter->tries < TRIES_MAX)
		submitter->instants[submitter->tries++] = wish->received_at;
	world_note((uint64_t)status);
	if (status == 202) {
		take_receipt(submitter, body);
	} else if (status == 403) {
		happened(REFUSED_AFTER_CLOSE);
		oracle_on_refusal(wish->received_at);
		clients.waiting--;
	} else if (status == 503 || (unknown && submitter->has_key)) {
		world_at(again_at(), submit, submitter);
	} else if (unknown) {
		clients.waiting--;
	} else {
		world_fail("a submission was answered with %d: %.*s", status, (int)body.size, (const char *)body.data);
	}
}

static void write_wish(struct submitter *submitter)
{
	struct http_wish *wish = &submitter->wish;
	const struct meant *meant = &submitter->meant;

	*wish = (struct http_wish){.method = "POST",
		.path = "/v1/campaigns/sim/submissions",
		.key = submitter->has_key ? submitter->key : NULL,
		.answer = on_submitted,
		.context = submitter};
	snprintf(wish->body, sizeof(wish->body),
		"{\"full_name\":\"Người Bí Mật\",\"phone\":\"09123450%02u\",\"unit\":\"%s\",\"block\":\"enterprise\","
		"%s\"description\":\"%s\"}",
		meant->person, reference_unit_code(meant->unit), meant->valid ? "\"title\":\"Sáng kiến\"," : "",
		meant->description);
}

static void begin_submission(void *context)
{
	struct submitter *submitter;

	if (world_now() >= clients.until || texts_count() == SUBMISSIONS_MAX)
		return;
	submitter = calloc(1, sizeof(*submitter));
	assert(submitter != NULL);
	submitter->meant.person = world_below(PEOPLE);
	submitter->meant.valid = !world_chance(80000);
	texts_write(&submitter->meant, context != NULL);
	submitter->has_key = !world_chance(150000);
	snprintf(submitter->key, sizeof(submitter->key), "key-%u", ++clients.keys);
	write_wish(submitter);
	oracle_know(&submitter->meant);
	clients.waiting++;
	submit(submitter);
}

/* Reviewers ------------------------------------------------------------------------------------------------------- */

static void review(void *context)
{
	struct reviewer *reviewer = context;
	struct machine *intake = choose("intake");

	if (!intake)
		world_at(again_at(), review, reviewer);
	else
		http_ask(intake, &reviewer->wish);
}

static void on_reviewed(struct http_wish *wish, int status, struct bytes body)
{
	struct reviewer *reviewer = wish->context;

	world_note((uint64_t)status);
	if (status == 0 || status == 503 || status == 504) {
		world_at(again_at(), review, reviewer);
		return;
	}
	if (status != 200 && status != 409)
		world_fail("a review was answered with %d: %.*s", status, (int)body.size, (const char *)body.data);
	const char *revision = memmem(body.data, body.size, "\"revision\":", 11);
	if (status == 200)
		happened(REVIEW);
	if (status == 200 && revision)
		oracle_on_review(&reviewer->id, (uint32_t)strtoul(revision + 11, NULL, 10), reviewer->status);
	clients.waiting--;
}

static void begin_review(void *context)
{
	static const char *const words[] = {[2] = "count", [3] = "reject", [5] = "revoke"};
	static const uint32_t statuses[] = {2, 3, 5, 5};
	struct reviewer *reviewer;
	struct id128 id;
	char code[64];

	(void)context;
	if (world_now() >= clients.until || !oracle_pick(world_below(1 << 30), &id))
		return;
	reviewer = calloc(1, sizeof(*reviewer));
	assert(reviewer != NULL);
	reviewer->id = id;
	reviewer->status = statuses[world_below(ARRAY_LENGTH(statuses))];
	tracking_code_format(&id, code);
	reviewer->wish = (struct http_wish){.method = "POST",
		.authorization = world_chance(500000) ? "Bearer reviewer-1" : "Bearer reviewer-2",
		.answer = on_reviewed,
		.context = reviewer};
	snprintf(reviewer->wish.path, sizeof(reviewer->wish.path), "/v1/submissions/%s/review", code);
	snprintf(reviewer->wish.body, sizeof(reviewer->wish.body), "{\"decision\":\"%s\",\"reason\":\"xem lai %u\"}",
		words[reviewer->status], ++clients.keys);
	clients.waiting++;
	review(reviewer);
}

/* Readers --------------------------------------------------------------------------------------------------------- */

struct reader {
	struct http_wish wish;
	int64_t asked_at;
};

static void on_board(struct http_wish *wish, int status, struct bytes body)
{
	struct reader *reader = wish->context;

	if (status == 200) {
		char *json = strndup((const char *)body.data, body.size);

		assert(json != NULL);
		oracle_on_board(json);
		if (strstr(json, "\"current\":true"))
			clients.current_asked_at = reader->asked_at;
		free(json);
	}
	free(reader);
}

static void read_board(void *context)
{
	static const char *const parents[] = {"VN", "E", "W"}, *const phases[] = {"all", "1", "2"};
	struct machine *leaderboard = choose("leaderboard");

	(void)context;
	world_at(world_now() + world_between(READ_LEAST_US, READ_MOST_US), read_board, NULL);
	if (!leaderboard)
		return;
	struct reader *reader = calloc(1, sizeof(*reader));
	assert(reader != NULL);
	reader->asked_at = world_now();
	reader->wish = (struct http_wish){.method = "GET", .answer = on_board, .context = reader};
	snprintf(reader->wish.path, sizeof(reader->wish.path), "/v1/campaigns/sim/board?parent=%s&phase=%s",
		parents[world_below(3)], phases[world_below(3)]);
	http_ask(leaderboard, &reader->wish);
}

void clients_begin(int64_t until)
{
	uint32_t submissions = 14 + world_below(26), reviews = world_below(9);

	clients.until = until;
	for (uint32_t i = 0; i < submissions; i++)
		world_at(world_between(600 * MS, until - 1), begin_submission, NULL);
	/* Copies that are sent at the same moment meet everywhere. */
	for (uint32_t i = 0, bursts = world_below(BURSTS); i < bursts; i++)
		for (int64_t k = 0, at = world_between(SECOND, until - 1); k < BURST; k++)
			world_at(at + world_below(3 * MS), begin_submission, k == 0 ? NULL : &clients);
	for (uint32_t i = 0; i < reviews; i++)
		world_at(world_between(2 * SECOND, until - 1), begin_review, NULL);
	world_at(SECOND, read_board, NULL);
}
