/* What main() runs: one of the two roles, until SIGTERM. */
#ifndef SANGKIEN_DEDUPLICATION_ROLES_H
#define SANGKIEN_DEDUPLICATION_ROLES_H

#include "services/deduplication/settings.h"

enum { ROLE_EXIT_UNAVAILABLE = 69 /* something it cannot start without */, ROLE_EXIT_SUPERSEDED = 75 };

/* Exit codes of the process. */
int sign_role_run(struct service *service, const struct deduplication_settings *settings);
int index_role_run(struct service *service, const struct deduplication_settings *settings);

#endif
