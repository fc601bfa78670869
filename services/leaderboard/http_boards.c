#include "services/leaderboard/http_boards.h"

#include "common/runtime/clock.h"
#include "services/leaderboard/boards.h"
#include "services/leaderboard/stream.h"

#include <string.h>

const struct reference_campaign *campaign_of_path(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct reference **reference)
{
	*reference = reference_acquire(leaderboard->reference);
	if (!*reference) {
		refuse_unavailable(exchange);
		return NULL;
	}
	const struct reference_campaign *campaign =
		reference_by_code(*reference, http_path_value(exchange, "campaign"));
	if (!campaign) {
		reference_release(leaderboard->reference, reference);
		refuse_unknown_campaign(exchange);
	}
	return campaign;
}

static bool query_of(struct leaderboard *leaderboard, struct http_exchange *exchange, struct board_query *query)
{
	const struct reference *reference;
	struct query_fault fault;
	struct board_parameters parameters = {
		.metric = http_query(exchange, "metric"),
		.phase = http_query(exchange, "phase"),
		.parent = http_query(exchange, "parent"),
		.limit = http_query(exchange, "limit"),
		.around = http_query(exchange, "around"),
	};
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return false;
	bool well = board_query_parse(campaign, &parameters, clock_now_us(), query, &fault);
	reference_release(leaderboard->reference, &reference);
	if (!well)
		refuse_query(exchange, fault.field, fault.code);
	return well;
}

/* If-None-Match compares weakly (RFC 9110, 13.1.2): "W/" counts for nothing. */
static bool client_has(const struct http_exchange *exchange, const char *etag)
{
	const char *given = http_header(exchange, "If-None-Match");
	return given && (strcmp(given, "*") == 0 || strstr(given, strchr(etag, '"')));
}

static void answer_board(struct leaderboard *leaderboard, struct http_exchange *exchange, const struct board_view *view)
{
	(void)leaderboard;
	if (!view) {
		refuse_unavailable(exchange);
		return;
	}
	http_add_header(exchange, "ETag", view->etag);
	http_add_header(exchange, "Cache-Control", "no-cache"); /* kept, but asked for again each time */
	if (client_has(exchange, view->etag))
		http_answer(exchange, 304, NULL, (struct bytes){0});
	else
		http_answer(exchange, 200, "application/json", buffer_bytes(&view->json));
}

void on_board(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	struct board_query query;
	if (query_of(leaderboard, exchange, &query))
		boards_answer_with(leaderboard->boards, &query, exchange, answer_board);
}

void on_board_events(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	struct board_query query;
	if (query_of(leaderboard, exchange, &query))
		streams_join(leaderboard->streams, exchange, &query);
}
