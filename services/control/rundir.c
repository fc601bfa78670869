#include "services/control/rundir.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* PostgreSQL's package makes this user; it has no login and initdb refuses root. */
static const char UNPRIVILEGED_USER[] = "postgres";

/* "<run>/bin/sangkien" was installed by `up`; else the clone is what lies above the build directory, and the programs
 * lie beside the tool (in build/ or, with sanitizers, below it). */
static size_t length_of_run(const char *tool)
{
	static const char INSTALLED[] = "/bin/sangkien";
	size_t length = strlen(tool), tail = sizeof(INSTALLED) - 1;
	return length > tail && strcmp(tool + length - tail, INSTALLED) == 0 ? length - tail : 0;
}

static void find_source(const char *tool, struct rundir *run)
{
	const char *build = NULL;
	run->source[0] = run->programs[0] = '\0';
	if (length_of_run(tool) > 0)
		return;
	for (const char *at = tool; (at = strstr(at, "/build/")) != NULL; at++)
		build = at;
	if (build != NULL)
		snprintf(run->source, sizeof(run->source), "%.*s", (int)(build - tool), tool);
	snprintf(run->programs, sizeof(run->programs), "%.*s", (int)(strrchr(tool, '/') - tool), tool);
}

static void standard_path(const struct rundir *run, const char *tool, char path[PATH_MAX])
{
	if (length_of_run(tool) > 0) {
		snprintf(path, PATH_MAX, "%.*s", (int)length_of_run(tool), tool);
		return;
	}
	unsigned char hash[crypto_generichash_BYTES_MIN];
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)run->source, strlen(run->source), NULL, 0);
	snprintf(path, PATH_MAX, "/var/tmp/sangkien-%u-%02x%02x%02x%02x", (unsigned)geteuid(), hash[0], hash[1],
		hash[2], hash[3]);
}

/* Root never runs a server: an existing directory's owner does, else the unprivileged user. */
static bool find_owner(struct rundir *run)
{
	struct stat there;
	run->owner = geteuid();
	run->group = getegid();
	if (run->owner != 0)
		return true;
	if (lstat(run->path, &there) == 0 && S_ISDIR(there.st_mode) && there.st_uid != 0) {
		run->owner = there.st_uid;
		run->group = there.st_gid;
		return true;
	}
	const struct passwd *user = getpwnam(UNPRIVILEGED_USER);
	if (user == NULL) {
		fprintf(stderr,
			"sangkien: there is no user '%s' to run as; deploy/bootstrap installs PostgreSQL, which makes "
			"it\n",
			UNPRIVILEGED_USER);
		return false;
	}
	run->owner = user->pw_uid;
	run->group = user->pw_gid;
	return true;
}

bool rundir_find(struct rundir *run)
{
	char tool[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", tool, sizeof(tool) - 1);
	if (size < 0 || sodium_init() < 0) {
		fputs("sangkien: cannot find its own program\n", stderr);
		return false;
	}
	tool[size] = '\0';
	find_source(tool, run);
	const char *given = getenv("SANGKIEN_RUN");
	char path[PATH_MAX];
	if (given != NULL && given[0] != '\0')
		snprintf(path, sizeof(path), "%s", given);
	else
		standard_path(run, tool, path);
	if (path[0] != '/') {
		fprintf(stderr, "sangkien: SANGKIEN_RUN must be an absolute path, not '%s'\n", path);
		return false;
	}
	size_t length = strlen(path);
	if (length > RUNDIR_PATH_MAX) {
		fprintf(stderr,
			"sangkien: the run directory's path has %zu characters; %d are the most, because a unix "
			"socket's "
			"path is limited to 107: set SANGKIEN_RUN to a shorter one\n  %s\n",
			length, RUNDIR_PATH_MAX, path);
		return false;
	}
	memcpy(run->path, path, length + 1);
	return find_owner(run);
}

char *rundir_file(const struct rundir *run, char *text, const char *format, ...)
{
	va_list values;
	int head = snprintf(text, RUNDIR_FILE_MAX, "%s/", run->path);
	va_start(values, format);
	int tail = vsnprintf(text + head, (size_t)(RUNDIR_FILE_MAX - head), format, values);
	va_end(values);
	assert(tail >= 0 && head + tail < RUNDIR_FILE_MAX);
	return text;
}

bool rundir_enter(const struct rundir *run)
{
	struct stat there;
	if (lstat(run->path, &there) != 0) {
		fprintf(stderr, "sangkien: nothing was started here yet (%s); `make run` does\n", run->path);
		return false;
	}
	if (!S_ISDIR(there.st_mode) || there.st_uid != run->owner || (there.st_mode & 022) != 0) {
		fprintf(stderr, "sangkien: %s is not a directory of our own\n", run->path);
		return false;
	}
	if (geteuid() == 0 && run->owner != 0 &&
		(setgroups(0, NULL) != 0 || setgid(run->group) != 0 || setuid(run->owner) != 0)) {
		fprintf(stderr, "sangkien: cannot become the owner of %s: %s\n", run->path, strerror(errno));
		return false;
	}
	if (geteuid() != run->owner) {
		fprintf(stderr, "sangkien: %s belongs to another user\n", run->path);
		return false;
	}
	umask(077);
	return chdir(run->path) == 0; /* the caller's folder may be closed to the owner */
}

const char *rundir_conninfo(const struct rundir *run, char *text)
{
	snprintf(text, RUNDIR_FILE_MAX, "host=%s/sock dbname=sangkien user=sk_owner passfile=%s/keys/owner.pgpass",
		run->path, run->path);
	return text;
}

const char *rundir_redis_address(const struct rundir *run, char *text)
{
	snprintf(text, RUNDIR_FILE_MAX, "unix:%s/sock/redis.sock", run->path);
	return text;
}

const char *rundir_redis_password_file(const struct rundir *run, char *text)
{
	return rundir_file(run, text, "keys/redis-control.password");
}

/* The one word of a file of instances/, in `text` of 128 bytes. */
static bool read_address(const struct rundir *run, const char *name, char *text)
{
	char path[RUNDIR_FILE_MAX];
	FILE *file = fopen(rundir_file(run, path, "instances/%s", name), "re");
	if (file == NULL)
		return false;
	bool read = fscanf(file, "%127s", text) == 1;
	fclose(file);
	return read;
}

const char *rundir_public_address(const struct rundir *run, char *text)
{
	char address[128];
	snprintf(text, RUNDIR_FILE_MAX, "http://%s", read_address(run, "edge", address) ? address : "127.0.0.1:8080");
	return text;
}

bool rundir_ops_address(const struct rundir *run, char *text)
{
	return read_address(run, "ops", text);
}
