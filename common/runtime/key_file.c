#include "common/runtime/key_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

bool key_file_load(const char *directory, const char *name, uint8_t *key, size_t size)
{
	char path[PATH_MAX];
	uint8_t beyond;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	bool whole = read(file, key, size) == (ssize_t)size && read(file, &beyond, 1) == 0;
	close(file);
	return whole;
}
