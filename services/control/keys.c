#include "services/control/keys.h"

#include "common/edge/curve.h"
#include "services/control/program.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *const KEYS_POSTGRESQL_LOGINS[] = {
	"intake", "validation", "deduplication", "quota", "notification", "leaderboard", "owner", NULL};
const char *const KEYS_REDIS_USERS[] = {"control", "intake", "quota", "leaderboard", NULL};
static const char *const CURVE_NAMES[] = {"intake", "validation", "deduplication", "quota", "notification", NULL};

enum { SECRET_MODE = 0400, SECRET_BYTES = 32 };

static void random_password(char password[KEYS_PASSWORD_SIZE])
{
	unsigned char secret[SECRET_BYTES];
	randombytes_buf(secret, sizeof(secret));
	sodium_bin2hex(password, KEYS_PASSWORD_SIZE, secret, sizeof(secret));
}

/* libpq's passfile: any host, port and database. */
static bool make_login(const struct rundir *run, const char *login)
{
	char path[RUNDIR_FILE_MAX], password[KEYS_PASSWORD_SIZE], line[160];
	if (file_exists(rundir_file(run, path, "keys/%s.pgpass", login)))
		return true;
	random_password(password);
	snprintf(line, sizeof(line), "*:*:*:sk_%s:%s\n", login, password);
	return file_write_text(path, line, SECRET_MODE);
}

static bool make_redis_user(const struct rundir *run, const char *user)
{
	char path[RUNDIR_FILE_MAX], password[KEYS_PASSWORD_SIZE];
	if (file_exists(rundir_file(run, path, "keys/redis-%s.password", user)))
		return true;
	random_password(password);
	return file_write_text(path, password, SECRET_MODE);
}

static bool make_curve(const struct rundir *run, const char *name)
{
	char keys[RUNDIR_FILE_MAX], path[RUNDIR_FILE_MAX];
	if (file_exists(rundir_file(run, path, "keys/%s.secret", name)) &&
		file_exists(rundir_file(run, path, "keys/%s.public", name)))
		return true;
	return curve_keys_create(rundir_file(run, keys, "keys"), name);
}

static bool make_person_key(const struct rundir *run)
{
	char path[RUNDIR_FILE_MAX];
	uint8_t key[SECRET_BYTES];
	if (file_exists(rundir_file(run, path, "keys/person.key")))
		return true;
	randombytes_buf(key, sizeof(key));
	return file_write(path, (struct bytes){key, sizeof(key)}, SECRET_MODE);
}

/* The secret half first: a public key without it would seal what nobody can open. */
static bool make_sealing_pair(const struct rundir *run)
{
	char path[RUNDIR_FILE_MAX];
	uint8_t public_key[crypto_box_PUBLICKEYBYTES], secret_key[crypto_box_SECRETKEYBYTES];
	if (file_exists(rundir_file(run, path, "keys/sealing.public")))
		return true;
	crypto_box_keypair(public_key, secret_key);
	bool made = file_write(rundir_file(run, path, "keys/sealing.secret"),
			    (struct bytes){secret_key, sizeof(secret_key)}, SECRET_MODE) &&
		    file_write(rundir_file(run, path, "keys/sealing.public"),
			    (struct bytes){public_key, sizeof(public_key)}, SECRET_MODE);
	sodium_memzero(secret_key, sizeof(secret_key));
	return made;
}

bool keys_make(const struct rundir *run)
{
	for (const char *const *login = KEYS_POSTGRESQL_LOGINS; *login != NULL; login++)
		if (!make_login(run, *login))
			return false;
	for (const char *const *user = KEYS_REDIS_USERS; *user != NULL; user++)
		if (!make_redis_user(run, *user))
			return false;
	for (const char *const *name = CURVE_NAMES; *name != NULL; name++)
		if (!make_curve(run, *name))
			return false;
	return make_person_key(run) && make_sealing_pair(run);
}

static bool read_password(const char *path, char password[KEYS_PASSWORD_SIZE])
{
	struct buffer content CLEANUP(buffer_deinit) = {.limit = 4096};
	if (!file_read(path, &content))
		return false;
	while (content.size > 0 && content.data[content.size - 1] == '\n')
		content.size--;
	if (content.size < KEYS_PASSWORD_SIZE - 1)
		return false;
	memcpy(password, content.data + content.size - (KEYS_PASSWORD_SIZE - 1), KEYS_PASSWORD_SIZE - 1);
	password[KEYS_PASSWORD_SIZE - 1] = '\0';
	return true;
}

bool keys_postgresql_password(const struct rundir *run, const char *login, char password[KEYS_PASSWORD_SIZE])
{
	char path[RUNDIR_FILE_MAX];
	return read_password(rundir_file(run, path, "keys/%s.pgpass", login), password);
}

bool keys_redis_password(const struct rundir *run, const char *user, char password[KEYS_PASSWORD_SIZE])
{
	char path[RUNDIR_FILE_MAX];
	return read_password(rundir_file(run, path, "keys/redis-%s.password", user), password);
}
