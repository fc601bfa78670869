#include "common/runtime/failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void failpoint(const char *name)
{
	const char *wanted = getenv("SANGKIEN_FAILPOINT"), *once = getenv("SANGKIEN_FAILPOINT_ONCE");

	if (wanted == NULL || strcmp(wanted, name) != 0)
		return;
	if (once != NULL && once[0] != '\0') {
		int file = open(once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (file < 0)
			return;
		close(file);
	}
	raise(SIGKILL);
}

void failpoint_on(const char *name, struct bytes text)
{
	const char *deadly = getenv("SANGKIEN_FAILPOINT_TEXT");

	if (deadly != NULL && deadly[0] != '\0' && text.size > 0 &&
		memmem(text.data, text.size, deadly, strlen(deadly)) != NULL)
		failpoint(name);
}
