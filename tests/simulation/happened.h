/* What went wrong in a seed, and in how many: a kind of fault that never happens would be a check that cannot fail. */
#ifndef SANGKIEN_SIMULATION_HAPPENED_H
#define SANGKIEN_SIMULATION_HAPPENED_H

#include "common/runtime/base.h"

enum happening {
	FRAME_LOST,
	FRAME_DOUBLED,
	FRAME_OVERTAKEN,
	FRAME_LATE,
	CONNECTION_CUT,
	CONNECTION_HALF_OPEN,
	PARTITION,
	CRASH,
	CRASH_AT_STEP,
	CRASH_AT_MOMENT,
	PAUSE,
	PAUSE_PAST_LEASE,
	OWNER_REPLACED,
	TERMINATED,
	INSTANCE_AWAY,
	INSTANCE_ADDED,
	CLOCK_SKEW,
	STATEMENT_LOST,
	STATEMENT_UNANSWERED,
	STATEMENT_REFUSED,
	STATEMENT_LATE,
	COMMIT_UNANSWERED,
	COMMIT_LOST,
	COMMIT_SENT,
	COMMIT_LATE,
	POSTGRESQL_CRASH,
	REDIS_EMPTIED,
	REDIS_PUT_BACK,
	REDIS_AWAY,
	REDIS_COMMAND_LOST,
	REVIEW,
	VERDICT_AGAIN,
	VERDICT_AFTER_REVIEW,
	REFUSED_AFTER_CLOSE,
	HAPPENINGS
};

void happened(enum happening kind);
bool happens(enum happening kind, uint32_t per_million); /* world_chance(), noted where it comes true */

void happened_begin(void); /* in the process that runs seeds, before the first */
void happened_keep(void);  /* in a seed's process, at its end */
/* Prints each kind with how often and in how many of these seeds it happened. False: one never did. */
bool happened_print(uint64_t seeds);

#endif
