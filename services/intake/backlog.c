#include "services/intake/backlog.h"

#include <stdlib.h>

struct backlog {
	size_t most, first, count;
	struct id128 ids[]; /* a ring */
};

struct backlog *backlog_new(size_t most)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog) + most * sizeof(backlog->ids[0]));
	assert(most > 0);
	if (backlog != NULL)
		backlog->most = most;
	return backlog;
}

void backlog_free(struct backlog **backlog)
{
	free(*backlog);
	*backlog = NULL;
}

bool backlog_add(struct backlog *backlog, const struct id128 *id)
{
	if (backlog->count == backlog->most)
		return false;
	backlog->ids[(backlog->first + backlog->count++) % backlog->most] = *id;
	return true;
}

size_t backlog_take(struct backlog *backlog, struct id128 *ids, size_t most)
{
	size_t taken = 0;
	while (taken < most && backlog->count > 0) {
		ids[taken++] = backlog->ids[backlog->first];
		backlog->first = (backlog->first + 1) % backlog->most;
		backlog->count--;
	}
	return taken;
}

size_t backlog_count(const struct backlog *backlog)
{
	return backlog->count;
}
