/* The thread that makes the notices to officers: targets that were met, units that are behind before a period ends, the
 * summaries of the week. One instance does it at a time, by the role 'planner'; two would do no harm, because an event
 * is told of once (officer_event). Campaigns that tell officers nothing cost nothing. */
#ifndef SANGKIEN_NOTIFICATION_PLANNER_H
#define SANGKIEN_NOTIFICATION_PLANNER_H

#include "common/domain/reference.h"
#include "services/notification/deliverer.h"

struct planner;

struct planner_options {
	struct service *service;
	struct reference_source *references;
	const char *conninfo;
	struct deliverer *deliverer; /* woken when there is something to send */
	uint32_t every_ms;           /* how often it looks */
};

struct planner *planner_open(const struct planner_options *options) MUST_CHECK; /* NULL: no memory */
void planner_close(struct planner **planner);                                   /* waits for what it is doing */

#endif
