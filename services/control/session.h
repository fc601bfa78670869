/* What a command needs of the system of record: a connection as the schema's owner, a campaign with its units, a token.
 */
#ifndef SANGKIEN_CONTROL_SESSION_H
#define SANGKIEN_CONTROL_SESSION_H

#include "common/domain/campaign.h"
#include "common/domain/unit_tree.h"
#include "common/runtime/pg.h"
#include "services/control/rundir.h"

enum { SESSION_STATEMENT_MS = 60000, SESSION_SECRET_SIZE = 64 };

/* Enters the run directory and connects; NULL with a line on stderr. */
struct pg *session_open(struct rundir *run, const char *command) MUST_CHECK;
int64_t session_deadline(void); /* from now, for one statement */

struct session_campaign {
	uint32_t id;
	struct campaign *campaign;
	struct unit_tree *units; /* NULL where none were imported */
};
/* False with a line on stderr when there is no such campaign or PostgreSQL is away. */
bool session_campaign_load(struct pg *pg, const char *code, struct session_campaign *loaded) MUST_CHECK;
void session_campaign_unload(struct session_campaign *loaded); /* tolerates zeroed memory */

/* Rows (id, code) of one campaign, or of all without a `code`; EXIT_OK, or another code and a line on stderr. */
int session_campaigns_find(struct pg *pg, const char *code, PGresult **rows) MUST_CHECK;

/* Units in force, ascending by id, with texts of their own. False: PostgreSQL failed. */
bool session_units_read(struct pg *pg, uint32_t campaign_id, struct unit_row **units, size_t *count) MUST_CHECK;
void session_units_free(struct unit_row **units, size_t count);

/* What a token is for; unit 0: the whole tree, campaign_id 0: every campaign. */
struct token_grant {
	const char *role; /* "officer", "reviewer", "operator" */
	uint32_t campaign_id;
	uint32_t unit_id;
	uint32_t valid_s;
	const char *label;
};
/* Makes and stores a token (hashed); its secret is in `secret` alone. Waits until every running instance knows it. */
bool token_make(
	struct pg *pg, const struct token_grant *grant, struct id128 *id, char secret[SESSION_SECRET_SIZE]) MUST_CHECK;
bool token_end(struct pg *pg, const struct id128 *id) MUST_CHECK;

#endif
