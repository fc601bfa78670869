/* Who submits: numbers in their one spelling, and the keyed hashes people and repeats are compared by (law 10). */
#ifndef SANGKIEN_INTAKE_PERSON_H
#define SANGKIEN_INTAKE_PERSON_H

#include "common/domain/campaign.h"
#include "services/intake/submission.h"

enum { PHONE_SIZE = 16 /* E.164 with NUL */, PERSON_KEY_SIZE = 32, FIELDS_DIGEST_SIZE = 32 };

/* A Vietnamese mobile (03, 05, 07, 08, 09 and 8 digits) or landline (02 and 9 digits) as E.164. Spaces, dots and
 * hyphens are let go; 0…, 84… and +84… are taken. False: it is none. */
bool phone_normalize(struct bytes text, char phone[PHONE_SIZE]) MUST_CHECK;
/* 9 digits (CMND) or 12 (CCCD). */
bool national_id_is_valid(struct bytes text) MUST_CHECK;

/* `directory`/`name` holds exactly `size` raw bytes. False: it does not. */
bool person_key_load(const char *directory, const char *name, uint8_t *key, size_t size) MUST_CHECK;

/* The person as the campaign knows people: by national ID where it does and one is given, else by phone. False:
 * neither is there. */
bool person_hash(const uint8_t key[PERSON_KEY_SIZE], enum person_key by, const struct submission_fields *fields,
	uint8_t person[PERSON_SIZE]) MUST_CHECK;

/* Of all fields as parsed, personal ones included: equal for the same fields in another order or spelling. */
void fields_digest(
	const uint8_t key[PERSON_KEY_SIZE], const struct submission_fields *fields, uint8_t digest[FIELDS_DIGEST_SIZE]);

#endif
