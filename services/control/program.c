#include "services/control/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool spawn_with_output(const char *log_path, int output, short flags, const char *const *argv, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (output >= 0)
		posix_spawn_file_actions_adddup2(&actions, output, 1);
	else
		posix_spawn_file_actions_addopen(
			&actions, 1, log_path != NULL ? log_path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
	/* What is read is judged by its exit code; its complaints are of no use to an operator. */
	if (output >= 0)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	else
		posix_spawn_file_actions_adddup2(&actions, 1, 2);
	int error = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
		fprintf(stderr, "sangkien: cannot run %s: %s\n", argv[0], strerror(error));
	return error == 0;
}

int program_run(const char *log_path, const char *const *argv)
{
	pid_t pid;
	return spawn_with_output(log_path, -1, 0, argv, &pid) ? wait_for(pid) : 127;
}

int program_read(const char *const *argv, struct buffer *output)
{
	int ends[2];
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return 127;
	bool started = spawn_with_output(NULL, ends[1], 0, argv, &pid);
	close(ends[1]);
	uint8_t piece[4096];
	ssize_t size;
	while (started && (size = read(ends[0], piece, sizeof(piece))) > 0)
		buffer_add(output, piece, (size_t)size);
	close(ends[0]);
	return started ? wait_for(pid) : 127;
}

bool program_detach(const char *log_path, const char *const *argv)
{
	pid_t pid;
	return spawn_with_output(log_path, -1, POSIX_SPAWN_SETSID, argv, &pid);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_read(const char *path, struct buffer *content)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0) {
		fprintf(stderr, "sangkien: cannot read %s: %s\n", path, strerror(errno));
		return false;
	}
	uint8_t piece[65536];
	ssize_t size;
	while ((size = read(file, piece, sizeof(piece))) > 0)
		buffer_add(content, piece, (size_t)size);
	close(file);
	return size == 0 && !content->failed;
}

static bool write_whole(int file, struct bytes content)
{
	while (content.size > 0) {
		ssize_t size = write(file, content.data, content.size);
		if (size < 0 && errno != EINTR)
			return false;
		if (size > 0) {
			content.data += size;
			content.size -= (size_t)size;
		}
	}
	return fsync(file) == 0;
}

bool file_write(const char *path, struct bytes content, mode_t mode)
{
	char temporary[4200];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	unlink(temporary);
	int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool written = file >= 0 && fchmod(file, mode) == 0 && write_whole(file, content);
	if (file >= 0)
		written = close(file) == 0 && written;
	if (written && rename(temporary, path) == 0)
		return true;
	fprintf(stderr, "sangkien: cannot write %s: %s\n", path, strerror(errno));
	unlink(temporary);
	return false;
}

bool file_write_text(const char *path, const char *text, mode_t mode)
{
	return file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, mode);
}

bool file_copy(const char *from, const char *to, mode_t mode, bool *changed)
{
	struct buffer wanted CLEANUP(buffer_deinit) = {.limit = (size_t)256 << 20};
	struct buffer there CLEANUP(buffer_deinit) = {.limit = (size_t)256 << 20};
	if (!file_read(from, &wanted))
		return false;
	if (file_exists(to) && file_read(to, &there) && there.size == wanted.size &&
		(wanted.size == 0 || memcmp(there.data, wanted.data, wanted.size) == 0))
		return true;
	if (changed != NULL)
		*changed = true;
	return file_write(to, buffer_bytes(&wanted), mode);
}

bool directory_make(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return true;
	fprintf(stderr, "sangkien: cannot make %s: %s\n", path, strerror(errno));
	return false;
}

void text_fill(struct buffer *out, struct bytes text, const char *const *pairs)
{
	for (size_t i = 0; i < text.size;) {
		const char *const *pair = pairs;
		size_t length = 0;
		for (; text.data[i] == '@' && *pair != NULL; pair += 2) {
			length = strlen(pair[0]);
			if (text.size - i > length + 1 && memcmp(text.data + i + 1, pair[0], length) == 0 &&
				text.data[i + 1 + length] == '@')
				break;
		}
		if (text.data[i] == '@' && *pair != NULL) {
			buffer_text(out, pair[1]);
			i += length + 2;
		} else {
			buffer_add(out, text.data + i++, 1);
		}
	}
}
