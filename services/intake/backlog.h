/* A bounded queue of submission ids, first in, first out. Pure; not for several threads at once. */
#ifndef SANGKIEN_INTAKE_BACKLOG_H
#define SANGKIEN_INTAKE_BACKLOG_H

#include "common/runtime/base.h"

struct backlog;

struct backlog *backlog_new(size_t most) MUST_CHECK; /* takes ID128_SIZE octets for each of `most` */
void backlog_free(struct backlog **backlog);

bool backlog_add(struct backlog *backlog, const struct id128 *id);            /* false: full */
size_t backlog_take(struct backlog *backlog, struct id128 *ids, size_t most); /* how many, oldest first */
size_t backlog_count(const struct backlog *backlog);

#endif
