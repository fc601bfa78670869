#include "services/intake/submission.h"

#include "common/runtime/random.h"
#include "proto/submission.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ProtobufCBinaryData binary(struct bytes text)
{
	return (ProtobufCBinaryData){.len = text.size, .data = (uint8_t *)(uintptr_t)text.data};
}

static void fill_fields(const struct submission *submission, Sangkien__Message__Fields *out)
{
	const struct submission_fields *fields = &submission->fields;
	out->block = (uint32_t)fields->block;
	out->category = binary(fields->category);
	out->kind = binary(fields->kind);
	out->title = binary(fields->title);
	out->description = binary(fields->description);
	out->has_applied_on = fields->has_applied_on;
	out->applied_on = fields->applied_on;
	out->has_recognized_on = fields->has_recognized_on;
	out->recognized_on = fields->recognized_on;
	out->recognized_by = binary(fields->recognized_by);
	out->has_benefit_vnd = fields->has_benefit_vnd;
	out->benefit_vnd = fields->benefit_vnd;
	out->benefit_social = binary(fields->benefit_social);
	out->evidence_url = binary(fields->evidence_url);
	out->ip_protected = fields->ip_protected;
	out->authors = fields->authors;
	out->lead_author = fields->lead_author;
	out->has_accepted_on = fields->has_accepted_on;
	out->accepted_on = fields->accepted_on;
	out->has_national_id = submission->has_national_id;
}

/* protobuf-c's way to write into a buffer of ours. */
struct sink {
	ProtobufCBuffer base;
	struct buffer *out;
};

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
	buffer_add(((struct sink *)buffer)->out, data, size);
}

void submission_pack(const struct submission *submission, struct buffer *body)
{
	Sangkien__Message__Fields fields = SANGKIEN__MESSAGE__FIELDS__INIT;
	Sangkien__Message__SubmissionReceived message = SANGKIEN__MESSAGE__SUBMISSION_RECEIVED__INIT;
	struct sink sink = {.base.append = append, .out = body};
	fill_fields(submission, &fields);
	message.id = binary((struct bytes){submission->id.octet, ID128_SIZE});
	message.campaign = submission->campaign;
	message.unit = submission->unit;
	message.received_at = submission->received_at;
	message.person = binary((struct bytes){submission->person, PERSON_SIZE});
	message.fields = &fields;
	sangkien__message__submission_received__pack_to_buffer(&message, &sink.base);
}

static bool is_hex(const char *text, size_t size, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < size; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
		*zero &= text[i] == '0';
	}
	return true;
}

/* Of a version after 00 the parts we know stand at the same places, and more may follow (Trace Context, 4). */
static bool is_trace_parent(const char *text)
{
	bool version_zero, trace_zero, parent_zero, flags_zero;
	size_t size = strnlen(text, TRACE_PARENT_SIZE);
	if (size < TRACE_PARENT_SIZE - 1 || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!is_hex(text, 2, &version_zero) || !is_hex(text + 3, 32, &trace_zero) ||
		!is_hex(text + 36, 16, &parent_zero) || !is_hex(text + 53, 2, &flags_zero))
		return false;
	if (text[TRACE_PARENT_SIZE - 1] != '\0' && (version_zero || text[TRACE_PARENT_SIZE - 1] != '-'))
		return false;
	return !trace_zero && !parent_zero && memcmp(text, "ff", 2) != 0;
}

void trace_parent_take(const char *given, char trace_parent[TRACE_PARENT_SIZE])
{
	uint64_t random[3];
	if (given != NULL && is_trace_parent(given)) {
		memcpy(trace_parent, given, TRACE_PARENT_SIZE - 1);
		memcpy(trace_parent, "00", 2); /* the version we speak */
		trace_parent[TRACE_PARENT_SIZE - 1] = '\0';
		return;
	}
	random_fill(random, sizeof(random));
	snprintf(trace_parent, TRACE_PARENT_SIZE, "00-%016llx%016llx-%016llx-01", (unsigned long long)(random[0] | 1),
		(unsigned long long)random[1], (unsigned long long)(random[2] | 1));
}
