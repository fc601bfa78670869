/* A notice as a mail. */
#include "services/notification/mail.h"
#include "services/notification/transfer.h"

#include "common/runtime/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SERVICE_NOT_AVAILABLE = 421 };
#define PHONE_WORD "{phone}"

bool channel_smtp_recipient(const char *pattern, const char *address, char recipient[NOTICE_ADDRESS_BYTES_MAX + 1])
{
	const char *word = pattern ? strstr(pattern, PHONE_WORD) : NULL;
	size_t most = NOTICE_ADDRESS_BYTES_MAX + 1;
	int size;

	if (notice_mail_address(address))
		size = snprintf(recipient, most, "%s", address);
	else if (pattern && !word)
		size = snprintf(recipient, most, "%s", pattern);
	else if (word && notice_phone_usable(address))
		size = snprintf(recipient, most, "%.*s%s%s", (int)(word - pattern), pattern, address,
			word + strlen(PHONE_WORD));
	else
		return false;
	return size > 0 && (size_t)size < most && notice_mail_address(recipient);
}

/* What libcurl calls ----------------------------------------------------------------------------------------------- */

static bool starts_with(const char *data, size_t size, const char *word)
{
	return size >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

/* Sees the commands go out. Nothing of it is kept or printed. */
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
	struct transfer *transfer = context;

	(void)curl;
	if (type != CURLINFO_HEADER_OUT)
		return 0;
	if (starts_with(data, size, "MAIL FROM"))
		transfer->stage = STAGE_SENDER;
	else if (starts_with(data, size, "RCPT TO"))
		transfer->stage = STAGE_RECIPIENT;
	else if (starts_with(data, size, "DATA"))
		transfer->stage = STAGE_TEXT;
	return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t given = size * count < transfer->rest.size ? size * count : transfer->rest.size;

	if (given > 0)
		memcpy(out, transfer->rest.data, given);
	transfer->rest.data += given;
	transfer->rest.size -= given;
	return given;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *transfer = context;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return transfer->stage < STAGE_TEXT && atomic_load(transfer->stopping);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static bool set_up(struct transfer *transfer, const char *secret)
{
	const struct notice_channel *channel = transfer->channel;
	CURL *curl = transfer->curl;
	bool good = curl_easy_setopt(curl, CURLOPT_URL, channel->url) == CURLE_OK &&
		    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
		    curl_easy_setopt(curl, CURLOPT_USE_SSL, channel->cleartext ? CURLUSESSL_TRY : CURLUSESSL_ALL) ==
			    CURLE_OK &&
		    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, channel->from) == CURLE_OK &&
		    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, transfer->lines) == CURLE_OK;

	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->rest.size);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L); /* else on_debug() is not called */
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	if (good && channel->user)
		good = curl_easy_setopt(curl, CURLOPT_USERNAME, channel->user) == CURLE_OK &&
		       curl_easy_setopt(curl, CURLOPT_PASSWORD, secret) == CURLE_OK;
	return good;
}

const char *channel_smtp_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours)
{
	CLEANUP(buffer_deinit) struct buffer line = {0};
	char recipient[NOTICE_ADDRESS_BYTES_MAX + 1];

	*is_ours = false;
	if (!channel_smtp_recipient(transfer->channel->to, notice->address, recipient))
		return "its phone number makes no address";
	mail_write(&(struct mail){.id = notice->id,
			   .from = transfer->channel->from,
			   .to = recipient,
			   .subject = buffer_bytes(&notice->subject),
			   .text = buffer_bytes(&notice->text),
			   .now_us = clock_now_us()},
		&transfer->body);
	buffer_text(&line, recipient);
	sodium_memzero(recipient, sizeof(recipient));
	transfer->stage = STAGE_CONNECTION;
	transfer->rest = buffer_bytes(&transfer->body);
	*is_ours = true;
	if (transfer->body.failed || !transfer_add_line(transfer, &line))
		return "no memory";
	return set_up(transfer, secret) ? NULL : "its settings are not usable";
}

/* Answers about the connection or the sender are about every mail; those after RCPT about this one. */
void channel_smtp_judge(const struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome)
{
	static const char *const STAGES[] = {"connection", "sender", "recipient", "text"};
	long answer = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &answer);
	snprintf(outcome->why, sizeof(outcome->why), "%s %ld %s", STAGES[transfer->stage], answer,
		curl_easy_strerror(code));
	if (code == CURLE_OK)
		outcome->result = CHANNEL_SENT;
	else if (transfer->stage < STAGE_RECIPIENT || answer == SERVICE_NOT_AVAILABLE)
		outcome->result = CHANNEL_AWAY;
	else
		outcome->result = answer >= 500 && answer < 600 ? CHANNEL_NEVER : CHANNEL_LATER;
}
