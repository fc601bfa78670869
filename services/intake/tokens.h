/* Bearer tokens as last read from PostgreSQL: looked up on the HTTP thread without waiting, made and revoked within a
 * second.
 */
#ifndef SANGKIEN_INTAKE_TOKENS_H
#define SANGKIEN_INTAKE_TOKENS_H

#include "common/runtime/pg.h"
#include "services/intake/problem.h"

enum { TOKEN_HASH_SIZE = 32 };
enum token_role { TOKEN_OFFICER, TOKEN_REVIEWER, TOKEN_OPERATOR };

struct token {
	struct id128 id;
	uint8_t hash[TOKEN_HASH_SIZE]; /* BLAKE2b-256 of the secret */
	enum token_role role;
	uint32_t campaign; /* 0: all */
	uint32_t unit;     /* the subtree; 0: all */
	int64_t expires_at;
};

struct tokens;
struct tokens *tokens_new(void) MUST_CHECK;
void tokens_free(struct tokens **tokens);

/* Reads all that hold now, where any has changed since the last time. False: PostgreSQL failed, what was known stays.
 */
bool tokens_load(struct tokens *tokens, struct pg *pg, int64_t deadline_ms) MUST_CHECK;
/* Takes `count` tokens over (malloc'ed). */
void tokens_set(struct tokens *tokens, struct token *list, size_t count);

/* The token of the header "Bearer SECRET". Any thread. */
enum token_found { TOKEN_NOT_GIVEN, TOKEN_BAD, TOKEN_GOOD, TOKEN_NOT_YET /* none have been read since the start */ };
enum token_found tokens_find(struct tokens *tokens, const char *authorization, int64_t now_us, struct token *token);
/* What is answered where a token is asked for. */
enum problem tokens_problem(enum token_found found);

#endif
