#include "services/intake/person.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIGITS_MAX = 12, MOBILE_DIGITS = 9, LANDLINE_DIGITS = 10 /* of the national number, without the 0 */ };

/* Bytes of a separator at `at`, 0 where there is none: space, dot, hyphen, no-break space. */
static size_t separator(struct bytes text, size_t at)
{
	if (text.data[at] == ' ' || text.data[at] == '.' || text.data[at] == '-')
		return 1;
	return text.size - at >= 2 && text.data[at] == 0xC2 && text.data[at + 1] == 0xA0 ? 2 : 0;
}

static bool digits_of(struct bytes text, size_t begin, char digits[DIGITS_MAX + 1], size_t *count)
{
	*count = 0;
	for (size_t at = begin; at < text.size;) {
		size_t skipped = separator(text, at);
		uint8_t octet = text.data[at];
		at += skipped == 0 ? 1 : skipped;
		if (skipped > 0)
			continue;
		if (octet < '0' || octet > '9' || *count == DIGITS_MAX)
			return false;
		digits[(*count)++] = (char)octet;
	}
	digits[*count] = '\0';
	return true;
}

bool phone_normalize(struct bytes text, char phone[PHONE_SIZE])
{
	char digits[DIGITS_MAX + 1];
	size_t count, plus = text.size > 0 && text.data[0] == '+' ? 1 : 0;
	const char *national = digits;
	if (!digits_of(text, plus, digits, &count))
		return false;
	if (digits[0] == '8' && digits[1] == '4')
		national += 2;
	else if (plus == 0 && digits[0] == '0')
		national += 1;
	else
		return false;
	count -= (size_t)(national - digits);
	bool landline = national[0] == '2' && count == LANDLINE_DIGITS;
	bool mobile = national[0] != '\0' && strchr("35789", national[0]) != NULL && count == MOBILE_DIGITS;
	if (!landline && !mobile)
		return false;
	snprintf(phone, PHONE_SIZE, "+84%s", national);
	return true;
}

bool national_id_is_valid(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	}
	return text.size == 9 || text.size == 12;
}

bool person_key_load(const char *directory, const char *name, uint8_t *key, size_t size)
{
	char path[PATH_MAX];
	uint8_t beyond;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	bool whole = read(file, key, size) == (ssize_t)size && read(file, &beyond, 1) == 0;
	close(file);
	return whole;
}

static void add(crypto_generichash_state *state, struct bytes text)
{
	crypto_generichash_update(state, text.data, text.size);
}

static struct bytes word(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

bool person_hash(const uint8_t key[PERSON_KEY_SIZE], enum person_key by, const struct submission_fields *fields,
	uint8_t person[PERSON_SIZE])
{
	bool by_id = by == PERSON_BY_NATIONAL_ID && fields->national_id.size > 0;
	struct bytes number = by_id ? fields->national_id : fields->phone;
	crypto_generichash_state state;
	if (number.size == 0)
		return false;
	crypto_generichash_init(&state, key, PERSON_KEY_SIZE, PERSON_SIZE);
	add(&state, word(by_id ? "national_id:" : "phone:"));
	add(&state, number);
	crypto_generichash_final(&state, person, PERSON_SIZE);
	return true;
}

/* A number in 8 bytes of one order, a text after its length: no two lists of fields give the same bytes. */
static void add_number(crypto_generichash_state *state, int64_t number)
{
	uint8_t octets[8];
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
	add(state, (struct bytes){octets, sizeof(octets)});
}

static void add_text(crypto_generichash_state *state, struct bytes text)
{
	add_number(state, (int64_t)text.size);
	add(state, text);
}

static void add_optional(crypto_generichash_state *state, bool given, int64_t number)
{
	add_number(state, given ? 1 : 0);
	add_number(state, given ? number : 0);
}

void fields_digest(
	const uint8_t key[PERSON_KEY_SIZE], const struct submission_fields *fields, uint8_t digest[FIELDS_DIGEST_SIZE])
{
	const struct bytes texts[] = {fields->full_name, fields->phone, fields->national_id, fields->unit,
		fields->category, fields->kind, fields->title, fields->description, fields->recognized_by,
		fields->benefit_social, fields->evidence_url};
	crypto_generichash_state state;
	crypto_generichash_init(&state, key, PERSON_KEY_SIZE, FIELDS_DIGEST_SIZE);
	add(&state, word("fields/1:"));
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		add_text(&state, texts[i]);
	add_number(&state, fields->block);
	add_optional(&state, fields->has_applied_on, fields->applied_on);
	add_optional(&state, fields->has_recognized_on, fields->recognized_on);
	add_optional(&state, fields->has_accepted_on, fields->accepted_on);
	add_optional(&state, fields->has_benefit_vnd, fields->benefit_vnd);
	add_optional(&state, fields->has_received_at, fields->received_at);
	add_number(&state, fields->ip_protected);
	add_number(&state, fields->lead_author);
	add_number(&state, fields->authors);
	crypto_generichash_final(&state, digest, FIELDS_DIGEST_SIZE);
}
