/* A gateway's secret: one file of the key directory, read when it is needed and wiped after, so that it can be changed
 * while we run. */
#ifndef SANGKIEN_NOTIFICATION_SECRET_FILE_H
#define SANGKIEN_NOTIFICATION_SECRET_FILE_H

#include "common/runtime/base.h"

enum { SECRET_SIZE = 1024 };

/* The text of <keys>/gateway-<name>.secret without its last line end. NULL, or why it is not usable: not there,
 * readable by others, empty, too long, or not printable. */
const char *secret_read(const char *keys, const char *name, char secret[SECRET_SIZE]) MUST_CHECK;

#endif
