#include "services/intake/tokens.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECRET_BYTES_MAX = 512 };

struct tokens {
	pthread_mutex_t lock;
	struct token *list; /* ascending by hash */
	size_t count;
	bool known;      /* they were read once */
	int64_t version; /* of the table as last read; only the loading thread's */
};

struct tokens *tokens_new(void)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));
	if (tokens != NULL)
		pthread_mutex_init(&tokens->lock, NULL);
	return tokens;
}

void tokens_free(struct tokens **tokens)
{
	if (*tokens == NULL)
		return;
	pthread_mutex_destroy(&(*tokens)->lock);
	free((*tokens)->list);
	free(*tokens);
	*tokens = NULL;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct token *)a)->hash, ((const struct token *)b)->hash, TOKEN_HASH_SIZE);
}

void tokens_set(struct tokens *tokens, struct token *list, size_t count)
{
	if (count > 0)
		qsort(list, count, sizeof(*list), by_hash);
	pthread_mutex_lock(&tokens->lock);
	struct token *before = tokens->list;
	tokens->list = list;
	tokens->count = count;
	tokens->known = true;
	pthread_mutex_unlock(&tokens->lock);
	free(before);
}

static enum token_role role_of(struct bytes name)
{
	if (name.size == strlen("operator") && memcmp(name.data, "operator", name.size) == 0)
		return TOKEN_OPERATOR;
	return name.size == strlen("officer") ? TOKEN_OFFICER : TOKEN_REVIEWER;
}

static bool read_token(const PGresult *rows, int row, struct token *token)
{
	struct bytes hash = pg_get_bytes(rows, row, 1);
	if (hash.size != TOKEN_HASH_SIZE)
		return false;
	*token = (struct token){.id = pg_get_uuid(rows, row, 0),
		.role = role_of(pg_get_bytes(rows, row, 2)),
		.campaign = (uint32_t)pg_get_i16(rows, row, 3),
		.unit = (uint32_t)pg_get_i32(rows, row, 4),
		.expires_at = pg_get_instant(rows, row, 5)};
	memcpy(token->hash, hash.data, TOKEN_HASH_SIZE);
	return true;
}

/* Read before the tokens: what is changed in between is read again. */
static bool read_version(struct pg *pg, int64_t *version, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	pg_params(pg);
	if (pg_run(pg, "SELECT version FROM token_version", &rows, deadline_ms) != PG_OK || PQntuples(rows) != 1)
		return false;
	*version = pg_get_i64(rows, 0, 0);
	return true;
}

bool tokens_load(struct tokens *tokens, struct pg *pg, int64_t deadline_ms)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t version;
	if (!read_version(pg, &version, deadline_ms))
		return false;
	if (version == tokens->version)
		return true;
	pg_params(pg);
	if (pg_run(pg,
		    "SELECT id, secret_hash, role, coalesce(campaign_id, 0)::smallint, coalesce(unit_id, 0), "
		    "expires_at "
		    "FROM token WHERE revoked_at IS NULL AND expires_at > now()",
		    &rows, deadline_ms) != PG_OK)
		return false;
	size_t count = (size_t)PQntuples(rows), kept = 0;
	struct token *list = calloc(count > 0 ? count : 1, sizeof(*list));
	if (list == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		kept += read_token(rows, (int)i, &list[kept]) ? 1 : 0;
	tokens_set(tokens, list, kept);
	tokens->version = version;
	return true;
}

/* The secret in "Bearer SECRET"; NULL: it is no such header. */
static const char *secret_of(const char *authorization)
{
	static const char SCHEME[] = "Bearer ";
	if (strncasecmp(authorization, SCHEME, sizeof(SCHEME) - 1) != 0)
		return NULL;
	authorization += sizeof(SCHEME) - 1;
	return authorization + strspn(authorization, " ");
}

enum token_found tokens_find(struct tokens *tokens, const char *authorization, int64_t now_us, struct token *token)
{
	struct token wanted = {0};
	if (authorization == NULL)
		return TOKEN_NOT_GIVEN;
	const char *secret = secret_of(authorization);
	if (secret == NULL || secret[0] == '\0' || strlen(secret) > SECRET_BYTES_MAX)
		return TOKEN_BAD;
	crypto_generichash(wanted.hash, sizeof(wanted.hash), (const uint8_t *)secret, strlen(secret), NULL, 0);
	pthread_mutex_lock(&tokens->lock);
	const struct token *found =
		tokens->count == 0 ? NULL : bsearch(&wanted, tokens->list, tokens->count, sizeof(wanted), by_hash);
	if (found != NULL)
		*token = *found;
	bool known = tokens->known;
	pthread_mutex_unlock(&tokens->lock);
	if (!known)
		return TOKEN_NOT_YET;
	return found != NULL && token->expires_at > now_us ? TOKEN_GOOD : TOKEN_BAD;
}

enum problem tokens_problem(enum token_found found)
{
	static const enum problem problems[] = {
		[TOKEN_NOT_GIVEN] = PROBLEM_NO_TOKEN,
		[TOKEN_BAD] = PROBLEM_BAD_TOKEN,
		[TOKEN_GOOD] = PROBLEM_NONE,
		[TOKEN_NOT_YET] = PROBLEM_UNAVAILABLE,
	};
	return problems[found];
}
