#include "services/leaderboard/http_progress.h"

#include "services/leaderboard/http_boards.h"

/* The figures are of this moment and of PostgreSQL alone: they are asked for each time. */
static void ask(struct leaderboard *leaderboard, struct http_exchange *exchange, const struct progress_query *query)
{
	struct job *job = job_new(JOB_PROGRESS, 0);
	if (job) {
		job->progress = *query;
		job->ticket = http_ticket_of(exchange);
	}
	if (!leaderboard_ask(leaderboard, &job))
		refuse_unavailable(exchange);
}

void on_progress(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return;
	const struct unit *unit = unit_by_code(campaign->units, http_path_value(exchange, "unit"));
	struct progress_query query = {
		.campaign = campaign->id, .unit = unit ? unit->id : 0, .english = http_prefers_english(exchange)};
	reference_release(leaderboard->reference, &reference);
	if (query.unit != 0)
		ask(leaderboard, exchange, &query);
	else
		refuse_unknown_unit(exchange);
}

void progress_on_job(struct leaderboard *leaderboard, struct job *job)
{
	struct http_exchange *exchange = http_find(leaderboard->server, job->ticket);
	if (!exchange)
		return;
	if (job->failed) {
		refuse_unavailable(exchange);
		return;
	}
	http_add_header(exchange, "Vary", "Accept-Language");
	answer_json(exchange, &job->json, "no-cache");
}
