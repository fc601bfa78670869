/* Who waits for a verdict (Prefer: wait): the HTTP thread writes it, the pipeline's thread looks decisions up in it. */
#ifndef SANGKIEN_INTAKE_WAITERS_H
#define SANGKIEN_INTAKE_WAITERS_H

#include "common/runtime/http.h"
#include "services/intake/arrival.h"

struct waiters;

/* To the HTTP thread's mailbox: the decision its client waits for. */
struct decision_letter {
	enum letter_kind letter; /* LETTER_DECISION */
	http_ticket ticket;
	struct decision *decision;
};
void decision_letter_free(struct decision_letter **letter);

struct waiters *waiters_new(size_t most) MUST_CHECK;
void waiters_free(struct waiters **waiters);
/* False: too many wait, or somebody waits for that submission already: answered without waiting. */
bool waiters_add(struct waiters *waiters, const struct id128 *submission, http_ticket ticket) MUST_CHECK;
/* Whose ticket it was; false: nobody waits (any more). */
bool waiters_take(struct waiters *waiters, const struct id128 *submission, http_ticket *ticket) MUST_CHECK;
void waiters_remove(struct waiters *waiters, const struct id128 *submission, http_ticket ticket);

#endif
