/* GET …/history: answered from memory for a moment, so that many readers of one line are one question to PostgreSQL. */
#ifndef SANGKIEN_LEADERBOARD_HTTP_HISTORY_H
#define SANGKIEN_LEADERBOARD_HTTP_HISTORY_H

#include "services/leaderboard/leaderboard.h"

http_handler on_history;

void history_on_job(struct leaderboard *leaderboard, struct job *job);

struct histories *histories_new(void) MUST_CHECK;
void histories_free(struct histories **histories);

#endif
