#include "services/quota/verdict.h"

#include "proto/submission.pb-c.h"
#include "services/quota/reasons.h"

#include <math.h>
#include <string.h>

typedef Sangkien__Message__VerdictReached message;

static bool read_id(const ProtobufCBinaryData *data, struct id128 *id)
{
	if (data->len != sizeof(*id))
		return false;
	memcpy(id, data->data, sizeof(*id));
	return true;
}

static struct bytes bytes_of(const ProtobufCBinaryData *data)
{
	return (struct bytes){.data = data->data, .size = data->len};
}

static bool is_verdict(uint32_t status)
{
	return status == STATUS_UNDER_REVIEW || status == STATUS_COUNTED || status == STATUS_REJECTED ||
	       status == STATUS_DUPLICATE;
}

/* NULL, or what is wrong with it whatever the campaign's rules are. */
static const char *read_plain(const message *from, struct verdict *to)
{
	if (!read_id(&from->id, &to->id) || !read_id(&from->person, &to->person))
		return "an id is not 16 bytes";
	if (!is_verdict(from->status))
		return "the status is no verdict";
	if (from->campaign == 0 || from->campaign > INT16_MAX || from->unit == 0 || from->unit > INT32_MAX ||
		from->scope > INT32_MAX || from->near_scope > INT32_MAX || from->snapshot > INT32_MAX ||
		from->rules_version > INT32_MAX || from->phase > INT16_MAX)
		return "a number is out of range";
	if (from->digest.len != 0 && from->digest.len != DIGEST_SIZE)
		return "the digest is not 16 bytes";
	if (from->sketch.len > SKETCH_BYTES_MAX || from->n_consulted > VERDICT_SHARDS_MAX)
		return "the sketch or the list of shards is too long";
	if (from->duplicate_of.len != 0 && !read_id(&from->duplicate_of, &to->duplicate_of))
		return "an id is not 16 bytes";
	to->has_duplicate_of = from->duplicate_of.len != 0;
	if (from->status == STATUS_DUPLICATE && !to->has_duplicate_of)
		return "a duplicate of nothing";
	if (to->has_duplicate_of && id128_equal(&to->duplicate_of, &to->id))
		return "a duplicate of itself";
	if (from->status == STATUS_REJECTED && from->digest.len != 0)
		return "a refused text was signed";
	if (!isfinite(from->score))
		return "the score is no number";
	to->campaign = from->campaign;
	to->unit = from->unit;
	to->rules_version = from->rules_version;
	to->received_at = from->received_at;
	to->status = (enum submission_status)from->status;
	to->score = from->score;
	to->digest = bytes_of(&from->digest);
	to->sketch = bytes_of(&from->sketch);
	to->is_covered = from->covered;
	to->exact_scope = from->scope;
	to->near_scope = from->near_scope;
	to->snapshot = from->snapshot;
	return NULL;
}

static bool read_consulted(const message *from, struct arena *arena, struct verdict *to)
{
	struct shard_epoch *consulted = arena_alloc(arena, from->n_consulted * sizeof(*consulted));

	if (consulted == NULL)
		return false;
	for (size_t i = 0; i < from->n_consulted; i++)
		consulted[i] =
			(struct shard_epoch){.shard = from->consulted[i]->shard, .epoch = from->consulted[i]->epoch};
	to->consulted = consulted;
	to->consulted_count = from->n_consulted;
	return true;
}

static const char *read_candidates(const message *from, struct arena *arena, struct verdict *to)
{
	struct resemblance *candidates = arena_alloc(arena, from->n_candidates * sizeof(*candidates));

	if (candidates == NULL)
		return "no room for the batch";
	for (size_t i = 0; i < from->n_candidates; i++) {
		const Sangkien__Message__Resemblance *candidate = from->candidates[i];
		if (candidate->id.len != ID128_SIZE || !(candidate->score >= 0 && candidate->score <= 1))
			return "a candidate is no text";
		memcpy(&candidates[i].id, candidate->id.data, ID128_SIZE);
		candidates[i].score = candidate->score;
	}
	to->candidates = candidates;
	to->candidate_count = from->n_candidates;
	return NULL;
}

/* The phase is that of the rules that judged it (law 6): as validation read it there; an older one named the version.
 */
static const char *find_phase(const message *from, const struct campaign *campaign, struct verdict *to)
{
	if (from->has_phase) {
		to->phase = from->phase;
		return NULL;
	}
	const struct rule_pack *rules = campaign_rules_version(campaign, to->rules_version);
	if (rules == NULL)
		return "unknown version of the rules";
	to->phase = campaign_phase_of(rules, to->received_at, from->has_applied_on, from->applied_on);
	return NULL;
}

static const char *complete(const message *from, const struct reference *reference, struct verdict *to)
{
	const struct reference_campaign *campaign = reference_by_id(reference, to->campaign);

	if (campaign == NULL)
		return "unknown campaign";
	if (unit_by_id(campaign->units, to->unit) == NULL)
		return "unknown unit";
	to->units = campaign->units;
	return find_phase(from, campaign->campaign, to);
}

enum verdict_fault verdict_read(struct bytes body, const struct reference *reference, struct arena *arena,
	struct verdict *verdict, const char **why)
{
	message *from =
		sangkien__message__verdict_reached__unpack(arena_protobuf_allocator(arena), body.size, body.data);

	*verdict = (struct verdict){.fate = FATE_OPEN};
	if (from == NULL) {
		*why = "not a VerdictReached";
		return VERDICT_MALFORMED;
	}
	*why = read_plain(from, verdict);
	if (*why != NULL)
		return VERDICT_MALFORMED;
	*why = "no room for the batch";
	if (!read_consulted(from, arena, verdict))
		return VERDICT_TOO_MUCH;
	*why = read_candidates(from, arena, verdict);
	if (*why != NULL)
		return VERDICT_MALFORMED;
	*why = "a reason is no word";
	if (!reasons_to_text(from->reasons, from->n_reasons, arena, &verdict->reasons))
		return VERDICT_MALFORMED;
	*why = complete(from, reference, verdict);
	return *why == NULL ? VERDICT_FINE : VERDICT_UNKNOWN;
}
