/* GET …/units/{unit}/progress. */
#ifndef SANGKIEN_LEADERBOARD_HTTP_PROGRESS_H
#define SANGKIEN_LEADERBOARD_HTTP_PROGRESS_H

#include "common/runtime/http.h"
#include "services/leaderboard/leaderboard.h"

http_handler on_progress;

void progress_on_job(struct leaderboard *leaderboard, struct job *job);

#endif
