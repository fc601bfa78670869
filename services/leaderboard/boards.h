/* Boards that stand ready, one a query and bounded, and who waits for those that do not. */
#ifndef SANGKIEN_LEADERBOARD_BOARDS_H
#define SANGKIEN_LEADERBOARD_BOARDS_H

#include "services/leaderboard/leaderboard.h"

struct boards;

struct boards *boards_new(struct leaderboard *leaderboard) MUST_CHECK;
void boards_free(struct boards **boards);

/* Nothing newer is known: of figures, targets, units, or of whether they are current. */
bool boards_is_fresh(const struct boards *boards, const struct board_view *view);
/* Borrowed until the next turn; NULL: none that is fresh. */
struct board_view *boards_cached(struct boards *boards, const struct board_query *query);
/* Has the board read, if it is not under way already; it is in the cache soon. False: too much is under way. */
bool boards_request(struct boards *boards, const struct board_query *query) MUST_CHECK;

/* `view` NULL: it cannot be had. */
typedef void boards_answer(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct board_view *view);
/* Calls `answer`, now or when the board has been read; not where the client has gone by then. */
void boards_answer_with(
	struct boards *boards, const struct board_query *query, struct http_exchange *exchange, boards_answer *answer);

void boards_on_job(struct boards *boards, struct job *job); /* takes its view */

#endif
