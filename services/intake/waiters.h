/* Who waits for a verdict (Prefer: wait): the writers add them, the pipeline's thread looks decisions up in it as they
 * are told, and the watch asks PostgreSQL for those whose telling was lost: it is a hint, and no hint is promised. */
#ifndef SANGKIEN_INTAKE_WAITERS_H
#define SANGKIEN_INTAKE_WAITERS_H

#include "common/runtime/http.h"
#include "common/runtime/mailbox.h"
#include "services/intake/arrival.h"

struct waiters;

/* To the HTTP thread's mailbox: the decision its client waits for. */
struct decision_letter {
	enum letter_kind letter; /* LETTER_DECISION */
	http_ticket ticket;
	struct decision *decision;
};
void decision_letter_free(struct decision_letter **letter);

/* Letters go to `mailbox`, the caller's. */
struct waiters *waiters_new(size_t most, struct mailbox *mailbox) MUST_CHECK;
void waiters_free(struct waiters **waiters);
/* False: too many wait, or somebody waits for that submission already: answered without waiting. */
bool waiters_add(
	struct waiters *waiters, const struct id128 *submission, http_ticket ticket, int64_t now_ms) MUST_CHECK;
void waiters_remove(struct waiters *waiters, const struct id128 *submission, http_ticket ticket);

bool waiters_has(struct waiters *waiters, const struct id128 *submission);
/* Takes the decision over (NULL: there was no memory for it) and sends it to whoever waits (still). */
void waiters_tell(struct waiters *waiters, const struct id128 *submission, struct decision *decision);

/* Submissions that somebody has waited for this long, and again each time as long after: at most `most`, oldest first.
 */
enum { WAITERS_LOOK_MS = 2000 };
size_t waiters_due(struct waiters *waiters, int64_t now_ms, struct id128 *submissions, size_t most);

#endif
