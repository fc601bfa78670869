#include "services/notification/secret_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *read_text(int fd, char secret[SECRET_SIZE])
{
	struct stat file;
	ssize_t size;

	if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
		return "the file of its secret is no file";
	if ((file.st_mode & 077) != 0)
		return "the file of its secret is readable by others; chmod 0400";
	size = read(fd, secret, SECRET_SIZE);
	if (size <= 0 || size == SECRET_SIZE)
		return "the file of its secret is empty or too long";
	secret[size] = '\0';
	while (size > 0 && (secret[size - 1] == '\n' || secret[size - 1] == '\r'))
		secret[--size] = '\0';
	for (const char *c = secret; *c != '\0'; c++)
		if ((*c < ' ' && *c != '\n') || *c >= 0x7f)
			return "its secret has octets that are no printable ASCII";
	return size > 0 ? NULL : "the file of its secret is empty or too long";
}

const char *secret_read(const char *keys, const char *name, char secret[SECRET_SIZE])
{
	char path[PATH_MAX];
	const char *fault;
	int fd;

	if (snprintf(path, sizeof(path), "%s/gateway-%s.secret", keys, name) >= (int)sizeof(path))
		return "the path of its secret is too long";
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return "the file of its secret cannot be read";
	fault = read_text(fd, secret);
	close(fd);
	return fault;
}
