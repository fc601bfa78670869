#include "common/edge/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { Z85_SIZE = CURVE_KEY_SIZE - 1, OTHERS = S_IRWXG | S_IRWXO };

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static bool key_path(char path[PATH_MAX], const char *directory, const char *name, const char *ending)
{
	int size = snprintf(path, PATH_MAX, "%s/%s%s", directory, name, ending);

	if (size < 0 || size >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	return true;
}

/* One key and perhaps a newline. */
static bool key_read(const char *path, mode_t forbidden, char key[CURVE_KEY_SIZE])
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[Z85_SIZE + 2];
	uint8_t raw[32];
	struct stat status;
	ssize_t size;
	bool decoded;

	if (fd < 0 || fstat(fd, &status) != 0)
		return false;
	if ((status.st_mode & forbidden) != 0) {
		errno = EPERM;
		return false;
	}
	size = read(fd, text, sizeof(text));
	errno = EINVAL;
	if (size < Z85_SIZE || size > Z85_SIZE + 1 || (size == Z85_SIZE + 1 && text[Z85_SIZE] != '\n'))
		return false;
	memcpy(key, text, Z85_SIZE);
	key[Z85_SIZE] = '\0';
	decoded = zmq_z85_decode(raw, key) != NULL;
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(text, sizeof(text));
	return decoded;
}

bool curve_public_load(const char *directory, const char *name, char public_key[CURVE_KEY_SIZE])
{
	char path[PATH_MAX];

	return key_path(path, directory, name, ".public") && key_read(path, 0, public_key);
}

bool curve_keys_load(const char *directory, const char *name, struct curve_keys *keys)
{
	char path[PATH_MAX], derived[CURVE_KEY_SIZE];

	if (!curve_public_load(directory, name, keys->public_key) || !key_path(path, directory, name, ".secret") ||
		!key_read(path, OTHERS, keys->secret_key))
		return false;
	if (zmq_curve_public(derived, keys->secret_key) != 0 || strcmp(derived, keys->public_key) != 0) {
		errno = EINVAL;
		return false;
	}
	return true;
}

/* Whole or not at all: readers look again whenever the file changes. */
static bool key_write(const char *directory, const char *name, const char *ending, const char *key)
{
	char path[PATH_MAX], draft[PATH_MAX];
	CLEANUP(close_fd) int fd = -1;

	if (!key_path(path, directory, name, ending) || !key_path(draft, directory, name, ".draft"))
		return false;
	unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR);
	if (fd < 0)
		return false;
	if (dprintf(fd, "%s\n", key) == Z85_SIZE + 1 && fsync(fd) == 0 && rename(draft, path) == 0)
		return true;
	unlink(draft);
	return false;
}

bool curve_keys_create(const char *directory, const char *name)
{
	struct curve_keys keys;
	bool written;

	if (zmq_curve_keypair(keys.public_key, keys.secret_key) != 0)
		return false;
	written = key_write(directory, name, ".secret", keys.secret_key) &&
		  key_write(directory, name, ".public", keys.public_key);
	sodium_memzero(&keys, sizeof(keys));
	return written;
}
