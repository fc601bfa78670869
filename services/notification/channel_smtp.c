#include "services/notification/channel_smtp.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CONNECT_TIMEOUT_MS = 5000,
	PHONE_BYTES_MAX = 16, /* E.164: a plus sign and 15 digits */
	PASSWORD_SIZE = 256,
	SERVICE_NOT_AVAILABLE = 421,
};
#define PHONE_WORD "{phone}"

/* How far a mail has come: whom an answer of the server is about. */
enum stage { STAGE_CONNECTION, STAGE_SENDER, STAGE_RECIPIENT, STAGE_TEXT };

struct channel_smtp {
	struct channel_smtp_options options;
	char password[PASSWORD_SIZE];
	CURL *curl;
	enum stage stage;
	struct bytes rest; /* of the mail being sent */
};

/* Addresses: what could end a header or a command is in none. */
static bool address_usable(const char *address)
{
	const char *at = strchr(address, '@');

	if (!at || at == address || at[1] == '\0' || strchr(at + 1, '@') || strlen(address) >= SMTP_ADDRESS_SIZE)
		return false;
	for (const char *c = address; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("<>()[]\\,;:\"", *c))
			return false;
	return true;
}

static bool phone_usable(struct bytes phone)
{
	if (phone.size < 2 || phone.size > PHONE_BYTES_MAX || phone.data[0] != '+')
		return false;
	for (size_t i = 1; i < phone.size; i++)
		if (phone.data[i] < '0' || phone.data[i] > '9')
			return false;
	return true;
}

bool channel_smtp_recipient(const struct channel_smtp *channel, struct bytes phone, char address[SMTP_ADDRESS_SIZE])
{
	const char *pattern = channel->options.recipient, *word = strstr(pattern, PHONE_WORD);
	int size;

	if (!word)
		size = snprintf(address, SMTP_ADDRESS_SIZE, "%s", pattern);
	else if (phone_usable(phone))
		size = snprintf(address, SMTP_ADDRESS_SIZE, "%.*s%.*s%s", (int)(word - pattern), pattern,
			(int)phone.size, (const char *)phone.data, word + strlen(PHONE_WORD));
	else
		return false;
	return size > 0 && size < SMTP_ADDRESS_SIZE && address_usable(address);
}

/* What libcurl calls ------------------------------------------------------------------------------------------------
 */

static bool starts_with(const char *data, size_t size, const char *word)
{
	return size >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

/* Sees the commands go out. Nothing of it is kept or printed. */
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
	struct channel_smtp *channel = context;

	(void)curl;
	if (type != CURLINFO_HEADER_OUT)
		return 0;
	if (starts_with(data, size, "MAIL FROM"))
		channel->stage = STAGE_SENDER;
	else if (starts_with(data, size, "RCPT TO"))
		channel->stage = STAGE_RECIPIENT;
	else if (starts_with(data, size, "DATA"))
		channel->stage = STAGE_TEXT;
	return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *context)
{
	struct channel_smtp *channel = context;
	size_t given = size * count < channel->rest.size ? size * count : channel->rest.size;

	memcpy(out, channel->rest.data, given);
	channel->rest.data += given;
	channel->rest.size -= given;
	return given;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct channel_smtp *channel = context;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return channel->stage < STAGE_TEXT && atomic_load(channel->options.stopping);
}

/* Opening and closing -----------------------------------------------------------------------------------------------
 */

static bool read_password(struct channel_smtp *channel)
{
	int fd = open(channel->options.password_file, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, channel->password, sizeof(channel->password) - 1);

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return false;
	channel->password[size] = '\0';
	channel->password[strcspn(channel->password, "\r\n")] = '\0';
	return true;
}

static bool set_up(struct channel_smtp *channel)
{
	const struct channel_smtp_options *options = &channel->options;
	CURL *curl = channel->curl;
	bool good =
		curl_easy_setopt(curl, CURLOPT_URL, options->url) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_USE_SSL, options->tls ? CURLUSESSL_ALL : CURLUSESSL_TRY) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_MAIL_FROM, options->from) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) == CURLE_OK;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, channel);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L); /* else on_debug() is not called */
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, channel);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, channel);
	if (good && options->user[0] != '\0')
		good = curl_easy_setopt(curl, CURLOPT_USERNAME, options->user) == CURLE_OK &&
		       curl_easy_setopt(curl, CURLOPT_PASSWORD, channel->password) == CURLE_OK;
	return good;
}

struct channel_smtp *channel_smtp_open(const struct channel_smtp_options *options, const char **fault)
{
	struct channel_smtp *channel = calloc(1, sizeof(*channel));
	char address[SMTP_ADDRESS_SIZE];

	*fault = "no memory";
	if (!channel)
		return NULL;
	channel->options = *options;
	channel->curl = curl_easy_init();
	if (!channel->curl)
		goto fail;
	*fault = "NOTIFICATION_SMTP_FROM is no address";
	if (!address_usable(options->from))
		goto fail;
	*fault = "NOTIFICATION_SMTP_TO is no address";
	if (!channel_smtp_recipient(channel, (struct bytes){(const uint8_t *)"+84900000000", 12}, address))
		goto fail;
	*fault = "NOTIFICATION_SMTP_PASSWORD_FILE cannot be read";
	if (options->user[0] != '\0' && !read_password(channel))
		goto fail;
	*fault = "NOTIFICATION_SMTP_URL is not usable";
	if ((strncmp(options->url, "smtp://", 7) != 0 && strncmp(options->url, "smtps://", 8) != 0) || !set_up(channel))
		goto fail;
	return channel;
fail:
	channel_smtp_close(&channel);
	return NULL;
}

void channel_smtp_close(struct channel_smtp **pointer)
{
	struct channel_smtp *channel = *pointer;

	*pointer = NULL;
	if (!channel)
		return;
	if (channel->curl)
		curl_easy_cleanup(channel->curl);
	sodium_memzero(channel->password, sizeof(channel->password));
	free(channel);
}

/* Sending -----------------------------------------------------------------------------------------------------------
 */

/* Answers about the connection or the sender are about every mail; those after RCPT about this one. */
static enum channel_result judge(enum stage stage, CURLcode result, long code)
{
	if (result == CURLE_OK)
		return CHANNEL_SENT;
	if (stage < STAGE_RECIPIENT || code == SERVICE_NOT_AVAILABLE)
		return CHANNEL_AWAY;
	return code >= 500 && code < 600 ? CHANNEL_NEVER : CHANNEL_LATER;
}

enum channel_result channel_smtp_send(
	struct channel_smtp *channel, const char *recipient, struct bytes mail, char why[SMTP_WHY_SIZE])
{
	static const char *const stages[] = {"connection", "sender", "recipient", "text"};
	struct curl_slist *recipients = curl_slist_append(NULL, recipient);
	CURLcode result = CURLE_OUT_OF_MEMORY;
	long code = 0;

	channel->stage = STAGE_CONNECTION;
	channel->rest = mail;
	if (recipients && curl_easy_setopt(channel->curl, CURLOPT_MAIL_RCPT, recipients) == CURLE_OK &&
		curl_easy_setopt(channel->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail.size) == CURLE_OK) {
		result = curl_easy_perform(channel->curl);
		curl_easy_getinfo(channel->curl, CURLINFO_RESPONSE_CODE, &code);
	}
	curl_easy_setopt(channel->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(recipients);
	snprintf(why, SMTP_WHY_SIZE, "%s %ld %s", stages[channel->stage], code, curl_easy_strerror(result));
	return judge(channel->stage, result, code);
}
