/* From one decision to the next, with all that follows from it. */
#include "common/runtime/clock.h"
#include "services/quota/history.h"
#include "services/quota/inheritance.h"
#include "services/quota/ledger_frame.h"
#include "services/quota/reasons.h"

#include <stdlib.h>

struct session {
	const struct act *act;
	struct revision *revisions;
	size_t count;
};

static enum pg_status recall(struct transaction *transaction, const struct session *session, const struct id128 *ids,
	struct recalled_act **made, size_t *count)
{
	enum submission_status *wanted = arena_alloc(transaction->arena, session->count * sizeof(*wanted));

	for (size_t i = 0; wanted != NULL && i < session->count; i++)
		wanted[i] = session->revisions[i].status;
	return wanted == NULL ? PG_REFUSED
			      : audit_log_recall(transaction, session->act, ids, wanted, session->count, made, count);
}

static struct id128 *gather_ids(const struct session *session, struct arena *arena)
{
	struct id128 *ids = arena_alloc(arena, session->count * sizeof(*ids));

	for (size_t i = 0; ids != NULL && i < session->count; i++)
		ids[i] = session->revisions[i].id;
	return ids;
}

/* After a commit of unknown outcome our own revision may be there: it bears the instant that is ours alone. */
static bool is_ours(const struct transaction *transaction, const struct revision *revision)
{
	const struct decision *latest = &revision->latest;

	return latest->decided_at == transaction->now_us && latest->status == revision->status &&
	       latest->decided_by == revision->decided_by &&
	       (revision->expected == 0 || latest->revision == revision->expected + 1);
}

/* The same act again: an answer was lost on its way. It is never made twice, and what somebody else decided since
 * stays. Who comes back to it after another act of their own means it anew. */
static bool is_repeated(struct revision *revision, const struct recalled_act *made, const struct decision *latest)
{
	if (made == NULL || (made->revision != latest->revision && !made->overtaken))
		return false;
	revision->fate = made->revision == latest->revision ? REVISION_REPEATED : REVISION_CONFLICT;
	return true;
}

/* Gives whether the latest decision gets a successor. */
static bool judge(const struct transaction *transaction, struct revision *revision, const struct recalled_act *made,
	const struct decision *latest)
{
	if (latest == NULL) {
		revision->fate = REVISION_UNKNOWN;
		return false;
	}
	revision->latest = *latest;
	if (is_ours(transaction, revision)) {
		revision->fate = REVISION_MADE;
		return false;
	}
	if (is_repeated(revision, made, latest))
		return false;
	if ((revision->expected != 0 && revision->expected != latest->revision) || latest->status == revision->status) {
		revision->fate = REVISION_CONFLICT;
		return false;
	}
	revision->fate = REVISION_MADE;
	return true;
}

static struct change change_to(
	const struct decision *from, enum submission_status status, enum decided_by by, struct bytes reasons)
{
	struct change change = {.decision = *from, .before = from->status};

	change.decision.revision++;
	change.decision.status = status;
	change.decision.decided_by = by;
	change.decision.reasons = reasons;
	return change;
}

static bool rises(const struct change *change)
{
	return !status_stands(change->before) && status_stands(change->decision.status);
}

static bool falls(const struct change *change)
{
	return status_stands(change->before) && !status_stands(change->decision.status);
}

/* A copy that gave way to an earlier one has followers of its own and is now refused or revoked itself. */
static bool leaves_line(const struct change *change)
{
	return change->before == STATUS_DUPLICATE && !status_stands(change->decision.status) &&
	       change->decision.has_duplicate_of;
}

struct changes {
	struct change *rows;
	size_t count;
};

/* Ids of those that rise or fall, in the order of the changes. NULL: the arena is full. */
static struct id128 *choose(
	const struct changes *changes, bool (*is_chosen)(const struct change *), struct arena *arena, size_t *count)
{
	struct id128 *ids = arena_alloc(arena, changes->count * sizeof(*ids));

	*count = 0;
	for (size_t i = 0; ids != NULL && i < changes->count; i++)
		if (is_chosen(&changes->rows[i]))
			ids[(*count)++] = changes->rows[i].decision.id;
	return ids;
}

/* What was asked for, where the latest decision allows it. */
static enum pg_status change_asked(struct transaction *transaction, struct session *session, struct changes *changes)
{
	struct id128 *ids = gather_ids(session, transaction->arena);
	struct decision *latest;
	struct recalled_act *made;
	size_t count, made_count;
	enum pg_status status;

	changes->rows = arena_alloc(transaction->arena, session->count * sizeof(*changes->rows));
	if (ids == NULL || changes->rows == NULL)
		return PG_REFUSED;
	status = inheritance_lock(transaction, ids, session->count);
	if (status == PG_OK)
		status = history_lock(transaction, ids, session->count, true, &latest, &count);
	/* After the locks: whoever made it before us has committed. */
	if (status == PG_OK)
		status = recall(transaction, session, ids, &made, &made_count);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < session->count; i++) {
		struct revision *revision = &session->revisions[i];
		const struct decision *from = id128_find(&revision->id, latest, count, sizeof(*latest));

		if (!judge(transaction, revision, id128_find(&revision->id, made, made_count, sizeof(*made)), from))
			continue;
		changes->rows[changes->count++] =
			change_to(from, revision->status, revision->decided_by, revision->reasons);
		revision->latest = changes->rows[changes->count - 1].decision;
		revision->latest.decided_at = transaction->now_us;
	}
	return PG_OK;
}

static bool is_asked(const struct session *session, const struct id128 *id)
{
	return id128_find(id, session->revisions, session->count, sizeof(*session->revisions)) != NULL;
}

static enum pg_status add_followers(struct transaction *transaction, const struct session *session,
	struct changes *changes, const struct decision *followers, size_t count)
{
	static const struct bytes reason = {
		.data = (const uint8_t *)REASON_ORIGINAL_REVOKED, .size = sizeof(REASON_ORIGINAL_REVOKED) - 1};
	struct change *all = arena_alloc(transaction->arena, (changes->count + count) * sizeof(*all));

	if (all == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < changes->count; i++)
		all[i] = changes->rows[i];
	changes->rows = all;
	for (size_t i = 0; i < count; i++)
		if (followers[i].status == STATUS_DUPLICATE && !is_asked(session, &followers[i].id))
			all[changes->count++] =
				change_to(&followers[i], STATUS_UNDER_REVIEW, DECIDED_BY_CONSEQUENCE, reason);
	qsort(all, changes->count, sizeof(*all), id128_compare_rows);
	return PG_OK;
}

/* Whoever adds a duplicate holds its original's decision or place, which we hold now: nobody joins in between. */
static enum pg_status change_followers(
	struct transaction *transaction, const struct session *session, struct changes *changes)
{
	struct decision *followers;
	size_t count;
	struct id128 *ids = choose(changes, falls, transaction->arena, &count);
	enum pg_status status;

	if (ids == NULL)
		return PG_REFUSED;
	if (count == 0)
		return PG_OK;
	status = history_followers(transaction, ids, count, &ids, &count);
	if (status == PG_OK)
		status = history_lock(transaction, ids, count, true, &followers, &count);
	return status == PG_OK ? add_followers(transaction, session, changes, followers, count) : status;
}

/* What the one that left the line stood behind; it may have left by the same act. */
static const struct id128 *original_behind(const struct changes *changes, const struct id128 *left)
{
	const struct id128 *named = left;
	const struct change *at;

	for (size_t steps = 0; steps <= changes->count; steps++) {
		at = id128_find(named, changes->rows, changes->count, sizeof(*changes->rows));
		if (at == NULL || !leaves_line(at))
			break;
		named = &at->decision.duplicate_of;
	}
	return named;
}

static enum pg_status add_handed_on(struct transaction *transaction, struct changes *changes, const struct id128 *left,
	size_t left_count, const struct decision *followers, size_t count)
{
	struct change *all = arena_alloc(transaction->arena, (changes->count + count) * sizeof(*all));
	size_t all_count = changes->count;

	if (all == NULL)
		return PG_REFUSED;
	for (size_t i = 0; i < changes->count; i++)
		all[i] = changes->rows[i];
	for (size_t i = 0; i < count; i++) {
		const struct decision *follower = &followers[i];

		if (follower->status != STATUS_DUPLICATE ||
			id128_find(&follower->duplicate_of, left, left_count, sizeof(*left)) == NULL ||
			id128_find(&follower->id, changes->rows, changes->count, sizeof(*changes->rows)) != NULL)
			continue;
		all[all_count] = change_to(follower, STATUS_DUPLICATE, DECIDED_BY_CONSEQUENCE, follower->reasons);
		all[all_count++].decision.duplicate_of = *original_behind(changes, &follower->duplicate_of);
	}
	*changes = (struct changes){.rows = all, .count = all_count};
	qsort(all, all_count, sizeof(*all), id128_compare_rows);
	return PG_OK;
}

/* Chains end at a text that stands: followers of one that leaves the line stand behind its original from now on. */
static enum pg_status hand_followers_on(struct transaction *transaction, struct changes *changes)
{
	struct decision *followers;
	size_t left_count, count;
	struct id128 *left = choose(changes, leaves_line, transaction->arena, &left_count), *ids;
	enum pg_status status;

	if (left == NULL)
		return PG_REFUSED;
	if (left_count == 0)
		return PG_OK;
	status = history_followers(transaction, left, left_count, &ids, &count);
	if (status == PG_OK)
		status = history_lock(transaction, ids, count, true, &followers, &count);
	return status == PG_OK ? add_handed_on(transaction, changes, left, left_count, followers, count) : status;
}

static enum pg_status take_places(struct transaction *transaction, const struct changes *changes)
{
	size_t count;
	struct id128 *ids = choose(changes, rises, transaction->arena, &count);

	return ids == NULL ? PG_REFUSED : inheritance_take(transaction, ids, count);
}

static enum pg_status sign_risen(struct transaction *transaction, const struct changes *changes)
{
	struct change *risen = arena_alloc(transaction->arena, changes->count * sizeof(*risen));
	size_t count = 0;

	for (size_t i = 0; risen != NULL && i < changes->count; i++)
		if (rises(&changes->rows[i]))
			risen[count++] = changes->rows[i];
	return risen == NULL ? PG_REFUSED : inheritance_sign(transaction, risen, count);
}

static enum pg_status pass_on(struct transaction *transaction, const struct changes *changes)
{
	size_t count;
	struct id128 *ids = choose(changes, falls, transaction->arena, &count);

	return ids == NULL ? PG_REFUSED : inheritance_pass_on(transaction, ids, count);
}

static enum pg_status revise(struct transaction *transaction, struct ledger_result *result, void *context)
{
	struct session *session = context;
	struct changes changes = {0};
	enum pg_status status = change_asked(transaction, session, &changes);

	if (status != PG_OK || changes.count == 0)
		return status;
	status = change_followers(transaction, session, &changes);
	if (status == PG_OK)
		status = hand_followers_on(transaction, &changes);
	if (status == PG_OK)
		status = take_places(transaction, &changes);
	if (status == PG_OK)
		status = sign_risen(transaction, &changes);
	if (status == PG_OK)
		status = ledger_apply(transaction, changes.rows, changes.count, result);
	if (status == PG_OK)
		status = pass_on(transaction, &changes);
	return status == PG_OK ? audit_log_append(transaction, session->act, changes.rows, changes.count) : status;
}

enum ledger_end ledger_revise(struct ledger *ledger, const struct reference *reference, const struct act *act,
	struct revision *revisions, size_t count, struct arena *arena, struct ledger_result *result,
	int64_t deadline_ms)
{
	struct session session = {.act = act, .revisions = revisions, .count = count};
	const struct ledger_frame frame = {.reference = reference,
		.arena = arena,
		.result = result,
		.now_us = clock_receipt_us(),
		.give_up_ms = deadline_ms,
		.steps = revise,
		.context = &session};

	return ledger_run(ledger, &frame);
}
