#include "services/control/batch_client.h"

#include "common/runtime/clock.h"
#include "services/control/arguments.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTIONS_MAX = 16,
	CHUNK_BYTES_MAX = 4 << 20,
	ANSWER_BYTES_MAX = 8 << 20,
	RETRY_WAIT_MS = 500,
	REQUEST_S = 300
};

struct chunk {
	CURL *request; /* NULL: idle */
	struct curl_slist *headers;
	struct buffer body, answer;
	uint32_t lines;
	uint64_t number;
	int64_t first_sent_ms, retry_at_ms; /* retry_at 0: under way */
};

struct batch_client {
	struct batch_client_options options;
	char *url;
	CURLM *multi;
	struct chunk chunks[CONNECTIONS_MAX];
	struct chunk *filling; /* being filled by batch_send(), NULL: none */
	uint64_t next_number;
	struct batch_tally tally;
	bool gave_up;
};

static size_t take_answer(char *data, size_t size, size_t count, void *chunk)
{
	buffer_add(&((struct chunk *)chunk)->answer, data, size * count);
	return size * count;
}

struct batch_client *batch_client_open(const struct batch_client_options *options)
{
	assert(options->connections >= 1 && options->connections <= CONNECTIONS_MAX && options->chunk_lines >= 1);
	struct batch_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return NULL;
	client->options = *options;
	client->multi = curl_multi_init();
	if (client->multi == NULL || asprintf(&client->url, "%s/v1/campaigns/%s/submissions:batch", options->address,
					     options->campaign) < 0) {
		batch_client_close(&client);
		return NULL;
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		client->chunks[i].answer.limit = ANSWER_BYTES_MAX;
	return client;
}

static void release_request(struct batch_client *client, struct chunk *chunk)
{
	if (chunk->request != NULL) {
		curl_multi_remove_handle(client->multi, chunk->request);
		curl_easy_cleanup(chunk->request);
	}
	curl_slist_free_all(chunk->headers);
	chunk->request = NULL;
	chunk->headers = NULL;
}

void batch_client_close(struct batch_client **client)
{
	struct batch_client *gone = *client;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		release_request(gone, &gone->chunks[i]);
		buffer_deinit(&gone->chunks[i].body);
		buffer_deinit(&gone->chunks[i].answer);
	}
	curl_multi_cleanup(gone->multi);
	free(gone->url);
	free(gone);
	*client = NULL;
}

static void add_header(struct chunk *chunk, const char *format, ...) PRINTF_LIKE(2, 3);
static void add_header(struct chunk *chunk, const char *format, ...)
{
	char line[512];
	va_list values;
	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	chunk->headers = curl_slist_append(chunk->headers, line);
}

static void start_request(struct batch_client *client, struct chunk *chunk)
{
	buffer_clear(&chunk->answer);
	chunk->retry_at_ms = 0;
	chunk->request = curl_easy_init();
	assert(chunk->request != NULL);
	add_header(chunk, "Authorization: Bearer %s", client->options.token);
	add_header(chunk, "Idempotency-Key: %s-%llu", client->options.key, (unsigned long long)chunk->number);
	add_header(chunk, "Content-Type: application/x-ndjson");
	add_header(chunk, "Accept-Language: en");
	add_header(chunk, "Expect:");
	curl_easy_setopt(chunk->request, CURLOPT_URL, client->url);
	curl_easy_setopt(chunk->request, CURLOPT_HTTPHEADER, chunk->headers);
	curl_easy_setopt(chunk->request, CURLOPT_POSTFIELDS, (const char *)chunk->body.data);
	curl_easy_setopt(chunk->request, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)chunk->body.size);
	curl_easy_setopt(chunk->request, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(chunk->request, CURLOPT_WRITEDATA, chunk);
	curl_easy_setopt(chunk->request, CURLOPT_TIMEOUT, (long)REQUEST_S);
	curl_easy_setopt(chunk->request, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(chunk->request, CURLOPT_PRIVATE, chunk);
	curl_multi_add_handle(client->multi, chunk->request);
}

/* "status":N of one answer line; 0 when it has none. */
static uint32_t line_status(struct bytes line)
{
	static const char WORD[] = "\"status\":";
	const char *found = memmem(line.data, line.size, WORD, sizeof(WORD) - 1);
	const char *rest;
	uint32_t status;
	return found != NULL && number_read(found + sizeof(WORD) - 1, &rest, 100, 599, &status) ? status : 0;
}

/* Counts one answer line; false when it says that this line should be sent again. */
static bool count_line(struct bytes line, struct batch_tally *chunk_tally)
{
	uint32_t status = line_status(line);
	if (status >= 200 && status < 300) {
		chunk_tally->accepted++;
		return true;
	}
	if (status == 503 || status == 504 || status == 429)
		return false;
	if (chunk_tally->refused++ == 0)
		snprintf(chunk_tally->first_refusal, sizeof(chunk_tally->first_refusal), "%.*s",
			(int)(line.size < 500 ? line.size : 500), (const char *)line.data);
	return true;
}

/* The answer has a final line for each line sent. */
static bool count_answer(const struct chunk *chunk, struct batch_tally *chunk_tally)
{
	struct bytes rest = buffer_bytes(&chunk->answer);
	uint32_t lines = 0;
	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		if (end == NULL || !count_line((struct bytes){rest.data, (size_t)(end - rest.data)}, chunk_tally))
			return false;
		lines++;
		rest.size -= (size_t)(end + 1 - rest.data);
		rest.data = end + 1;
	}
	return lines == chunk->lines;
}

static void try_again_later(struct batch_client *client, struct chunk *chunk, const char *why)
{
	int64_t now = clock_monotonic_ms();
	if (now - chunk->first_sent_ms > (int64_t)client->options.patience_s * 1000) {
		fprintf(stderr, "\nsangkien: gave up sending after %u s: %s\n", client->options.patience_s, why);
		client->gave_up = true;
	}
	client->tally.resent++;
	chunk->retry_at_ms = now + RETRY_WAIT_MS;
}

/* A whole request may be refused for good (401, 403, 404): that never mends itself. */
static void refuse_whole(struct batch_client *client, const struct chunk *chunk, long status)
{
	fprintf(stderr, "\nsangkien: the batch call answers %ld: %.*s\n", status, (int)chunk->answer.size,
		(const char *)chunk->answer.data);
	client->gave_up = true;
}

static void end_request(struct batch_client *client, struct chunk *chunk, CURLcode result)
{
	long status = 0;
	struct batch_tally counted = {0};
	curl_easy_getinfo(chunk->request, CURLINFO_RESPONSE_CODE, &status);
	release_request(client, chunk);
	if (result != CURLE_OK) {
		try_again_later(client, chunk, curl_easy_strerror(result));
	} else if (status >= 400 && status < 500 && status != 408 && status != 429) {
		refuse_whole(client, chunk, status);
	} else if (status != 200 || !count_answer(chunk, &counted)) {
		try_again_later(client, chunk, "the answer was not complete");
	} else {
		client->tally.accepted += counted.accepted;
		if (client->tally.refused == 0)
			memcpy(client->tally.first_refusal, counted.first_refusal, sizeof(counted.first_refusal));
		client->tally.refused += counted.refused;
		chunk->lines = 0;
	}
}

/* Lets libcurl work for at most `wait_ms`; ends what is answered, starts what is to be sent again. */
static void turn(struct batch_client *client, int wait_ms)
{
	int running, left;
	curl_multi_perform(client->multi, &running);
	for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
		struct chunk *chunk = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &chunk);
		end_request(client, chunk, message->data.result);
	}
	for (size_t i = 0; i < client->options.connections; i++) {
		struct chunk *chunk = &client->chunks[i];
		if (chunk->lines > 0 && chunk != client->filling && chunk->request == NULL &&
			clock_monotonic_ms() >= chunk->retry_at_ms)
			start_request(client, chunk);
	}
	curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
}

static struct chunk *find_idle(struct batch_client *client)
{
	for (size_t i = 0; i < client->options.connections; i++)
		if (client->chunks[i].lines == 0)
			return &client->chunks[i];
	return NULL;
}

static void dispatch_filling(struct batch_client *client)
{
	struct chunk *chunk = client->filling;
	client->filling = NULL;
	chunk->first_sent_ms = clock_monotonic_ms();
	start_request(client, chunk);
	turn(client, 0);
}

bool batch_send(struct batch_client *client, struct bytes line)
{
	while (client->filling == NULL && !client->gave_up) {
		client->filling = find_idle(client);
		if (client->filling == NULL) {
			turn(client, 100);
			continue;
		}
		client->filling->number = client->next_number++;
		buffer_clear(&client->filling->body);
	}
	if (client->gave_up)
		return false;
	struct chunk *chunk = client->filling;
	buffer_add(&chunk->body, line.data, line.size);
	buffer_add(&chunk->body, "\n", 1);
	chunk->lines++;
	client->tally.sent++;
	if (chunk->lines == client->options.chunk_lines || chunk->body.size >= CHUNK_BYTES_MAX)
		dispatch_filling(client);
	return !chunk->body.failed;
}

bool batch_finish(struct batch_client *client)
{
	if (client->filling != NULL && client->filling->lines > 0)
		dispatch_filling(client);
	client->filling = NULL;
	for (bool busy = true; busy && !client->gave_up;) {
		busy = false;
		for (size_t i = 0; i < client->options.connections; i++)
			busy = busy || client->chunks[i].lines > 0;
		if (busy)
			turn(client, 100);
	}
	return !client->gave_up;
}

const struct batch_tally *batch_tally(const struct batch_client *client)
{
	return &client->tally;
}
