/* Personal data of one submission, sealed (law 10): intake can only seal, notification and export alone can open.
 * crypto_box with a key pair that lives as long as the sealing process and a precomputed shared key: about one
 * microsecond, where crypto_box_seal costs 83.
 * Stored: version 1 | the sealer's public key 32 | nonce 24 | box (16 more than the plain text). */
#ifndef SANGKIEN_DOMAIN_SEALED_H
#define SANGKIEN_DOMAIN_SEALED_H

#include "common/runtime/buffer.h"

enum { SEALED_KEY_SIZE = 32, SEALED_FIELD_MAX = 4096 };

/* UTF-8; borrowed. `phone` is E.164, `national_id` digits or empty. */
struct personal {
	struct bytes full_name, phone, national_id;
};

struct sealer;

/* `public_key` is the raw crypto_box key of keys/sealing.public. NULL without memory or with a key that is none. */
struct sealer *sealer_new(const uint8_t public_key[SEALED_KEY_SIZE]) MUST_CHECK;
void sealer_free(struct sealer **sealer);
/* Appends the sealed form to `out` (which fails sticky). A sealed record opens only for the submission it was
 * sealed for. False when a field is longer than SEALED_FIELD_MAX. Any thread. */
bool sealer_seal(const struct sealer *sealer, const struct id128 *submission, const struct personal *personal,
	struct buffer *out) MUST_CHECK;

/* Opens with the raw secret key of keys/sealing.secret. `plain` is cleared, then holds what `personal` borrows:
 * wipe it with sealed_forget() after use. False: not for this key, not for this submission, or changed. */
bool sealed_open(const uint8_t secret_key[SEALED_KEY_SIZE], const struct id128 *submission, struct bytes sealed,
	struct buffer *plain, struct personal *personal) MUST_CHECK;
void sealed_forget(struct buffer *plain);

#endif
