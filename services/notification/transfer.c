#include "services/notification/transfer.h"

#include "services/notification/secret_file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 5000 };

bool transfer_init(struct transfer *transfer)
{
	*transfer = (struct transfer){.curl = curl_easy_init(),
		.url.limit = TRANSFER_BODY_BYTES_MAX,
		.body.limit = TRANSFER_BODY_BYTES_MAX,
		.answer.limit = TRANSFER_ANSWER_BYTES_MAX};
	return transfer->curl;
}

static void wipe_lines(struct transfer *transfer)
{
	for (struct curl_slist *line = transfer->lines; line; line = line->next)
		sodium_memzero(line->data, strlen(line->data));
	curl_slist_free_all(transfer->lines);
	transfer->lines = NULL;
}

static void wipe(struct transfer *transfer)
{
	curl_easy_reset(transfer->curl); /* keeps connections */
	wipe_lines(transfer);
	sealed_forget(&transfer->url);
	sealed_forget(&transfer->body);
	sealed_forget(&transfer->answer);
	transfer->channel = NULL;
	transfer->rest = (struct bytes){0};
	transfer->is_cut = false;
}

void transfer_deinit(struct transfer *transfer)
{
	if (!transfer->curl)
		return;
	wipe(transfer);
	curl_easy_cleanup(transfer->curl);
	buffer_deinit(&transfer->url);
	buffer_deinit(&transfer->body);
	buffer_deinit(&transfer->answer);
}

bool transfer_add_line(struct transfer *transfer, struct buffer *line)
{
	struct curl_slist *longer;

	buffer_add(line, "", 1);
	longer = line->failed ? NULL : curl_slist_append(transfer->lines, (const char *)line->data);
	sealed_forget(line);
	if (longer)
		transfer->lines = longer;
	return longer;
}

static void set_bounds(struct transfer *transfer, const struct transfer_options *options)
{
	CURL *curl = transfer->curl;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* another host was not meant to have the number */
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(options->timeout_ms < CONNECT_TIMEOUT_MS ? options->timeout_ms : CONNECT_TIMEOUT_MS));
}

static const char *prepare(struct transfer *transfer, const struct notice *notice, const char *keys, bool *is_ours)
{
	char secret[SECRET_SIZE] = "";
	const char *fault = transfer->channel->secret ? secret_read(keys, transfer->channel->secret, secret) : NULL;

	*is_ours = fault;
	if (!fault && transfer->channel->kind == CHANNEL_SMTP)
		fault = channel_smtp_prepare(transfer, notice, secret, is_ours);
	else if (!fault && transfer->channel->kind == CHANNEL_WEBHOOK)
		fault = channel_webhook_prepare(transfer, notice, secret, is_ours);
	else if (!fault)
		fault = channel_http_prepare(transfer, notice, secret, is_ours);
	sodium_memzero(secret, sizeof(secret));
	return fault;
}

bool transfer_begin(struct transfer *transfer, const struct notice_channel *channel, const struct notice *notice,
	const struct transfer_options *options, struct transfer_outcome *outcome)
{
	bool is_ours;
	const char *fault;

	wipe(transfer);
	transfer->channel = channel;
	transfer->stopping = options->stopping;
	set_bounds(transfer, options);
	fault = prepare(transfer, notice, options->keys, &is_ours);
	if (!fault)
		return true;
	*outcome = (struct transfer_outcome){.result = is_ours ? CHANNEL_AWAY : CHANNEL_NEVER, .is_for_all = is_ours};
	snprintf(outcome->why, sizeof(outcome->why), "%s", fault);
	wipe(transfer);
	return false;
}

void transfer_end(struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome)
{
	*outcome = (struct transfer_outcome){.result = CHANNEL_LATER};
	if (transfer->channel->kind == CHANNEL_SMTP)
		channel_smtp_judge(transfer, code, outcome);
	else
		channel_http_judge(transfer, code, outcome);
	wipe(transfer);
}
