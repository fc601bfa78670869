/* An HTTP/1.1 server: epoll in a thread of its own, http_parser for the grammar, all bounded.
 * Handlers run on that thread and must not block; an answer may be given later, from the same thread
 * (other threads send through a mailbox, see http_on_letter). */
#ifndef SANGKIEN_RUNTIME_HTTP_H
#define SANGKIEN_RUNTIME_HTTP_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"
#include "common/runtime/mailbox.h"
#include "common/runtime/metrics.h"

struct http_server;
struct http_exchange; /* one request and its answer; valid until answered or its client has gone */

/* Survives the exchange: http_find() gives NULL once it is over. */
typedef uint64_t http_ticket;

struct http_limits {
	uint32_t connections_max;   /* beyond it new ones wait in the backlog */
	uint32_t header_bytes_max;  /* 431 */
	uint32_t header_timeout_ms; /* whole header: closed */
	uint32_t idle_timeout_ms;   /* between two requests: closed; longer than a proxy before us keeps connections */
	uint32_t body_timeout_ms;   /* whole body: 408 */
	uint32_t write_timeout_ms;  /* a client that reads nothing is cut off */
	uint32_t stream_bytes_max;  /* unsent bytes of a stream before its client is cut off */
};
extern const struct http_limits HTTP_LIMITS_STANDARD;

typedef void http_handler(struct http_exchange *exchange, void *context);
/* Streamed bodies: called for each piece; `last` once with the end (data may be empty). */
typedef void http_body_handler(struct http_exchange *exchange, struct bytes piece, bool last, void *context);
typedef void http_closed_handler(struct http_exchange *exchange, void *context);

struct http_route {
	const char *method;
	const char *path;               /* "/v1/campaigns/{campaign}/board"; "{x}" is one segment, percent-decoded */
	http_handler *handler;          /* whole body read (or, with on_piece, header read) */
	uint32_t body_bytes_max;        /* 413; 0: no body is expected */
	const char *content_type;       /* 415 where the request's differs (parameters ignored); NULL: any */
	http_body_handler *on_piece;    /* not NULL: the body is streamed and has no size limit */
	http_closed_handler *on_closed; /* client went before the end; may be NULL */
};

struct http_server_options {
	const char *listen; /* "127.0.0.1:8080", "127.0.0.1:0", "[::1]:80" or "unix:/path" */
	const struct http_route *routes;
	size_t route_count;
	void *context; /* for every handler */
	struct http_limits limits;
	struct metrics *metrics; /* requests, refusals, connections; may be NULL */
	const char *service;     /* names the metrics */
	/* Runs on the server's thread for each letter of `mailbox` (answers from other threads); may be NULL. */
	struct mailbox *mailbox;
	void (*on_letter)(void *letter, void *context);
	/* Runs on the server's thread about every `tick_ms`; may be NULL. */
	uint32_t tick_ms;
	void (*on_tick)(struct http_server *server, void *context);
	struct http_server **handle; /* where the server is put before its first request; may be NULL */
};

/* Binds and starts the thread; NULL with a line in the log (port in use names the address). */
struct http_server *http_server_open(const struct http_server_options *options) MUST_CHECK;
const char *http_server_address(const struct http_server *server); /* as bound, port filled in */
/* Stops accepting, lets open exchanges finish for at most `grace_ms`, ends the thread. */
void http_server_close(struct http_server **server, uint32_t grace_ms);
/* The same in two steps, for a loop that must go on meanwhile: event streams end at once, other open exchanges have
 * `grace_ms`; http_server_close() after that waits for the rest of that grace alone. */
void http_server_drain(struct http_server *server, uint32_t grace_ms);
bool http_server_drained(const struct http_server *server); /* nothing is open any more, or the grace is over */

/* The request. Texts live as long as the exchange. */
const char *http_method(const struct http_exchange *exchange);
const char *http_path_value(const struct http_exchange *exchange, const char *name); /* of "{name}" */
const char *http_query(const struct http_exchange *exchange, const char *name);  /* percent-decoded; NULL: not given */
const char *http_header(const struct http_exchange *exchange, const char *name); /* any case; NULL: not given */
/* The nth line of that name, from 0: a list may come in several (RFC 9110, 5.3). NULL: there are not so many. */
const char *http_header_nth(const struct http_exchange *exchange, const char *name, uint32_t nth);
struct bytes http_body(const struct http_exchange *exchange);
int64_t http_received_at(const struct http_exchange *exchange); /* wall, us: last byte of the body was read (law 6) */
const char *http_request_id(const struct http_exchange *exchange); /* X-Request-Id: the client's if sane, else ours */
bool http_prefers_english(const struct http_exchange *exchange);   /* Accept-Language; Vietnamese is the default */
/* A place for the handler's own pointer, NULL at first. */
void http_set_state(struct http_exchange *exchange, void *state);
void *http_state(const struct http_exchange *exchange);
http_ticket http_ticket_of(const struct http_exchange *exchange);
struct http_exchange *http_find(struct http_server *server, http_ticket ticket);
struct http_server *http_server_of(const struct http_exchange *exchange);

/* The answer: headers first, then one of the three. After http_answer or http_problem the exchange is over. */
void http_add_header(struct http_exchange *exchange, const char *name, const char *value);
void http_answer(struct http_exchange *exchange, int status, const char *content_type, struct bytes body);
/* RFC 9457. `detail` NULL: the title serves for it. `errors` is the inside of "errors":[…] or empty. */
void http_problem(struct http_exchange *exchange, int status, const char *type, const char *title, const char *detail,
	struct bytes errors);

/* A streamed answer (chunked, or to the end of the connection for HTTP/1.0). Pieces are copied unless shared. */
void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type);
bool http_stream_send(
	struct http_exchange *exchange, struct bytes piece); /* false: the client was too slow and is cut off */
void http_stream_end(struct http_exchange *exchange);
/* This answer is sent when its request's body has been read whole, as clients and proxies expect that send all before
 * they read. Until then it waits, beyond 256 KiB in an unlinked file (in TMPDIR, else /var/tmp), up to 1 GiB. Right
 * after http_stream_begin(). False: no file could be made; the stream goes on as before. */
bool http_stream_spool(struct http_exchange *exchange) MUST_CHECK;
/* Holds back reading of a streamed body (backpressure) and lets it go on. */
void http_pause(struct http_exchange *exchange);
void http_resume(struct http_exchange *exchange);

/* One event for thousands of streams: encoded once, counted by references. */
struct http_shared;
struct http_shared *http_shared_new(struct bytes data) MUST_CHECK;
bool http_stream_share(struct http_exchange *exchange, struct http_shared *shared);
void http_shared_release(struct http_shared **shared);

#endif
