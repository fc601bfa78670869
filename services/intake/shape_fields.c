#include "common/domain/text.h"
#include "common/runtime/clock.h"
#include "services/intake/person.h"
#include "services/intake/shape_reading.h"

#include <string.h>

enum {
	FULL_NAME_MIN = 2,
	FULL_NAME_MAX = 100,
	TITLE_MAX = 200,
	RECOGNIZED_BY_MAX = 200,
	BENEFIT_SOCIAL_MAX = 1000,
	EVIDENCE_URL_MAX = 500,
	ATTACHMENTS_MAX = 5,
	AUTHORS_MAX = 20,
};

static bool required(struct reading *reading, struct bytes text)
{
	return text.size > 0 || reading_refuse(reading, "required");
}

/* A required field that is null was left out by a client that writes all its fields. */
static bool is_missing(const struct reading *reading)
{
	return reading->member == NULL || reading->member->type == JSON_NULL;
}

static void read_full_name(struct reading *reading)
{
	struct bytes *name = &reading->shape->fields.full_name;
	if (is_missing(reading))
		reading_refuse(reading, "required");
	else if (reading_line(reading, name, FULL_NAME_MAX) && required(reading, *name) &&
		 text_characters(*name) < FULL_NAME_MIN)
		reading_refuse(reading, "too_short");
}

static void read_phone(struct reading *reading)
{
	char phone[PHONE_SIZE];
	struct bytes given, *kept = &reading->shape->fields.phone;
	if (is_missing(reading)) {
		reading_refuse(reading, "required");
		return;
	}
	if (!reading_text(reading, &given) || !required(reading, given))
		return;
	if (!phone_normalize(given, phone)) {
		reading_refuse(reading, "invalid");
		return;
	}
	kept->size = strlen(phone);
	kept->data = arena_copy(reading->shaper->arena, phone, kept->size);
	if (kept->data == NULL)
		*kept = (struct bytes){0};
}

static void read_national_id(struct reading *reading)
{
	struct bytes given;
	if (reading->member == NULL || !reading_text(reading, &given))
		return;
	if (national_id_is_valid(given))
		reading->shape->fields.national_id = given;
	else
		reading_refuse(reading, "invalid");
}

static void read_unit(struct reading *reading)
{
	if (is_missing(reading))
		reading_refuse(reading, "required");
	else if (reading_text(reading, &reading->shape->fields.unit))
		required(reading, reading->shape->fields.unit);
}

static void read_block(struct reading *reading)
{
	struct bytes given;
	char name[16];
	if (is_missing(reading)) {
		reading_refuse(reading, "required");
		return;
	}
	if (!reading_text(reading, &given) || !required(reading, given))
		return;
	size_t size = given.size < sizeof(name) ? given.size : 0;
	memcpy(name, given.data, size);
	name[size] = '\0';
	if (!block_parse(name, &reading->shape->fields.block))
		reading_refuse(reading, "invalid");
}

static void read_category(struct reading *reading)
{
	reading_text(reading, &reading->shape->fields.category);
}

static void read_kind(struct reading *reading)
{
	reading_text(reading, &reading->shape->fields.kind);
}

static void read_title(struct reading *reading)
{
	reading_line(reading, &reading->shape->fields.title, TITLE_MAX);
}

/* How long it may be is the campaign's to say; here only the body's limit holds. */
static void read_description(struct reading *reading)
{
	if (is_missing(reading))
		reading_refuse(reading, "required");
	else if (reading_text(reading, &reading->shape->fields.description))
		required(reading, reading->shape->fields.description);
}

static void read_day(struct reading *reading, bool *has, int32_t *day)
{
	struct bytes given;
	char text[16];
	if (reading->member == NULL || !reading_text(reading, &given))
		return;
	size_t size = given.size < sizeof(text) ? given.size : 0;
	if (size > 0)
		memcpy(text, given.data, size);
	text[size] = '\0';
	*has = clock_parse_day(text, day);
	if (!*has)
		reading_refuse(reading, "invalid");
}

static void read_applied_on(struct reading *reading)
{
	read_day(reading, &reading->shape->fields.has_applied_on, &reading->shape->fields.applied_on);
}

static void read_recognized_on(struct reading *reading)
{
	read_day(reading, &reading->shape->fields.has_recognized_on, &reading->shape->fields.recognized_on);
}

static void read_accepted_on(struct reading *reading)
{
	read_day(reading, &reading->shape->fields.has_accepted_on, &reading->shape->fields.accepted_on);
}

static void read_recognized_by(struct reading *reading)
{
	reading_line(reading, &reading->shape->fields.recognized_by, RECOGNIZED_BY_MAX);
}

static bool read_integer(struct reading *reading, int64_t least, int64_t most, int64_t *value)
{
	if (reading->member->type != JSON_NUMBER || !json_integer(reading->member->text, value))
		return reading_refuse(reading, "invalid");
	return (*value >= least && *value <= most) || reading_refuse(reading, "invalid");
}

static void read_benefit_vnd(struct reading *reading)
{
	struct submission_fields *fields = &reading->shape->fields;
	if (reading->member != NULL)
		fields->has_benefit_vnd = read_integer(reading, 0, INT64_MAX, &fields->benefit_vnd);
}

static void read_benefit_social(struct reading *reading)
{
	struct bytes *text = &reading->shape->fields.benefit_social;
	if (reading_text(reading, text) && text_characters(*text) > BENEFIT_SOCIAL_MAX)
		reading_refuse(reading, "too_long");
}

/* https with a host, and nothing that ends a link in a page or a table. It is stored, never fetched. */
static bool is_https(struct bytes url)
{
	static const char SCHEME[] = "https://";
	size_t begin = sizeof(SCHEME) - 1;
	if (url.size <= begin || strncasecmp((const char *)url.data, SCHEME, begin) != 0)
		return false;
	if (strchr("/?#:@.", url.data[begin]) != NULL)
		return false;
	for (size_t i = begin; i < url.size; i++) {
		if (url.data[i] <= ' ' || strchr("\"<>\\^`{|}", url.data[i]) != NULL)
			return false;
	}
	return true;
}

static void read_evidence_url(struct reading *reading)
{
	struct bytes *url = &reading->shape->fields.evidence_url;
	if (reading->member == NULL || !reading_text(reading, url))
		return;
	if (text_characters(*url) > EVIDENCE_URL_MAX)
		reading_refuse(reading, "too_long");
	else if (!is_https(*url))
		reading_refuse(reading, "invalid");
}

/* The upload call gives the ids; as long as there is none, no id is known. */
static void read_attachments(struct reading *reading)
{
	const struct json_member *member = reading->member;
	bool texts = member == NULL || (member->type == JSON_ARRAY && member->elements_are_texts);
	if (texts && member != NULL && member->elements > ATTACHMENTS_MAX)
		reading_refuse(reading, "too_long");
	else if (!texts || (member != NULL && member->elements > 0))
		reading_refuse(reading, "invalid");
}

static void read_boolean(struct reading *reading, bool *value)
{
	if (reading->member == NULL)
		return;
	if (reading->member->type != JSON_BOOLEAN)
		reading_refuse(reading, "invalid");
	else
		*value = reading->member->boolean;
}

static void read_ip_protected(struct reading *reading)
{
	read_boolean(reading, &reading->shape->fields.ip_protected);
}

static void read_authors(struct reading *reading)
{
	int64_t authors = 0;
	if (reading->member != NULL && read_integer(reading, 1, AUTHORS_MAX, &authors))
		reading->shape->fields.authors = (uint32_t)authors;
}

static void read_lead_author(struct reading *reading)
{
	read_boolean(reading, &reading->shape->fields.lead_author);
}

static void read_received_at(struct reading *reading)
{
	struct submission_fields *fields = &reading->shape->fields;
	struct bytes given;
	char text[CLOCK_TEXT_SIZE + 8];
	if (reading->member == NULL)
		return;
	if (reading->received_at_max == 0) {
		reading_refuse(reading, "unknown_field");
		return;
	}
	if (!reading_text(reading, &given))
		return;
	size_t size = given.size < sizeof(text) ? given.size : 0;
	if (size > 0)
		memcpy(text, given.data, size);
	text[size] = '\0';
	fields->has_received_at = clock_parse_instant(text, &fields->received_at) && fields->received_at > 0 &&
				  fields->received_at <= reading->received_at_max;
	if (!fields->has_received_at)
		reading_refuse(reading, "invalid");
}

const struct field_reader FIELD_READER[FIELD_READERS] = {
	{"full_name", read_full_name},
	{"phone", read_phone},
	{"national_id", read_national_id},
	{"unit", read_unit},
	{"block", read_block},
	{"category", read_category},
	{"kind", read_kind},
	{"title", read_title},
	{"description", read_description},
	{"applied_on", read_applied_on},
	{"recognized_on", read_recognized_on},
	{"recognized_by", read_recognized_by},
	{"benefit_vnd", read_benefit_vnd},
	{"benefit_social", read_benefit_social},
	{"evidence_url", read_evidence_url},
	{"attachments", read_attachments},
	{"ip_protected", read_ip_protected},
	{"authors", read_authors},
	{"lead_author", read_lead_author},
	{"accepted_on", read_accepted_on},
	{"received_at", read_received_at},
};
