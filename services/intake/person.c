#include "services/intake/person.h"

#include <sodium.h>
#include <string.h>

bool national_id_is_valid(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	}
	return text.size == 9 || text.size == 12;
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
