#include "services/leaderboard/http_history.h"

#include "common/runtime/clock.h"
#include "services/leaderboard/http_boards.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { PLACES = 256, FRESH_MS = 2000 };

struct kept {
	struct history_query query;
	struct buffer json; /* empty: nothing is kept here */
	int64_t until_ms;
};
struct histories {
	struct kept places[PLACES];
};

struct histories *histories_new(void)
{
	return calloc(1, sizeof(struct histories));
}

void histories_free(struct histories **histories)
{
	struct histories *it = *histories;
	*histories = NULL;
	for (size_t i = 0; it && i < PLACES; i++)
		buffer_deinit(&it->places[i].json);
	free(it);
}

static bool is_same(const struct history_query *a, const struct history_query *b)
{
	return a->campaign == b->campaign && a->unit == b->unit && a->step == b->step;
}

static struct kept *place_of(struct histories *histories, const struct history_query *query)
{
	uint64_t key[] = {query->campaign, query->unit, query->step};
	return &histories->places[XXH3_64bits(key, sizeof(key)) % PLACES];
}

static void answer(struct http_exchange *exchange, const struct buffer *json)
{
	answer_json(exchange, json, "public, max-age=2");
}

/* False: it was refused. */
static bool query_of(struct leaderboard *leaderboard, struct http_exchange *exchange, struct history_query *query)
{
	const char *by = http_query(exchange, "by"), *code = http_query(exchange, "unit"), *fault = NULL;
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return false;
	const struct unit *root = unit_tree_root(campaign->units);
	const struct unit *unit = code ? unit_by_code(campaign->units, code) : root;
	if (by && strcmp(by, "hour") != 0 && strcmp(by, "day") != 0)
		fault = "by";
	else if (!unit)
		fault = "unit";
	else
		*query = (struct history_query){.campaign = campaign->id,
			.unit = unit->id,
			.step = by && strcmp(by, "hour") == 0 ? HISTORY_HOURS : HISTORY_DAYS};
	if (!fault && query->step == HISTORY_HOURS && unit != root)
		fault = "by"; /* hours are kept of whole campaigns alone */
	reference_release(leaderboard->reference, &reference);
	if (fault)
		refuse_query(exchange, fault, strcmp(fault, "unit") == 0 ? "unknown_unit" : "invalid");
	return !fault;
}

void on_history(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	struct history_query query;
	if (!query_of(leaderboard, exchange, &query))
		return;
	const struct kept *kept = place_of(leaderboard->histories, &query);
	if (kept->json.size > 0 && is_same(&kept->query, &query) && clock_monotonic_ms() < kept->until_ms) {
		answer(exchange, &kept->json);
		return;
	}
	struct job *job = job_new(JOB_HISTORY, 0);
	if (job) {
		job->history = query;
		job->ticket = http_ticket_of(exchange);
	}
	if (!leaderboard_ask(leaderboard, &job))
		refuse_unavailable(exchange);
}

void history_on_job(struct leaderboard *leaderboard, struct job *job)
{
	struct http_exchange *exchange = http_find(leaderboard->server, job->ticket);
	if (exchange && job->failed)
		refuse_unavailable(exchange);
	else if (exchange)
		answer(exchange, &job->json);
	if (job->failed)
		return;
	struct kept *kept = place_of(leaderboard->histories, &job->history);
	buffer_deinit(&kept->json);
	*kept = (struct kept){.query = job->history, .json = job->json, .until_ms = clock_monotonic_ms() + FRESH_MS};
	job->json = (struct buffer){0};
}
