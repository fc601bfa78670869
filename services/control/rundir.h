/* The run directory: everything a local system keeps lies below it, and nothing outside. */
#ifndef SANGKIEN_CONTROL_RUNDIR_H
#define SANGKIEN_CONTROL_RUNDIR_H

#include "common/runtime/base.h"

#include <sys/types.h>

enum {
	RUNDIR_PATH_MAX = 80, /* so that the longest socket below it fits sockaddr_un (107 bytes) */
	RUNDIR_FILE_MAX = 4096,
};

struct rundir {
	char path[RUNDIR_PATH_MAX +
		  1];                 /* absolute; SANGKIEN_RUN or /var/tmp/sangkien-<uid>-<hash of the clone's path> */
	char source[RUNDIR_FILE_MAX]; /* the clone this tool was built in, "" when it was installed in a run directory
				       */
	char programs[RUNDIR_FILE_MAX]; /* where the services' programs were built, "" likewise */
	uid_t owner;                    /* who the servers and services run as: never root */
	gid_t group;
};

/* Finds the run directory of this tool. False with a line on stderr: no unprivileged user, path too long. */
bool rundir_find(struct rundir *run) MUST_CHECK;
/* "<run>/<format>" in `text`, RUNDIR_FILE_MAX bytes; asserts that it fits. Returns text. */
char *rundir_file(const struct rundir *run, char *text, const char *format, ...) PRINTF_LIKE(3, 4);

/* As root: becomes the run directory's owner for good. What the user may read and the owner may not is read before. */
bool rundir_enter(const struct rundir *run) MUST_CHECK;

/* PostgreSQL as the schema's owner, Redis as its administrator, and the edge's public address.
 * `text` has RUNDIR_FILE_MAX bytes and is returned. */
const char *rundir_conninfo(const struct rundir *run, char *text);
const char *rundir_redis_address(const struct rundir *run, char *text);
const char *rundir_redis_password_file(const struct rundir *run, char *text); /* user "control" */
const char *rundir_public_address(const struct rundir *run, char *text); /* "http://127.0.0.1:8080" as `up` bound it */
/* "127.0.0.1:43210" of the operators' page as it is or was bound, in `text` of 128 bytes; false: it never was. */
bool rundir_ops_address(const struct rundir *run, char *text) MUST_CHECK;

#endif
