/* `sangkien rebuild-board`: forgets a board's head in Redis; quota finds it missing and builds it anew. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/board_view.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <stdio.h>
#include <time.h>

enum { REBUILD_MS = 120 * 1000, REDIS_MS = 10 * 1000 };

static bool await_redis(struct redis *redis)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (int64_t deadline = clock_monotonic_ms() + REDIS_MS; !redis_ready(redis); nanosleep(&pause, NULL))
		if (clock_monotonic_ms() >= deadline)
			return false;
	return true;
}

static int rebuild(struct pg *pg, struct redis *redis, uint32_t campaign, struct bytes code)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct board_meta meta;

	if (!board_forget(redis, campaign)) {
		fputs("sangkien: Redis does not answer\n", stderr);
		return EXIT_AWAY;
	}
	pg_i16(pg_params(pg), (int16_t)campaign);
	if (pg_run(pg, "SELECT version FROM board WHERE campaign_id = $1", &rows, session_deadline()) != PG_OK ||
		PQntuples(rows) != 1) {
		fprintf(stderr, "sangkien: cannot read the board's version: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	int64_t version = pg_get_i64(rows, 0, 0);
	if (board_await(redis, campaign, version, 0, clock_monotonic_ms() + REBUILD_MS, &meta) == BOARD_THERE &&
		meta.applied >= version) {
		printf("%.*s: built anew, version %lld\n", (int)code.size, (const char *)code.data,
			(long long)meta.applied);
		return EXIT_OK;
	}
	fprintf(stderr, "sangkien: %.*s: quota has not built the board within %d s; is it up? (`sangkien status`)\n",
		(int)code.size, (const char *)code.data, REBUILD_MS / 1000);
	return EXIT_AWAY;
}

static int rebuild_all(struct pg *pg, struct redis *redis, const char *campaign)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	int worst = session_campaigns_find(pg, campaign, &rows);

	for (int row = 0; row < PQntuples(rows); row++) {
		int code = rebuild(pg, redis, (uint32_t)pg_get_i16(rows, row, 0), pg_get_bytes(rows, row, 1));
		worst = code > worst ? code : worst;
	}
	return worst;
}

int command_rebuild_board(struct rundir *run, int argc, char **argv)
{
	const char *campaign = NULL;
	const struct argument known[] = {{NULL, .text = &campaign}};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "rebuild-board");
	if (pg == NULL)
		return EXIT_AWAY;
	struct redis *redis CLEANUP(redis_close) = board_redis(run);
	if (redis == NULL || !await_redis(redis)) {
		fputs("sangkien: Redis does not answer\n", stderr);
		return EXIT_AWAY;
	}
	return rebuild_all(pg, redis, campaign);
}
