/* `sangkien audit`: recounts everything from the submissions and says where what stands is another number. */
#include "services/control/arguments.h"
#include "services/control/audit_board.h"
#include "services/control/audit_checks.h"
#include "services/control/audit_log.h"
#include "services/control/board_view.h"
#include "services/control/command.h"
#include "services/control/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT_S = 10 };

/* 0: nothing differs; 1: something does; 69: PostgreSQL or Redis was away, so that not everything was compared. */
static int audit(struct rundir *run, struct pg *pg, int64_t patience_ms, struct audit_report *report)
{
	bool good = audit_snapshot_open(pg) && audit_checks_run(pg, report) && audit_log_check(pg, report);
	struct audit_boards *boards CLEANUP(audit_boards_free) = good ? audit_boards_read(pg) : NULL;

	pg_rollback(pg, session_deadline());
	if (boards == NULL)
		return EXIT_AWAY;
	struct redis *redis CLEANUP(redis_close) = board_redis(run);
	assert(redis != NULL);
	if (!audit_boards_compare(boards, pg, redis, patience_ms, report))
		return EXIT_AWAY;
	if (audit_report_drifts(report) > 0)
		return EXIT_DRIFT;
	return report->redis_away ? EXIT_AWAY : EXIT_OK;
}

int command_audit(struct rundir *run, int argc, char **argv)
{
	bool json = false;
	const char *wait = NULL;
	double wait_s;
	const struct argument known[] = {{"--json", .flag = &json}, {"--wait", .text = &wait}};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)) ||
		!arguments_number("--wait", wait, WAIT_S, 0, 3600, &wait_s))
		return EXIT_USAGE_BAD;
	struct pg *pg CLEANUP(pg_close) = session_open(run, "audit");
	if (pg == NULL)
		return EXIT_AWAY;
	struct audit_report *report = calloc(1, sizeof(*report));
	assert(report != NULL);
	int code = audit(run, pg, (int64_t)(wait_s * 1000), report);
	if (code != EXIT_AWAY || report->redis_away)
		audit_report_print(report, json);
	audit_report_deinit(report);
	free(report);
	return code;
}
