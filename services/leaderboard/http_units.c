#include "services/leaderboard/http_units.h"

#include "common/domain/text.h"
#include "common/runtime/clock.h"
#include "services/leaderboard/boards.h"
#include "services/leaderboard/campaign_json.h"
#include "services/leaderboard/http_boards.h"

#include <stdio.h>
#include <string.h>

static const char UNITS_CACHE[] = "public, max-age=60";

void on_campaigns(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	CLEANUP(buffer_deinit) struct buffer json = {0};
	const struct reference *reference = reference_acquire(leaderboard->reference);
	if (!reference) {
		refuse_unavailable(exchange);
		return;
	}
	campaigns_json(reference, clock_now_us(), http_prefers_english(exchange), &json);
	reference_release(leaderboard->reference, &reference);
	http_add_header(exchange, "Vary", "Accept-Language");
	answer_json(exchange, &json, "no-cache");
}

/* The form's rules do not wait for figures: without them the total is null. */
static void answer_campaign(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct board_view *view)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return;
	struct targets *targets = watch_targets(leaderboard->watch);
	campaign_json(campaign, targets, clock_now_us(), http_prefers_english(exchange),
		view ? buffer_bytes(&view->total_json) : (struct bytes){(const uint8_t *)"null", 4}, &json);
	targets_release(&targets);
	reference_release(leaderboard->reference, &reference);
	http_add_header(exchange, "Vary", "Accept-Language");
	answer_json(exchange, &json, "no-cache");
}

void on_campaign(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return;
	struct board_query query = board_query_standard(campaign);
	reference_release(leaderboard->reference, &reference);
	boards_answer_with(leaderboard->boards, &query, exchange, answer_campaign);
}

/* What is no text would be looked for as if nothing had been asked. */
static bool is_search_text(const char *text)
{
	CLEANUP(buffer_deinit) struct buffer clean = {0};
	struct bytes given = {(const uint8_t *)text, strlen(text)};
	return given.size <= UNITS_TEXT_MAX && text_clean(given, &clean) == TEXT_OK;
}

static void answer_units(struct http_exchange *exchange, const struct unit_tree *tree)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	const char *parent = http_query(exchange, "parent"), *text = http_query(exchange, "q");
	/* An empty code is none of a unit's. */
	if ((parent && *parent == '\0') || !units_answer(tree, parent, text, &json))
		refuse_query(exchange, "parent", "unknown_unit");
	else
		answer_json(exchange, &json, UNITS_CACHE);
}

static void answer_line(struct http_exchange *exchange, const struct unit_tree *tree, const char *code)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	if (units_line(tree, code, &json))
		answer_json(exchange, &json, UNITS_CACHE);
	else
		refuse_query(exchange, "line", "unknown_unit");
}

static void ask_past(struct leaderboard *leaderboard, struct http_exchange *exchange, const struct units_query *query)
{
	struct job *job = job_new(JOB_UNITS, 0);
	if (job) {
		job->units = *query;
		job->ticket = http_ticket_of(exchange);
	}
	if (!leaderboard_ask(leaderboard, &job))
		refuse_unavailable(exchange);
}

/* The tree of a day before units moved is in PostgreSQL alone. */
static void answer_past(struct leaderboard *leaderboard, struct http_exchange *exchange, uint32_t campaign)
{
	const char *day = http_query(exchange, "as_of"), *parent = http_query(exchange, "parent"),
		   *text = http_query(exchange, "q");
	struct units_query query = {.campaign = campaign};
	if (!clock_parse_day(day, &query.day)) {
		refuse_query(exchange, "as_of", "invalid");
		return;
	}
	if (parent && (*parent == '\0' || strlen(parent) >= sizeof(query.parent))) {
		refuse_query(exchange, "parent", "unknown_unit");
		return;
	}
	snprintf(query.parent, sizeof(query.parent), "%s", parent ? parent : "");
	snprintf(query.text, sizeof(query.text), "%s", text ? text : "");
	ask_past(leaderboard, exchange, &query);
}

void on_units(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return;
	const char *text = http_query(exchange, "q"), *line = http_query(exchange, "line");
	if (line)
		answer_line(exchange, campaign->units, line);
	else if (text && !is_search_text(text))
		refuse_query(exchange, "q", "invalid");
	else if (http_query(exchange, "as_of"))
		answer_past(leaderboard, exchange, campaign->id);
	else
		answer_units(exchange, campaign->units);
	reference_release(leaderboard->reference, &reference);
}

void units_on_job(struct leaderboard *leaderboard, struct job *job)
{
	struct http_exchange *exchange = http_find(leaderboard->server, job->ticket);
	if (!exchange)
		return;
	if (job->failed)
		refuse_unavailable(exchange);
	else if (job->unknown_unit)
		refuse_query(exchange, "parent", "unknown_unit");
	else
		answer_json(exchange, &job->json, UNITS_CACHE);
}
