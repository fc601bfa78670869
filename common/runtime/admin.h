/* The admin port of a service: /healthz, /readyz and /metrics, and the file that says where it is. */
#ifndef SANGKIEN_RUNTIME_ADMIN_H
#define SANGKIEN_RUNTIME_ADMIN_H

#include "common/runtime/base.h"
#include "common/runtime/metrics.h"
#include "common/runtime/readiness.h"

#include <stdatomic.h>

struct admin;

struct admin_options {
	const char *service, *instance, *version;
	const char *listen; /* "127.0.0.1:0" */
	const char *file;   /* the bound address is written there; "" = not */
	struct readiness *readiness;
	struct metrics *metrics;
	const _Atomic int64_t *busy_since_ms; /* of the service's loop; 0 while it waits */
	int64_t started_at_us;
};

/* Binds, starts its thread and writes the file; NULL with a line in the log that names the setting to change. What
 * the options point to must outlive it. */
struct admin *admin_open(const struct admin_options *options) MUST_CHECK;
const char *admin_address(const struct admin *admin);
void admin_close(struct admin **admin); /* and removes the file */

#endif
