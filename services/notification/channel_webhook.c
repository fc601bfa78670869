/* A notice as a signed request by Standard Webhooks (https://www.standardwebhooks.com): webhook-id, webhook-timestamp
 * and webhook-signature, which is HMAC-SHA256 over "id.timestamp.body". */
#include "services/notification/transfer.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES_MAX = 256, SIGNATURES_MAX = 4 };
#define SECRET_START "whsec_"

static void add_member(struct buffer *out, const char *name, struct bytes text)
{
	buffer_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
	buffer_json(out, text);
}

/* {"type","timestamp","data":{…}}; the same for every attempt, so that it can be compared. */
static void write_body(const struct notice *notice, struct buffer *out)
{
	/* `text` and the like last, so that a reader sees what it is about first. */
	static const char *const WORDS[] = {"campaign", "unit", "unit_name", "tracking_code", "status", "received_at",
		"decided_at", "period", "what", "counted", "target", "percent", "days_left", "projected", "address",
		"subject", "text", "short"};
	char at[CLOCK_TEXT_SIZE];

	clock_format_instant(notice->created_at, at);
	buffer_format(
		out, "{\"type\":\"notice.%s\",\"timestamp\":\"%s\",\"data\":{", notice_event_name(notice->event), at);
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS) && !out->failed; i++) {
		struct bytes text = values_get(&notice->values, WORDS[i], strlen(WORDS[i]));
		if (text.size > 0)
			add_member(out, strcmp(WORDS[i], "address") == 0 ? "to" : WORDS[i], text);
	}
	buffer_text(out, "}}");
}

/* One line of the secret: "whsec_" and the key in base64. */
static bool add_signature(
	struct buffer *header, const char *line, size_t size, const char *signed_start, struct bytes body)
{
	uint8_t key[KEY_BYTES_MAX], mac[crypto_auth_hmacsha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(crypto_auth_hmacsha256_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	crypto_auth_hmacsha256_state state;
	size_t start = strlen(SECRET_START), key_size;

	if (size <= start || memcmp(line, SECRET_START, start) != 0 ||
		sodium_base642bin(key, sizeof(key), line + start, size - start, NULL, &key_size, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	crypto_auth_hmacsha256_init(&state, key, key_size);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)signed_start, strlen(signed_start));
	crypto_auth_hmacsha256_update(&state, body.data, body.size);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(&state, sizeof(state));
	buffer_format(header, " v1,%s",
		sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL));
	return key_size > 0;
}

/* A secret that is being changed has two lines: either may still be, or already be, the receiver's. */
static bool sign(struct buffer *header, const char *secret, const char *signed_start, struct bytes body)
{
	size_t lines = 0;

	buffer_text(header, "webhook-signature:");
	for (size_t size; *secret != '\0'; secret += size + (secret[size] == '\n')) {
		size = strcspn(secret, "\n");
		if (lines++ == SIGNATURES_MAX || !add_signature(header, secret, size, signed_start, body))
			return false;
	}
	return lines > 0;
}

static bool add_headers(struct transfer *transfer, const struct notice *notice, int64_t at)
{
	CLEANUP(buffer_deinit) struct buffer line = {0};

	buffer_text(&line, "Content-Type: application/json");
	if (!transfer_add_line(transfer, &line))
		return false;
	buffer_format(&line, "webhook-id: %s", notice->id_text);
	if (!transfer_add_line(transfer, &line))
		return false;
	buffer_format(&line, "webhook-timestamp: %" PRId64, at);
	return transfer_add_line(transfer, &line);
}

const char *channel_webhook_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours)
{
	CLEANUP(buffer_deinit) struct buffer signature = {0};
	int64_t now = clock_now_us() / 1000000;
	char start[sizeof(notice->id_text) + 32];

	*is_ours = true;
	snprintf(start, sizeof(start), "%s.%" PRId64 ".", notice->id_text, now);
	write_body(notice, &transfer->body);
	buffer_text(&transfer->url, transfer->channel->url);
	if (transfer->body.failed || !add_headers(transfer, notice, now))
		return "no memory";
	if (!sign(&signature, secret, start, buffer_bytes(&transfer->body)))
		return "its secret is no \"whsec_\" and base64";
	if (!transfer_add_line(transfer, &signature) || !channel_http_set(transfer, "POST"))
		return "no memory";
	return NULL;
}
