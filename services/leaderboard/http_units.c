#include "services/leaderboard/http_units.h"

#include "common/domain/text.h"
#include "common/runtime/clock.h"
#include "services/leaderboard/boards.h"
#include "services/leaderboard/campaign_json.h"
#include "services/leaderboard/http_boards.h"

#include <string.h>

enum { SEARCH_FOUND_MAX = 50, SEARCH_LOOKED_MAX = 1000, SEARCH_TEXT_MAX = 200 };

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

static void search(const struct unit_tree *tree, const char *text, const struct unit *parent, struct buffer *json)
{
	const struct unit *found[SEARCH_LOOKED_MAX];
	size_t count = unit_search(tree, text, found, parent ? SEARCH_LOOKED_MAX : SEARCH_FOUND_MAX), kept = 0;
	/* Asked for with a parent, only what lies below it. */
	for (size_t i = 0; i < count && kept < SEARCH_FOUND_MAX; i++)
		if (!parent || unit_is_below(tree, found[i]->id, parent->id))
			found[kept++] = found[i];
	units_json(tree, found, kept, json);
}

/* What is no text would be looked for as if nothing had been asked. */
static bool is_search_text(const char *text)
{
	CLEANUP(buffer_deinit) struct buffer clean = {0};
	struct bytes given = {(const uint8_t *)text, strlen(text)};
	return given.size <= SEARCH_TEXT_MAX && text_clean(given, &clean) == TEXT_OK;
}

static void answer_units(struct http_exchange *exchange, const struct reference_campaign *campaign)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	const char *code = http_query(exchange, "parent"), *text = http_query(exchange, "q");
	const struct unit *parent = code ? unit_by_code(campaign->units, code) : NULL;
	if (code && !parent) {
		refuse_query(exchange, "parent", "unknown_unit");
		return;
	}
	if (text && !is_search_text(text)) {
		refuse_query(exchange, "q", "invalid");
		return;
	}
	if (text && *text != '\0') {
		search(campaign->units, text, parent, &json);
	} else {
		size_t count;
		uint32_t above = parent ? parent->id : unit_tree_root(campaign->units)->id;
		const struct unit *const *children = unit_children(campaign->units, above, &count);
		units_json(campaign->units, children, count, &json);
	}
	answer_json(exchange, &json, "public, max-age=60");
}

void on_units(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	const struct reference *reference;
	const struct reference_campaign *campaign = campaign_of_path(leaderboard, exchange, &reference);
	if (!campaign)
		return;
	answer_units(exchange, campaign);
	reference_release(leaderboard->reference, &reference);
}
