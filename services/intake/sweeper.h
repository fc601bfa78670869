/* Looks after submissions without a decision, in a thread with its own connection to PostgreSQL: does the loop's
 * errands, feeds what found no room in the window, and where this instance holds the role 'sweeper' feeds what nobody
 * has under way into its window. */
#ifndef SANGKIEN_INTAKE_SWEEPER_H
#define SANGKIEN_INTAKE_SWEEPER_H

#include "services/intake/dispatch.h"
#include "services/intake/receipt_clock.h"

struct sweeper_options {
	struct service *service;
	const char *conninfo;
	uint32_t lease_ms; /* an undecided submission is looked after when it is older */
	struct dispatch *dispatch;
	const struct receipt_clock *clock; /* ages go by it: a clock that jumps makes nothing older or younger */
	struct intake_metrics *metrics;
};

struct sweeper;
struct sweeper *sweeper_open(const struct sweeper_options *options) MUST_CHECK;
void sweeper_close(struct sweeper **sweeper); /* gives the role up */

#endif
