/* GET /v1/campaigns, /v1/campaigns/{campaign} and …/units. */
#ifndef SANGKIEN_LEADERBOARD_HTTP_UNITS_H
#define SANGKIEN_LEADERBOARD_HTTP_UNITS_H

#include "common/runtime/http.h"
#include "services/leaderboard/leaderboard.h"

http_handler on_campaigns, on_campaign, on_units;
void units_on_job(struct leaderboard *leaderboard, struct job *job);

#endif
