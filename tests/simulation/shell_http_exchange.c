/* common/runtime/http.h: what a handler reads of a request, and its answer. */
#include "tests/simulation/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The request ----------------------------------------------------------------------------------------------------- */

const char *http_method(const struct http_exchange *exchange)
{
	return exchange->wish->method;
}

const char *http_path_value(const struct http_exchange *exchange, const char *name)
{
	for (size_t i = 0; i < exchange->value_count; i++)
		if (strcmp(exchange->names[i], name) == 0)
			return exchange->values[i];
	return NULL;
}

const char *http_query(const struct http_exchange *exchange, const char *name)
{
	static char found[64];
	const char *at = strchr(exchange->wish->path, '?');
	size_t size = strlen(name);

	for (; at; at = strchr(at, '&'))
		if (strncmp(++at, name, size) == 0 && at[size] == '=') {
			snprintf(found, sizeof(found), "%.*s", (int)strcspn(at + size + 1, "&"), at + size + 1);
			return strdup(found);
		}
	return NULL;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
	if (strcmp(name, "Idempotency-Key") == 0)
		return exchange->wish->key;
	return strcmp(name, "Authorization") == 0 ? exchange->wish->authorization : NULL;
}

const char *http_header_nth(const struct http_exchange *exchange, const char *name, uint32_t nth)
{
	return nth == 0 ? http_header(exchange, name) : NULL;
}

struct bytes http_body(const struct http_exchange *exchange)
{
	return (struct bytes){(const uint8_t *)exchange->wish->body, strlen(exchange->wish->body)};
}

int64_t http_received_at(const struct http_exchange *exchange)
{
	return exchange->received_at;
}

const char *http_request_id(const struct http_exchange *exchange)
{
	(void)exchange;
	return "simulated";
}

bool http_prefers_english(const struct http_exchange *exchange)
{
	(void)exchange;
	return true;
}

void http_set_state(struct http_exchange *exchange, void *state)
{
	exchange->state = state;
}

void *http_state(const struct http_exchange *exchange)
{
	return exchange->state;
}

http_ticket http_ticket_of(const struct http_exchange *exchange)
{
	return exchange->ticket;
}

struct http_server *http_server_of(const struct http_exchange *exchange)
{
	return exchange->server;
}

/* The answer ------------------------------------------------------------------------------------------------------ */

void http_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	(void)exchange;
	(void)name;
	(void)value;
}

void http_answer(struct http_exchange *exchange, int status, const char *content_type, struct bytes body)
{
	(void)content_type;
	machine_step("an answer");
	exchange_answer(exchange, status, body);
}

void http_problem(struct http_exchange *exchange, int status, const char *type, const char *title, const char *detail,
	struct bytes errors)
{
	(void)title;
	(void)detail;
	(void)errors;
	http_answer(exchange, status, "", (struct bytes){(const uint8_t *)type, strlen(type)});
}

/* Streams are not simulated: no client here asks for one. */
void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type)
{
	(void)exchange;
	(void)status;
	(void)content_type;
	world_fail("a stream was begun");
}

bool http_stream_send(struct http_exchange *exchange, struct bytes piece)
{
	(void)exchange;
	(void)piece;
	return false;
}

void http_stream_end(struct http_exchange *exchange)
{
	(void)exchange;
}

bool http_stream_spool(struct http_exchange *exchange)
{
	(void)exchange;
	return false;
}

void http_pause(struct http_exchange *exchange)
{
	(void)exchange;
}

void http_resume(struct http_exchange *exchange)
{
	(void)exchange;
}

struct http_shared *http_shared_new(struct bytes data)
{
	(void)data;
	return malloc(1); /* shared by streams, of which there are none */
}

bool http_stream_share(struct http_exchange *exchange, struct http_shared *shared)
{
	(void)exchange;
	(void)shared;
	return false;
}

void http_shared_release(struct http_shared **shared)
{
	*shared = NULL;
}
