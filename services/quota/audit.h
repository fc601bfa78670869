/* What the audit in the background looks at, and what it has found. */
#ifndef SANGKIEN_QUOTA_AUDIT_H
#define SANGKIEN_QUOTA_AUDIT_H

#include "common/runtime/base.h"

enum audit_check {
	AUDIT_BOARD,         /* a row in Redis is PostgreSQL's at the same version (law 5) */
	AUDIT_VERDICTS,      /* revisions are 1, 2, … and the machine speaks once, first (law 2) */
	AUDIT_PLACES,        /* a decision has a submission, of its campaign and unit */
	AUDIT_TOTALS,        /* unit_total is the sum of the latest decisions below each unit (law 4) */
	AUDIT_DAYS,          /* and unit_day by the day of receipt */
	AUDIT_PARTICIPATION, /* for each person, unit, phase and day the number of counted submissions */
	AUDIT_PEOPLE,        /* distinct persons below each unit */
	AUDIT_ROUNDS,        /* and unit_round those of a round, by the day on which each was new */
	AUDIT_CHECKS
};
const char *audit_check_name(enum audit_check check);

struct audit_drift {
	enum audit_check check;
	uint32_t campaign, unit, phase; /* 0: no one in particular */
	const char *what;               /* borrowed */
	int64_t expected, found;
};
/* Who is told of each row, or of so many more that are not given one by one. */
struct audit_listener {
	void (*drift)(const struct audit_drift *drift, void *context);
	void (*more)(enum audit_check check, uint64_t count, void *context);
	void *context;
};

#endif
