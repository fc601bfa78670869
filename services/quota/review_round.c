#include "services/quota/review_round.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 256 << 20, REASON_BYTES_MAX = 8 * 1024, PATIENCE_MS = 10 * 1000, PACKED_MAX = 128 };

static bool copy_id(ProtobufCBinaryData from, struct id128 *to)
{
	if (from.len != ID128_SIZE)
		return false;
	memcpy(to->octet, from.data, ID128_SIZE);
	return true;
}

/* What a person may make of a submission. */
static bool is_verdict(uint32_t status)
{
	return status == STATUS_COUNTED || status == STATUS_REJECTED || status == STATUS_REVOKED;
}

static bool read_review(struct delivery *delivery, size_t item, struct review *review)
{
	const Sangkien__Wire__Item *from = delivery_item(delivery, item);
	Sangkien__Message__ReviewRequested *message = sangkien__message__review_requested__unpack(
		arena_protobuf_allocator(delivery_arena(delivery)), from->body.len, from->body.data);

	if (message == NULL || !is_verdict(message->status) || message->reason.len > REASON_BYTES_MAX ||
		!copy_id(message->id, &review->revision.id) || !copy_id(message->token, &review->act.token))
		return false;
	review->act.reason = (struct bytes){message->reason.data, message->reason.len};
	review->revision.expected = message->seen;
	review->revision.status = (enum submission_status)message->status;
	review->revision.decided_by = DECIDED_BY_REVIEWER;
	review->expires_at = message->expires_at;
	return true;
}

struct review_round *review_round_new(struct delivery *delivery)
{
	size_t count = delivery_count(delivery);
	struct review_round *round = calloc(1, sizeof(*round) + count * sizeof(round->reviews[0]));

	if (round == NULL)
		return NULL;
	round->arena = arena_new(ARENA_BYTES_MAX);
	if (round->arena == NULL) {
		free(round);
		return NULL;
	}
	round->delivery = delivery;
	round->count = count;
	for (size_t i = 0; i < count; i++)
		round->reviews[i].malformed = !read_review(delivery, i, &round->reviews[i]);
	return round;
}

void review_round_free(struct review_round **round)
{
	if (*round != NULL)
		arena_free(&(*round)->arena);
	free(*round);
	*round = NULL;
}

static Sangkien__Message__ReviewOutcome outcome_of(enum revision_fate fate)
{
	switch (fate) {
	case REVISION_MADE:
		return SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_MADE;
	case REVISION_REPEATED:
		return SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_REPEATED;
	case REVISION_CONFLICT:
		return SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_CONFLICT;
	case REVISION_UNKNOWN:
		return SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_UNDECIDED;
	case REVISION_OPEN:
		break;
	}
	return SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_NOT_NOW;
}

static void make(
	struct review_round *round, struct review *review, struct ledger *ledger, const struct reference *reference)
{
	int64_t left_ms = (review->expires_at - clock_now_us()) / 1000;

	review->outcome = SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_EXPIRED;
	if (left_ms <= 0)
		return;
	if (left_ms > PATIENCE_MS)
		left_ms = PATIENCE_MS;
	switch (ledger_revise(ledger, reference, &review->act, &review->revision, 1, round->arena,
		&round->committed.result, clock_monotonic_ms() + left_ms)) {
	case LEDGER_COMMITTED:
		review->outcome = outcome_of(review->revision.fate);
		break;
	case LEDGER_GAVE_UP:
		review->outcome = SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_NOT_NOW;
		break;
	case LEDGER_REFUSED:
		review->malformed = true;
		break;
	}
}

void review_round_make(struct review_round *round, struct ledger *ledger, const struct reference *reference)
{
	for (size_t i = 0; i < round->count; i++)
		if (!round->reviews[i].malformed)
			make(round, &round->reviews[i], ledger, reference);
}

static void answer(struct delivery *delivery, size_t item, const struct review *review)
{
	Sangkien__Message__ReviewTaken message = SANGKIEN__MESSAGE__REVIEW_TAKEN__INIT;
	const struct decision *latest = &review->revision.latest;
	double score = latest->score;
	uint8_t packed[PACKED_MAX];

	message.outcome = review->outcome;
	if (review->outcome == SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_MADE ||
		review->outcome == SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_REPEATED ||
		review->outcome == SANGKIEN__MESSAGE__REVIEW_OUTCOME__REVIEW_OUTCOME_CONFLICT) {
		message.revision = latest->revision;
		message.status = latest->status;
		message.decided_by = latest->decided_by;
		message.decided_at = latest->decided_at;
		message.phase = latest->phase;
		message.n_similar = latest->has_duplicate_of && latest->has_score;
		message.similar = &score;
	}
	assert(sangkien__message__review_taken__get_packed_size(&message) <= sizeof(packed));
	delivery_result(
		delivery, item, (struct bytes){packed, sangkien__message__review_taken__pack(&message, packed)});
}

void review_round_answer(struct review_round *round)
{
	for (size_t i = 0; i < round->count; i++)
		if (round->reviews[i].malformed)
			delivery_reject(round->delivery, i, false, "not a review that can be made");
		else
			answer(round->delivery, i, &round->reviews[i]);
}
