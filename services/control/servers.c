#include "services/control/servers.h"

#include "common/runtime/clock.h"
#include "common/runtime/pg.h"
#include "services/control/arguments.h"
#include "services/control/edge_workers.h"
#include "services/control/keys.h"
#include "services/control/program.h"
#include "services/control/supervision.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POSTGRESQL_START_MS = 60000, STATEMENT_MS = 20000, EDGE_RELOAD_MS = 20000 };

static const char STANDARD_LISTEN[] = "127.0.0.1:8080";
static const char STANDARD_ADDRESS_RATE[] = "2000";

static const char POSTGRESQL_SETTINGS[] =
	"\n# Written by `sangkien up`; settings of your own go into a file of conf.d.\n"
	"listen_addresses = ''\n"
	"unix_socket_permissions = 0700\n"
	"max_connections = 200\n"
	"shared_buffers = 512MB\n"
	"effective_cache_size = 2GB\n"
	"max_wal_size = 4GB\n"
	"checkpoint_timeout = 15min\n"
	"wal_compression = lz4\n"
	"timezone = 'UTC'\n"
	"log_timezone = 'UTC'\n"
	"log_checkpoints = off\n"
	"include_dir = 'conf.d'\n";

bool servers_postgresql_prepare(const struct rundir *run)
{
	char cluster[RUNDIR_FILE_MAX], log[RUNDIR_FILE_MAX], path[RUNDIR_FILE_MAX], password[KEYS_PASSWORD_SIZE];
	if (file_exists(rundir_file(run, path, "pg/PG_VERSION")))
		return true;
	if (!keys_postgresql_password(run, "owner", password) ||
		!file_write_text(rundir_file(run, path, "pg.password"), password, 0600))
		return false;
	char pwfile[RUNDIR_FILE_MAX + 16];
	snprintf(pwfile, sizeof(pwfile), "--pwfile=%s", path);
	const char *const initdb[] = {"/usr/lib/postgresql/15/bin/initdb", "-D", rundir_file(run, cluster, "pg"), "-U",
		"sk_owner", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--auth=scram-sha-256", pwfile, NULL};
	int code = program_run(rundir_file(run, log, "log/initdb"), initdb);
	unlink(path);
	if (code != 0) {
		fprintf(stderr, "sangkien: initdb failed; see %s\n", log);
		return false;
	}
	struct buffer settings CLEANUP(buffer_deinit) = {0};
	if (!file_read(rundir_file(run, path, "pg/postgresql.conf"), &settings))
		return false;
	buffer_text(&settings, POSTGRESQL_SETTINGS);
	buffer_format(&settings, "unix_socket_directories = '%s/sock'\n", run->path);
	char conf_d[RUNDIR_FILE_MAX];
	return directory_make(rundir_file(run, conf_d, "pg/conf.d"), 0700) &&
	       file_write(path, buffer_bytes(&settings), 0600);
}

static bool await_postgresql(struct pg *pg)
{
	int64_t deadline = clock_monotonic_ms() + POSTGRESQL_START_MS;
	while (clock_monotonic_ms() < deadline) {
		if (pg_ready(pg, clock_monotonic_ms() + 1000))
			return true;
		usleep(50000);
	}
	return false;
}

static bool make_login(struct pg *pg, const struct rundir *run, const char *login)
{
	char password[KEYS_PASSWORD_SIZE], sql[512];
	if (!keys_postgresql_password(run, login, password))
		return false;
	snprintf(sql, sizeof(sql),
		"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sk_%s') THEN CREATE ROLE sk_%s; END "
		"IF; END $$;"
		"ALTER ROLE sk_%s LOGIN PASSWORD '%s'",
		login, login, login, password);
	return pg_script(pg, sql, clock_monotonic_ms() + STATEMENT_MS) == PG_OK;
}

static bool make_database(struct pg *pg)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	int64_t deadline = clock_monotonic_ms() + STATEMENT_MS;
	(void)pg_params(pg);
	if (pg_run(pg, "SELECT 1 FROM pg_database WHERE datname = 'sangkien'", &rows, deadline) != PG_OK)
		return false;
	return PQntuples(rows) == 1 || pg_script(pg, "CREATE DATABASE sangkien OWNER sk_owner", deadline) == PG_OK;
}

bool servers_postgresql_settle(const struct rundir *run)
{
	char conninfo[RUNDIR_FILE_MAX];
	snprintf(conninfo, sizeof(conninfo), "host=%s/sock dbname=postgres user=sk_owner passfile=%s/keys/owner.pgpass",
		run->path, run->path);
	struct pg *pg CLEANUP(pg_close) = pg_open(conninfo, "sangkien up");
	if (pg == NULL || !await_postgresql(pg)) {
		fprintf(stderr, "sangkien: PostgreSQL does not answer; see %s/log/postgresql/current\n", run->path);
		return false;
	}
	bool settled = true;
	for (const char *const *login = KEYS_POSTGRESQL_LOGINS; settled && *login != NULL; login++)
		settled = make_login(pg, run, *login);
	settled = settled && make_database(pg);
	if (!settled)
		fprintf(stderr, "sangkien: cannot settle PostgreSQL: %s\n", pg_error(pg));
	return settled;
}

/* An access list holds hashes of passwords, not passwords. */
static bool add_redis_user(struct buffer *acl, const struct rundir *run, const char *user, const char *rights)
{
	char password[KEYS_PASSWORD_SIZE], hex[2 * crypto_hash_sha256_BYTES + 1];
	unsigned char hash[crypto_hash_sha256_BYTES];
	if (!keys_redis_password(run, user, password))
		return false;
	crypto_hash_sha256(hash, (const unsigned char *)password, strlen(password));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	buffer_format(acl, "user %s on #%s %s\n", user, hex, rights);
	return true;
}

bool servers_redis_prepare(const struct rundir *run)
{
	struct buffer acl CLEANUP(buffer_deinit) = {0};
	struct buffer conf CLEANUP(buffer_deinit) = {0};
	char path[RUNDIR_FILE_MAX];
	buffer_text(&acl, "user default off\n");
	if (!add_redis_user(&acl, run, "control", "~* &* +@all") ||
		!add_redis_user(&acl, run, "intake", "~rate:* +@all -@admin -@dangerous") ||
		!add_redis_user(&acl, run, "quota", "~board:* +@all -@admin -@dangerous") ||
		!add_redis_user(&acl, run, "leaderboard",
			"%R~board:* +@read +@connection +@scripting -script|flush -script|kill -@admin -@dangerous"))
		return false;
	/* Nothing is kept on disk: Redis holds copies, and a lost board is rebuilt from PostgreSQL (law 5). */
	buffer_format(&conf,
		"port 0\nunixsocket %s/sock/redis.sock\nunixsocketperm 700\ndir %s/redis\naclfile %s/redis/users.acl\n"
		"save \"\"\nappendonly no\nmaxmemory 2gb\nmaxmemory-policy noeviction\nlogfile \"\"\n",
		run->path, run->path, run->path);
	return file_write(rundir_file(run, path, "redis/users.acl"), buffer_bytes(&acl), 0600) &&
	       file_write(rundir_file(run, path, "redis/redis.conf"), buffer_bytes(&conf), 0600);
}

static bool split_address(const char *listen, struct sockaddr_in *address)
{
	char host[64];
	uint32_t port;
	size_t length = strcspn(listen, ":");
	snprintf(host, sizeof(host), "%.*s", (int)length, listen);
	if (listen[length] != ':' || !number_read(listen + length + 1, NULL, 1, 65535, &port))
		return false;
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static bool address_is_free(const struct sockaddr_in *address)
{
	int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (probe < 0)
		return false;
	setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	bool is_free = bind(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 && listen(probe, 1) == 0;
	close(probe);
	return is_free;
}

/* What is running keeps its address unless told otherwise. */
static const char *wanted_address(const struct rundir *run, char *text)
{
	const char *given = getenv("SANGKIEN_LISTEN");
	if (given != NULL && given[0] != '\0') {
		snprintf(text, RUNDIR_FILE_MAX, "%s", given);
		return text;
	}
	char path[RUNDIR_FILE_MAX];
	if (!file_exists(rundir_file(run, path, "instances/edge")))
		return STANDARD_LISTEN;
	return rundir_public_address(run, text) + strlen("http://");
}

bool servers_address_is_sane(const char *setting, const char *text)
{
	struct sockaddr_in address;
	if (split_address(text, &address))
		return true;
	fprintf(stderr, "sangkien: %s must be like 127.0.0.1:8080, not '%s'\n", setting, text);
	return false;
}

bool servers_edge_prepare(const struct rundir *run)
{
	char text[RUNDIR_FILE_MAX], path[RUNDIR_FILE_MAX], line[RUNDIR_FILE_MAX + 1];
	const char *listen = wanted_address(run, text), *rate = getenv("SANGKIEN_ADDRESS_RATE");
	struct sockaddr_in address;
	if (!servers_address_is_sane("SANGKIEN_LISTEN", listen) || !split_address(listen, &address))
		return false;
	if (!supervision_is_up(run, "edge") && !address_is_free(&address)) {
		fprintf(stderr,
			"sangkien: another program listens at %s; choose another address with SANGKIEN_LISTEN, for "
			"example\n"
			"  SANGKIEN_LISTEN=127.0.0.1:18080 make run\n",
			listen);
		return false;
	}
	struct buffer plan CLEANUP(buffer_deinit) = {0};
	struct buffer filled CLEANUP(buffer_deinit) = {0};
	const char *const pairs[] = {
		"RUN", run->path, "LISTEN", listen, "ADDRESS_RATE", rate != NULL ? rate : STANDARD_ADDRESS_RATE, NULL};
	if (!file_read(rundir_file(run, path, "share/nginx.conf"), &plan))
		return false;
	text_fill(&filled, buffer_bytes(&plan), pairs);
	snprintf(line, sizeof(line), "%s\n", listen);
	return file_write(rundir_file(run, path, "nginx/nginx.conf"), buffer_bytes(&filled), 0600) &&
	       file_write_text(rundir_file(run, path, "instances/edge"), line, 0600);
}

/* What clients reach through the edge. */
static const char *const WINGS[] = {"intake", "leaderboard"};

bool servers_edge_passes_to(const char *service)
{
	for (size_t i = 0; i < ARRAY_LENGTH(WINGS); i++)
		if (strcmp(WINGS[i], service) == 0)
			return true;
	return false;
}

/* `without`: this instance gets nothing; 0: all do. */
static void add_upstream(
	struct buffer *out, const struct rundir *run, const char *service, uint32_t count, uint32_t without)
{
	buffer_format(out, "upstream %s {\n", service);
	for (uint32_t n = 1; n <= count; n++)
		if (n != without)
			buffer_format(out, "\tserver unix:%s/http/%s-%u max_fails=0;\n", run->path, service, n);
	if (count == 0)
		buffer_format(out, "\tserver unix:%s/http/none;\n", run->path);
	buffer_text(out, "\tkeepalive 64;\n}\n");
}

/* Comes back when no worker of before takes a request any more: then an instance that is left out may go. */
static bool tell_edge(const struct rundir *run)
{
	struct edge_workers before;
	if (!supervision_is_up(run, "edge"))
		return true;
	edge_workers_list(run, &before);
	return supervision_signal(run, "edge", "-h") && edge_workers_await_end(&before, EDGE_RELOAD_MS);
}

static bool route(const struct rundir *run, const char *service, uint32_t count, uint32_t without)
{
	struct buffer upstreams CLEANUP(buffer_deinit) = {0};
	char path[RUNDIR_FILE_MAX];
	for (size_t i = 0; i < ARRAY_LENGTH(WINGS); i++) {
		bool is_meant = service != NULL && strcmp(WINGS[i], service) == 0;
		add_upstream(&upstreams, run, WINGS[i], is_meant ? count : supervision_count(run, WINGS[i]),
			is_meant ? without : 0);
	}
	return file_write(rundir_file(run, path, "nginx/upstreams.conf"), buffer_bytes(&upstreams), 0600) &&
	       tell_edge(run);
}

bool servers_edge_route_to(const struct rundir *run, const char *service, uint32_t count)
{
	return !servers_edge_passes_to(service) || route(run, service, count, 0);
}

bool servers_edge_route_without(const struct rundir *run, const char *service, uint32_t n)
{
	return !servers_edge_passes_to(service) || route(run, service, supervision_count(run, service), n);
}

bool servers_edge_route(const struct rundir *run)
{
	return route(run, NULL, 0, 0);
}
