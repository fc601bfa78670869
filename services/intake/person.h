/* Who submits: numbers in their one spelling, and the keyed hashes people and repeats are compared by (law 10). */
#ifndef SANGKIEN_INTAKE_PERSON_H
#define SANGKIEN_INTAKE_PERSON_H

#include "common/domain/campaign.h"
#include "common/domain/phone.h"
#include "services/intake/submission.h"

enum { PERSON_KEY_SIZE = 32, FIELDS_DIGEST_SIZE = 32 };

/* 9 digits (CMND) or 12 (CCCD). */
bool national_id_is_valid(struct bytes text) MUST_CHECK;

/* The person as the campaign knows people: by national ID where it does and one is given, else by phone. False:
 * neither is there. */
bool person_hash(const uint8_t key[PERSON_KEY_SIZE], enum person_key by, const struct submission_fields *fields,
	uint8_t person[PERSON_SIZE]) MUST_CHECK;

/* Of all fields as parsed, personal ones included: equal for the same fields in another order or spelling. */
void fields_digest(
	const uint8_t key[PERSON_KEY_SIZE], const struct submission_fields *fields, uint8_t digest[FIELDS_DIGEST_SIZE]);

#endif
