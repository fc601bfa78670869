/* A notice as the request that a gateway to SMS or Zalo wants: all of it is the campaign's data. */
#include "services/notification/transfer.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

enum {
	STATUS_UNAUTHORIZED = 401,
	STATUS_PROXY_LOGIN = 407,
	STATUS_TIMEOUT = 408,
	STATUS_TOO_EARLY = 425,
	STATUS_TOO_MANY = 429,
	STATUS_UNAVAILABLE = 503,
	RETRY_AFTER_MOST_S = 24 * 3600,
	PATH_PARTS_MAX = 16,
	FIELD_BYTES_MAX = 256,
};

/* The request ------------------------------------------------------------------------------------------------------ */

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t room = TRANSFER_ANSWER_BYTES_MAX - transfer->answer.size;

	transfer->is_cut = size * count > room;
	buffer_add(&transfer->answer, data, transfer->is_cut ? room : size * count);
	return transfer->is_cut ? 0 : size * count; /* 0: enough was read */
}

bool channel_http_set(struct transfer *transfer, const char *method)
{
	CURL *curl = transfer->curl;
	bool get = strcmp(method, "GET") == 0;

	buffer_add(&transfer->url, "", 1);
	if (transfer->url.failed || transfer->body.failed)
		return false;
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "sangkien");
	/* A body has a place of its own: libcurl would wait for "100 Continue" for a long one. */
	struct curl_slist *longer = curl_slist_append(transfer->lines, "Expect:");
	if (!longer)
		return false;
	transfer->lines = longer;
	if (!get) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
		curl_easy_setopt(
			curl, CURLOPT_POSTFIELDS, transfer->body.size > 0 ? (const char *)transfer->body.data : "");
	}
	return curl_easy_setopt(curl, CURLOPT_URL, transfer->url.data) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->lines) == CURLE_OK;
}

static bool add_headers(struct transfer *transfer, const struct values *values)
{
	const struct notice_channel *channel = transfer->channel;
	CLEANUP(buffer_deinit) struct buffer line = {0};

	if (channel->json || channel->form) {
		buffer_format(&line, "Content-Type: %s",
			channel->json ? "application/json" : "application/x-www-form-urlencoded");
		if (!transfer_add_line(transfer, &line))
			return false;
	}
	for (size_t i = 0; i < channel->header_count; i++) {
		buffer_format(&line, "%s: ", channel->headers[i].name);
		values_expand(values, channel->headers[i].value, ESCAPE_HEADER, &line);
		if (!transfer_add_line(transfer, &line))
			return false;
	}
	return true;
}

static void write_body(struct transfer *transfer, const struct values *values)
{
	const struct notice_channel *channel = transfer->channel;

	if (channel->json)
		values_expand(values, channel->json, ESCAPE_JSON, &transfer->body);
	for (size_t i = 0; i < channel->form_count; i++) {
		const struct notice_field *field = &channel->form[i];
		CLEANUP(buffer_deinit) struct buffer value = {.limit = TRANSFER_BODY_BYTES_MAX};

		buffer_text(&transfer->body, i == 0 ? "" : "&");
		values_escape((struct bytes){(const uint8_t *)field->name, strlen(field->name)}, ESCAPE_FORM,
			&transfer->body);
		buffer_text(&transfer->body, "=");
		values_expand(values, field->value, ESCAPE_NONE, &value);
		values_escape(buffer_bytes(&value), ESCAPE_FORM, &transfer->body);
		transfer->body.failed |= value.failed;
		sealed_forget(&value);
	}
}

/* {phone}, {phone_digits} or {phone_local}. */
static bool names_phone(const char *pattern)
{
	size_t at = 0, size;

	for (; pattern && notice_variable_next(pattern, &at, &size); at += size)
		if (strncmp(pattern + at + 1, "phone", strlen("phone")) == 0)
			return true;
	return false;
}

static bool needs_phone(const struct notice_channel *channel)
{
	bool needs = names_phone(channel->url) || names_phone(channel->json);

	for (size_t i = 0; i < channel->form_count; i++)
		needs |= names_phone(channel->form[i].value);
	return needs;
}

const char *channel_http_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours)
{
	struct values values = notice->values;

	*is_ours = false;
	if (needs_phone(transfer->channel) && values_get(&values, "phone", strlen("phone")).size == 0)
		return "its address is of mail, and this gateway wants a number";
	values_set_text(&values, "secret", secret);
	*is_ours = true;
	values_expand(&values, transfer->channel->url, ESCAPE_URL, &transfer->url);
	write_body(transfer, &values);
	if (!add_headers(transfer, &values) || !channel_http_set(transfer, transfer->channel->method))
		return "no memory, or its settings are not usable";
	return NULL;
}

/* The answer ------------------------------------------------------------------------------------------------------- */

/* Finds "data.code"; the text of a number is the answer's own. False: it is not there. */
static bool find_field(const char *answer, const char *path, char field[FIELD_BYTES_MAX])
{
	const char *parts[PATH_PARTS_MAX + 1] = {NULL}, *text = NULL;
	char *copy = strdup(path), *rest = copy;
	yajl_val tree = yajl_tree_parse(answer, NULL, 0), value = NULL;

	for (size_t i = 0; copy && i < PATH_PARTS_MAX && rest; i++)
		parts[i] = strsep(&rest, ".");
	if (tree && copy && !rest)
		value = yajl_tree_get(tree, parts, yajl_t_any);
	if (value)
		text = YAJL_IS_STRING(value)   ? YAJL_GET_STRING(value)
		       : YAJL_IS_NUMBER(value) ? YAJL_GET_NUMBER(value)
		       : YAJL_IS_TRUE(value)   ? "true"
		       : YAJL_IS_FALSE(value)  ? "false"
		       : YAJL_IS_NULL(value)   ? "null"
					       : NULL;
	if (text)
		snprintf(field, FIELD_BYTES_MAX, "%s", text);
	yajl_tree_free(tree);
	free(copy);
	return text;
}

/* The campaign's file was read with it, so it compiles; without memory nothing matches. */
static bool matches(const char *pattern, const char *text)
{
	regex_t regex;
	bool found;

	if (!pattern || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static void judge_text(
	const struct transfer *transfer, const char *answer, long status, struct transfer_outcome *outcome)
{
	const struct notice_channel *channel = transfer->channel;
	char field[FIELD_BYTES_MAX] = "";
	bool there = !channel->answer_field || find_field(answer, channel->answer_field, field);
	const char *text = channel->answer_field ? field : answer;

	if (there && matches(channel->answer_matches, text)) {
		outcome->result = CHANNEL_SENT;
		return;
	}
	outcome->result = there && matches(channel->answer_final, text) ? CHANNEL_NEVER : CHANNEL_LATER;
	snprintf(outcome->why, sizeof(outcome->why), "%ld, %s", status,
		there ? "but its answer says no success" : "but its answer has no such field");
}

static void judge_success(const struct transfer *transfer, long status, struct transfer_outcome *outcome)
{
	char *answer;

	outcome->result = CHANNEL_SENT;
	if (!transfer->channel->answer_matches)
		return;
	answer = strndup(transfer->answer.size > 0 ? (const char *)transfer->answer.data : "", transfer->answer.size);
	if (!answer) {
		outcome->result = CHANNEL_LATER;
		return;
	}
	judge_text(transfer, answer, status, outcome);
	explicit_bzero(answer, strlen(answer));
	free(answer);
}

/* "Retry-After", as seconds or as a date. */
static void take_retry_after(const struct transfer *transfer, struct transfer_outcome *outcome)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
		return;
	if (seconds > RETRY_AFTER_MOST_S)
		seconds = RETRY_AFTER_MOST_S;
	outcome->retry_after_ms = (uint32_t)seconds * 1000;
}

static void judge_status(const struct transfer *transfer, long status, struct transfer_outcome *outcome)
{
	snprintf(outcome->why, sizeof(outcome->why), "status %ld%s", status,
		status >= 300 && status < 400 ? ", and redirects are not followed" : "");
	if (status == STATUS_UNAUTHORIZED || status == STATUS_PROXY_LOGIN) {
		outcome->result = CHANNEL_AWAY; /* it refuses us, not this notice */
	} else if (status == STATUS_TOO_MANY || status == STATUS_TIMEOUT || status == STATUS_TOO_EARLY ||
		   status >= 500) {
		outcome->result = CHANNEL_LATER;
		take_retry_after(transfer, outcome);
		outcome->is_for_all =
			outcome->retry_after_ms > 0 && (status == STATUS_TOO_MANY || status == STATUS_UNAVAILABLE);
	} else {
		outcome->result = CHANNEL_NEVER;
	}
}

/* Was anything of the request sent? Else nobody has it, whatever the error is. */
static bool was_sent(const struct transfer *transfer)
{
	long sent = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_REQUEST_SIZE, &sent);
	return sent > 0;
}

void channel_http_judge(const struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome)
{
	const struct notice_channel *channel = transfer->channel;
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= channel->status_from && status <= channel->status_to) {
		judge_success(transfer, status, outcome);
	} else if (status >= 200) {
		judge_status(transfer, status, outcome);
	} else {
		snprintf(outcome->why, sizeof(outcome->why), "no answer: %s", curl_easy_strerror(code));
		outcome->result = was_sent(transfer) ? CHANNEL_LATER : CHANNEL_AWAY;
	}
}
