/* A role that one instance of several holds at a time: a row of `role_lease` with an epoch that each new holder raises.
 * What is done by the role must do no harm where two hold it for a moment. */
#ifndef SANGKIEN_DOMAIN_ROLE_LEASE_H
#define SANGKIEN_DOMAIN_ROLE_LEASE_H

#include "common/runtime/pg.h"

/* Takes or renews the role for `lease_ms`. *epoch 0: another instance holds it. */
enum pg_status role_lease_take(struct pg *pg, const char *role, const struct id128 *holder, uint32_t lease_ms,
	int64_t *epoch, int64_t deadline_ms) MUST_CHECK;
/* Lets the next one take it at once. */
enum pg_status role_lease_end(
	struct pg *pg, const char *role, const struct id128 *holder, int64_t deadline_ms) MUST_CHECK;

#endif
