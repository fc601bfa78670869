/* `sangkien up`: from nothing to ready for a submission; again = same state, data kept. */
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/keys.h"
#include "services/control/ops_start.h"
#include "services/control/program.h"
#include "services/control/servers.h"
#include "services/control/supervision.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READY_MS = 60000, SHARDS_MAX = 64, LOOKS_MAX = 100, LOOK_EVERY_MS = 20 };

static const char *const PROGRAMS[] = {
	"intake", "validation", "deduplication", "quota", "notification", "leaderboard", "sangkien"};
static const char *const DIRECTORIES[] = {"bin", "keys", "sock", "edge", "http", "instances", "s6", "services", "log",
	"redis", "nginx", "web", "web/assets", "ops", "share", "share/env", "share/schema", "share/campaigns",
	"share/units", "share/notices"};
/* What of deploy/ a running system needs. */
static const char *const SHARED_FOLDERS[] = {"env", "schema", "campaigns", "units", "notices"};

static bool give_to_owner(const struct rundir *run, const char *path)
{
	return geteuid() != 0 || chown(path, run->owner, run->group) == 0;
}

/* Two at once: the second waits for the first. The lock lasts as long as the process. */
static bool take_lock(const struct rundir *run)
{
	char path[RUNDIR_FILE_MAX];
	int lock = open(rundir_file(run, path, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || !give_to_owner(run, path))
		return false;
	if (flock(lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	fputs("sangkien: another `up` or `down` is under way here; waiting for it\n", stderr);
	return flock(lock, LOCK_EX) == 0;
}

/* Another `up` that has just made it gives it to its owner a moment later. */
static bool look_at(const struct rundir *run, struct stat *there)
{
	for (int look = 0; look < LOOKS_MAX; look++) {
		if (lstat(run->path, there) != 0)
			return false;
		if (there->st_uid == run->owner || there->st_uid != geteuid())
			break;
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	return true;
}

static bool make_directories(const struct rundir *run)
{
	struct stat there;
	char path[RUNDIR_FILE_MAX];
	if (mkdir(run->path, 0700) == 0 && !give_to_owner(run, run->path))
		return false;
	if (!look_at(run, &there) || !S_ISDIR(there.st_mode) || there.st_uid != run->owner ||
		(there.st_mode & 022) != 0) {
		fprintf(stderr, "sangkien: %s is not a directory of our own; set SANGKIEN_RUN to another\n", run->path);
		return false;
	}
	if (!take_lock(run))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(DIRECTORIES); i++)
		if (!directory_make(rundir_file(run, path, "%s", DIRECTORIES[i]), 0700) || !give_to_owner(run, path))
			return false;
	return true;
}

static bool copy_one(const struct rundir *run, const char *from, const char *to, mode_t mode, bool *changed)
{
	return file_copy(from, to, mode, changed) && give_to_owner(run, to);
}

static bool copy_folder(const struct rundir *run, const char *from, const char *to)
{
	char target[2 * RUNDIR_FILE_MAX], source[2 * RUNDIR_FILE_MAX];
	DIR *folder = opendir(from);
	bool copied = folder != NULL;
	for (const struct dirent *entry; copied && (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		struct stat there;
		if (stat(source, &there) == 0 && S_ISREG(there.st_mode))
			copied = copy_one(run, source, target, 0600, NULL);
	}
	if (folder != NULL)
		closedir(folder);
	else
		fprintf(stderr, "sangkien: cannot read %s: %s\n", from, strerror(errno));
	return copied;
}

/* nginx as installed, or as deploy/bootstrap unpacked it; Redis as Debian's redis-tools has it, under another name: the
 * program goes by the name it is called with. */
static bool copy_servers(const struct rundir *run)
{
	char from[2 * RUNDIR_FILE_MAX], to[RUNDIR_FILE_MAX];
	snprintf(from, sizeof(from), "%s/build/nginx/usr/sbin/nginx", run->source);
	if (!file_exists(from) && !file_exists("/usr/sbin/nginx")) {
		fputs("sangkien: nginx is missing; `deploy/bootstrap run` gets it, as `make run` does by itself\n",
			stderr);
		return false;
	}
	return copy_one(run, file_exists(from) ? from : "/usr/sbin/nginx", rundir_file(run, to, "bin/nginx"), 0700,
		       NULL) &&
	       copy_one(run, "/usr/bin/redis-check-rdb", rundir_file(run, to, "bin/redis-server"), 0700, NULL);
}

/* The files with hashed names first: the shell that names them comes when they are there. Those of the page before stay
 * for who still has it open. */
static bool copy_page(const struct rundir *run)
{
	char from[2 * RUNDIR_FILE_MAX], to[RUNDIR_FILE_MAX];
	snprintf(from, sizeof(from), "%s/build/web/index.html", run->source);
	if (!file_exists(from)) {
		fputs("sangkien: the page is not built, only the API is served; `make web` builds it, as `make run` "
		      "does\n",
			stderr);
		return true;
	}
	snprintf(from, sizeof(from), "%s/build/web/assets", run->source);
	if (!copy_folder(run, from, rundir_file(run, to, "web/assets")))
		return false;
	snprintf(from, sizeof(from), "%s/build/web", run->source);
	if (!copy_folder(run, from, rundir_file(run, to, "web")))
		return false;
	snprintf(from, sizeof(from), "%s/build/web/ops", run->source);
	return copy_folder(run, from, rundir_file(run, to, "ops"));
}

/* The owner may not be able to read the clone (one under a root-only home), so what runs is copied.
 * A program that changed is restarted: `changed` has one flag a program. */
static bool copy_programs(const struct rundir *run, bool *changed)
{
	char from[2 * RUNDIR_FILE_MAX], to[RUNDIR_FILE_MAX];
	for (size_t i = 0; i < ARRAY_LENGTH(PROGRAMS); i++) {
		snprintf(from, sizeof(from), "%s/%s", run->programs, PROGRAMS[i]);
		if (!copy_one(run, from, rundir_file(run, to, "bin/%s", PROGRAMS[i]), 0700, &changed[i]))
			return false;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(SHARED_FOLDERS); i++) {
		snprintf(from, sizeof(from), "%s/deploy/%s", run->source, SHARED_FOLDERS[i]);
		if (!copy_folder(run, from, rundir_file(run, to, "share/%s", SHARED_FOLDERS[i])))
			return false;
	}
	if (!copy_page(run))
		return false;
	snprintf(from, sizeof(from), "%s/proto/openapi.yaml", run->source);
	if (!copy_one(run, from, rundir_file(run, to, "share/openapi.yaml"), 0600, NULL))
		return false;
	snprintf(from, sizeof(from), "%s/deploy/nginx/nginx.conf", run->source);
	return copy_one(run, from, rundir_file(run, to, "share/nginx.conf"), 0600, NULL) && copy_servers(run);
}

static bool start_servers(const struct rundir *run)
{
	char command[3 * RUNDIR_FILE_MAX];
	if (!keys_make(run) || !servers_postgresql_prepare(run) || !servers_redis_prepare(run) ||
		!supervision_start(run))
		return false;
	snprintf(command, sizeof(command), "/usr/lib/postgresql/15/bin/postgres -D %s/pg", run->path);
	if (!supervision_add_server(run, "postgresql", command, "SIGINT\n"))
		return false;
	snprintf(command, sizeof(command), "%s/bin/redis-server %s/redis/redis.conf", run->path, run->path);
	return supervision_add_server(run, "redis", command, NULL) && servers_postgresql_settle(run);
}

/* Where a command of ours is a step of this one. */
static bool step(struct rundir *run, int (*command)(struct rundir *, int, char **), const char *const *argv)
{
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	return command(run, argc, (char **)argv) == EXIT_OK;
}

/* The plan and member counts that lie beside a campaign. */
static bool load_quotas(struct rundir *run, const char *folder, const char *code)
{
	char plan[2 * RUNDIR_FILE_MAX], members[2 * RUNDIR_FILE_MAX];

	snprintf(plan, sizeof(plan), "%s/%s.quotas.yaml", folder, code);
	snprintf(members, sizeof(members), "%s/%s.members.csv", folder, code);
	if (!file_exists(plan))
		return true;
	return step(run, command_quotas_apply,
		(const char *const[]){
			plan, "--campaign", code, "--quiet", file_exists(members) ? "--members" : NULL, members, NULL});
}

/* One campaign with the national unit tree, and its targets where they lie beside it. */
static bool load_campaign(struct rundir *run, const char *folder, const char *code)
{
	char file[2 * RUNDIR_FILE_MAX], units[RUNDIR_FILE_MAX];

	rundir_file(run, units, "share/units/national.csv");
	snprintf(file, sizeof(file), "%s/%s.yaml", folder, code);
	return step(run, command_campaign_apply, (const char *const[]){file, "--quiet", NULL}) &&
	       step(run, command_units_import, (const char *const[]){units, "--campaign", code, "--quiet", NULL}) &&
	       load_quotas(run, folder, code);
}

/* Every campaign of deploy/campaigns; a file that is in force already changes nothing. */
static bool load_campaigns(struct rundir *run)
{
	char folder_path[RUNDIR_FILE_MAX];
	DIR *folder = opendir(rundir_file(run, folder_path, "share/campaigns"));
	bool loaded = folder != NULL;

	for (const struct dirent *entry; loaded && (entry = readdir(folder)) != NULL;) {
		char code[256];
		size_t length = strlen(entry->d_name);
		/* "CODE.yaml"; a code has no point, "CODE.quotas.yaml" is its plan. */
		if (length < 6 || strcspn(entry->d_name, ".") != length - 5 ||
			strcmp(entry->d_name + length - 5, ".yaml") != 0)
			continue;
		snprintf(code, sizeof(code), "%.*s", (int)(length - 5), entry->d_name);
		loaded = load_campaign(run, folder_path, code);
	}
	if (folder != NULL)
		closedir(folder);
	return loaded;
}

static bool program_has_changed(const char *program, const bool *changed)
{
	for (size_t i = 0; i < ARRAY_LENGTH(PROGRAMS); i++)
		if (strcmp(PROGRAMS[i], program) == 0)
			return changed[i];
	return false;
}

static uint32_t wanted_instances(const struct rundir *run, const struct supervised_kind *kind)
{
	uint32_t count = supervision_count(run, kind->name);
	const char *shards = getenv("SANGKIEN_SHARDS");
	uint32_t wanted;
	if (!kind->scales_alone && shards != NULL && number_read(shards, NULL, 1, SHARDS_MAX, &wanted))
		return wanted;
	return count > 0 ? count : 1;
}

static bool shards_are_sane(void)
{
	const char *shards = getenv("SANGKIEN_SHARDS");
	uint32_t count;
	if (shards == NULL || number_read(shards, NULL, 1, SHARDS_MAX, &count))
		return true;
	fprintf(stderr, "sangkien: SANGKIEN_SHARDS must be a number from 1 to %d, not '%s'\n", SHARDS_MAX, shards);
	return false;
}

/* A program of before the schema's next step would not know what it writes to. Nothing is lost: what comes in waits
 * outside, what is there waits in PostgreSQL. */
static bool halt_changed(const struct rundir *run, const bool *changed)
{
	for (size_t i = 0; i < SUPERVISED_KIND_COUNT; i++) {
		const struct supervised_kind *kind = &SUPERVISED_KINDS[i];
		uint32_t count = program_has_changed(kind->program, changed) ? supervision_count(run, kind->name) : 0;
		for (uint32_t n = kind->first; n < kind->first + count; n++)
			if (!supervision_halt_instance(run, kind, n))
				return false;
	}
	return true;
}

static bool migrate(struct rundir *run, const bool *changed)
{
	bool needed;
	return migrate_is_needed(run, &needed) && (!needed || halt_changed(run, changed)) &&
	       step(run, command_migrate, (const char *const[]){"--quiet", NULL});
}

static bool start_services(const struct rundir *run, const bool *changed)
{
	for (size_t i = 0; i < SUPERVISED_KIND_COUNT; i++) {
		const struct supervised_kind *kind = &SUPERVISED_KINDS[i];
		uint32_t wanted = wanted_instances(run, kind), count = supervision_count(run, kind->name);
		for (uint32_t n = kind->first; n < kind->first + wanted; n++)
			if (!supervision_add_instance(run, kind, n, program_has_changed(kind->program, changed)))
				return false;
		for (; count > wanted; count--)
			if (!supervision_remove_instance(run, kind, kind->first + count - 1))
				return false;
	}
	return true;
}

static bool start_edge(const struct rundir *run)
{
	char command[2 * RUNDIR_FILE_MAX];
	snprintf(command, sizeof(command), "%s/bin/nginx -e stderr -p %s/nginx -c %s/nginx/nginx.conf", run->path,
		run->path, run->path);
	return servers_edge_route(run) && supervision_add_server(run, "edge", command, "SIGQUIT\n");
}

/* Another text than the README's, which would else be a copy of this one. */
static void print_next_steps(const struct rundir *run)
{
	char address[RUNDIR_FILE_MAX], ops[128];
	rundir_public_address(run, address);
	printf("Sáng Kiến is ready at %s (run directory %s)\n\nNext:\n"
	       "  curl -s %s/v1/campaigns\n"
	       "  curl -s -H 'Content-Type: application/json' -H 'Prefer: wait=5' %s/v1/campaigns/demo/submissions -d "
	       "\\\n"
	       "    '{\"full_name\":\"Trần Văn Minh\",\"phone\":\"0987 654 "
	       "321\",\"unit\":\"01.018.LIXIL\",\"block\":\"enterprise\","
	       "\"description\":\"Lắp cảm biến tự tắt đèn trong kho, mỗi tháng bớt được ba phần mười tiền điện.\"}'\n"
	       "  curl -sN %s/v1/campaigns/demo/board/events\n",
		address, run->path, address, address, address);
	if (rundir_ops_address(run, ops))
		printf("\nFor operators, on this machine alone: http://%s/\n", ops);
}

int command_up(struct rundir *run, int argc, char **argv)
{
	bool changed[ARRAY_LENGTH(PROGRAMS)] = {false};
	(void)argv;
	if (argc != 0) {
		fputs("sangkien: `up` takes no words; its settings are in the environment (deploy/README.md)\n",
			stderr);
		return EXIT_USAGE_BAD;
	}
	umask(077);
	if (!shards_are_sane() || !make_directories(run) || (run->source[0] != '\0' && !copy_programs(run, changed)) ||
		!rundir_enter(run) || !servers_edge_prepare(run))
		return EXIT_CONFIG_BAD;
	if (!start_servers(run))
		return EXIT_AWAY;
	if (!migrate(run, changed) || !load_campaigns(run))
		return EXIT_DATA_BAD;
	if (!start_services(run, changed) || !start_edge(run) ||
		!ops_start(run, program_has_changed("sangkien", changed)) || !supervision_await_ready(run, READY_MS))
		return EXIT_AWAY;
	print_next_steps(run);
	return EXIT_OK;
}
