/* The outbox in PostgreSQL: rows are claimed for a time, then sent, put off or given up. One row an event for ever
 * (`event_key`), so an event is told of once, or, where a process dies between the gateway's answer and the mark, once
 * more under the same id: at least once, never none. */
#ifndef SANGKIEN_NOTIFICATION_OUTBOX_H
#define SANGKIEN_NOTIFICATION_OUTBOX_H

#include "common/domain/notices.h"
#include "common/domain/status.h"
#include "common/runtime/pg.h"

/* What ends a claim needs to know of it. */
struct outbox_claim {
	struct id128 id;
	int32_t attempt; /* this one's number; also the claim's fence: a later claim has a larger one */
	int32_t tries;   /* of them, since it was made or last sent again by hand */
	int64_t created_at;
};

/* A claimed row and what it tells of; texts are borrowed from the claim's result. */
struct outbox_row {
	struct outbox_claim claim;
	bool is_known; /* the event is one that we know */
	enum notice_event event;
	bool is_told;            /* all that the event tells of is there */
	struct id128 sealed_for; /* the submission, or the officer */
	struct bytes sealed;
	/* of a submission's */
	struct id128 submission;
	uint32_t unit;
	int64_t received_at, decided_at;
	enum submission_status status;
	struct bytes reasons;
	/* of an officer's */
	bool english;
	struct bytes facts; /* JSON */
};

/* Takes at most `most` rows of a campaign's channel that are due and that nobody else is taking, and moves their time
 * on by `claim_ms`: should we die, they are due again then. */
enum pg_status outbox_claim(struct pg *pg, uint32_t campaign, const char *channel, uint32_t most, uint32_t claim_ms,
	PGresult **rows, int64_t deadline_ms) MUST_CHECK;
void outbox_read(const PGresult *rows, int index, struct outbox_row *row);

enum outbox_end {
	OUTBOX_SENT,
	OUTBOX_LATER,
	OUTBOX_DEAD,
	OUTBOX_UNTRIED, /* due at once, and no attempt of its is gone */
};
/* Ends a claim; `*ours` false: it had run out and another has the row now. `delay_ms` is for LATER, `error` for LATER
 * and DEAD. */
enum pg_status outbox_end(struct pg *pg, const struct outbox_claim *claim, enum outbox_end end, uint32_t delay_ms,
	const char *error, bool *ours, int64_t deadline_ms) MUST_CHECK;

/* What waits: how many (counted to `most` at the most) and for how long the first has been due. */
enum pg_status outbox_backlog(
	struct pg *pg, uint32_t most, int64_t *count, int64_t *overdue_ms, int64_t deadline_ms) MUST_CHECK;

#endif
