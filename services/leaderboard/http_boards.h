/* GET …/board and …/board/events. */
#ifndef SANGKIEN_LEADERBOARD_HTTP_BOARDS_H
#define SANGKIEN_LEADERBOARD_HTTP_BOARDS_H

#include "common/runtime/http.h"
#include "services/leaderboard/leaderboard.h"

http_handler on_board, on_board_events;

/* The campaign of the path, with a hold of the reference it is in. NULL: refused already, and no hold. */
const struct reference_campaign *campaign_of_path(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct reference **reference) MUST_CHECK;

#endif
