/* Watches PostgreSQL for what the HTTP thread must know without asking: bearer tokens, decisions of which nothing was
 * heard though a client waits, and whether this machine's clock agrees (law 6). */
#ifndef SANGKIEN_INTAKE_WATCH_H
#define SANGKIEN_INTAKE_WATCH_H

#include "common/runtime/service.h"
#include "services/intake/metrics.h"
#include "services/intake/receipt_clock.h"
#include "services/intake/tokens.h"
#include "services/intake/waiters.h"

struct watch;
/* Keeps the condition "clock"; tokens, waiters and the clock are the caller's. */
struct watch *watch_open(struct service *service, const char *conninfo, struct tokens *tokens, struct waiters *waiters,
	struct receipt_clock *clock, struct intake_metrics *metrics) MUST_CHECK;
void watch_close(struct watch **watch);

#endif
