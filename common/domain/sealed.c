#include "common/domain/sealed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEALED_VERSION = 1,
	NONCE_AT = 1 + crypto_box_PUBLICKEYBYTES,
	BOX_AT = NONCE_AT + crypto_box_NONCEBYTES,
	FIELD_COUNT = 3,
	PLAIN_MAX = ID128_SIZE + FIELD_COUNT * (2 + SEALED_FIELD_MAX),
};
_Static_assert(SEALED_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "the public key is crypto_box's");
_Static_assert(SEALED_KEY_SIZE == crypto_box_SECRETKEYBYTES, "the secret key is crypto_box's");

struct sealer {
	uint8_t public_key[crypto_box_PUBLICKEYBYTES]; /* of this process; its secret half is forgotten at once */
	uint8_t shared[crypto_box_BEFORENMBYTES];
};

struct sealer *sealer_new(const uint8_t public_key[SEALED_KEY_SIZE])
{
	uint8_t secret_key[crypto_box_SECRETKEYBYTES];
	struct sealer *sealer = sodium_init() < 0 ? NULL : calloc(1, sizeof(*sealer));
	if (sealer == NULL)
		return NULL;
	crypto_box_keypair(sealer->public_key, secret_key);
	if (crypto_box_beforenm(sealer->shared, public_key, secret_key) != 0)
		sealer_free(&sealer);
	sodium_memzero(secret_key, sizeof(secret_key));
	return sealer;
}

void sealer_free(struct sealer **sealer)
{
	if (*sealer != NULL)
		sodium_memzero(*sealer, sizeof(**sealer));
	free(*sealer);
	*sealer = NULL;
}

static size_t put_field(uint8_t *at, struct bytes field)
{
	at[0] = (uint8_t)(field.size >> 8);
	at[1] = (uint8_t)field.size;
	if (field.size > 0)
		memcpy(at + 2, field.data, field.size);
	return 2 + field.size;
}

bool sealer_seal(const struct sealer *sealer, const struct id128 *submission, const struct personal *personal,
	struct buffer *out)
{
	const struct bytes fields[FIELD_COUNT] = {personal->full_name, personal->phone, personal->national_id};
	uint8_t plain[PLAIN_MAX], nonce[crypto_box_NONCEBYTES], box[PLAIN_MAX + crypto_box_MACBYTES];
	size_t size = ID128_SIZE;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].size > SEALED_FIELD_MAX)
			return false;
	}
	memcpy(plain, submission->octet, ID128_SIZE);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		size += put_field(plain + size, fields[i]);
	randombytes_buf(nonce, sizeof(nonce));
	crypto_box_easy_afternm(box, plain, size, nonce, sealer->shared);
	sodium_memzero(plain, size);
	buffer_add(out, &(uint8_t){SEALED_VERSION}, 1);
	buffer_add(out, sealer->public_key, sizeof(sealer->public_key));
	buffer_add(out, nonce, sizeof(nonce));
	buffer_add(out, box, size + crypto_box_MACBYTES);
	return true;
}

static bool take_field(struct bytes *rest, struct bytes *field)
{
	if (rest->size < 2)
		return false;
	field->size = (size_t)rest->data[0] << 8 | rest->data[1];
	field->data = rest->data + 2;
	if (rest->size - 2 < field->size)
		return false;
	rest->data += 2 + field->size;
	rest->size -= 2 + field->size;
	return true;
}

bool sealed_open(const uint8_t secret_key[SEALED_KEY_SIZE], const struct id128 *submission, struct bytes sealed,
	struct buffer *plain, struct personal *personal)
{
	uint8_t opened[PLAIN_MAX];
	if (sealed.size < BOX_AT + crypto_box_MACBYTES + ID128_SIZE ||
		sealed.size > BOX_AT + crypto_box_MACBYTES + PLAIN_MAX || sealed.data[0] != SEALED_VERSION)
		return false;
	size_t size = sealed.size - BOX_AT - crypto_box_MACBYTES;
	bool ok = crypto_box_open_easy(opened, sealed.data + BOX_AT, sealed.size - BOX_AT, sealed.data + NONCE_AT,
			  sealed.data + 1, secret_key) == 0 &&
		  memcmp(opened, submission->octet, ID128_SIZE) == 0;
	buffer_clear(plain);
	if (ok)
		buffer_add(plain, opened + ID128_SIZE, size - ID128_SIZE);
	sodium_memzero(opened, size);
	struct bytes rest = buffer_bytes(plain);
	return ok && !plain->failed && take_field(&rest, &personal->full_name) && take_field(&rest, &personal->phone) &&
	       take_field(&rest, &personal->national_id) && rest.size == 0;
}

void sealed_forget(struct buffer *plain)
{
	if (plain->data != NULL)
		sodium_memzero(plain->data, plain->capacity);
	buffer_clear(plain);
}
