/* The secrets of a local system: made at the first `up`, files of mode 0400 below <run>/keys, never made anew. */
#ifndef SANGKIEN_CONTROL_KEYS_H
#define SANGKIEN_CONTROL_KEYS_H

#include "services/control/rundir.h"

/* The services that have a PostgreSQL login; ends with NULL. */
extern const char *const KEYS_POSTGRESQL_LOGINS[];
/* The users of Redis; ends with NULL. */
extern const char *const KEYS_REDIS_USERS[];

enum { KEYS_PASSWORD_SIZE = 65 }; /* 64 hexadecimal digits and NUL */

/* CURVE pairs, the key of the person hash, the sealing pair, passwords. Those that are there stay. */
bool keys_make(const struct rundir *run) MUST_CHECK;
bool keys_postgresql_password(
	const struct rundir *run, const char *login, char password[KEYS_PASSWORD_SIZE]) MUST_CHECK;
bool keys_redis_password(const struct rundir *run, const char *user, char password[KEYS_PASSWORD_SIZE]) MUST_CHECK;

#endif
