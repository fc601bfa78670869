/* Inside of the HTTP server. Everything here runs on the server's thread.
 * Nothing writes to a socket or frees a connection from within a handler: answers go to the connection's output and
 * the connection is put on the list of those to progress; the loop does the rest at the end of its turn. */
#ifndef SANGKIEN_RUNTIME_HTTP_PRIVATE_H
#define SANGKIEN_RUNTIME_HTTP_PRIVATE_H

#include "common/runtime/http.h"

#include <http_parser.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
	HTTP_READ_BYTES = 64 * 1024, /* one read of a socket, into the server's one buffer */
	HTTP_FIELDS_MAX = 100,       /* header fields; 431 */
	HTTP_QUERY_MAX = 32,         /* parameters; 400 */
	HTTP_PATH_VALUES_MAX = 6,
	HTTP_REQUEST_ID_SIZE = 65,
	HTTP_CHUNK_EXTENSION_MAX = 256,
	HTTP_TRAILER_BYTES_MAX = 4096,
	HTTP_LINGER_MS = 5000, /* how long what a refused client still sends is read and dropped */
	HTTP_SPOOL_MEMORY = 256 * 1024,
	HTTP_TURN_BYTES_MAX = 1024 * 1024, /* one connection's share of a turn of the loop */
	HTTP_TURN_REQUESTS_MAX = 32,
	HTTP_REQUESTS_CLASSES = 6,
};
#define HTTP_SPOOL_BYTES_MAX ((uint64_t)1 << 30)

/* Timers: each kind has one length, so a list in order of arming is in order of deadline. */
enum http_timer_kind {
	HTTP_TIMER_HEADER,
	HTTP_TIMER_IDLE,
	HTTP_TIMER_BODY,
	HTTP_TIMER_WRITE,
	HTTP_TIMER_LINGER,
	HTTP_TIMER_KINDS
};
struct http_timer {
	struct http_timer *previous, *next;
	struct http_connection *connection; /* NULL: not armed */
	int64_t deadline_ms;
};
struct http_timer_list {
	struct http_timer *first, *last;
	uint32_t length_ms;
};

/* Chunked bodies: http_parser as Debian builds it takes any byte after a chunk, which is a way to smuggle. */
struct http_chunks {
	uint64_t left;        /* of the chunk at hand */
	uint32_t extra_bytes; /* of its extension, or of all trailers */
	uint8_t state, digits;
};
enum http_chunk_result { HTTP_CHUNK_MORE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_CHUNK_BAD };
/* Reads on from data[*used]; HTTP_CHUNK_DATA gives a piece of the body, borrowed from `data`. */
enum http_chunk_result http_chunks_next(
	struct http_chunks *chunks, struct bytes data, size_t *used, struct bytes *piece) MUST_CHECK;

/* The request's target, cut and percent-decoded. */
struct http_pair {
	const char *name; /* of a path's value: "{name}…", in the route */
	char *value;
};
struct http_target {
	char *memory; /* all texts of it */
	char *path;   /* raw */
	struct http_pair values[HTTP_PATH_VALUES_MAX];
	struct http_pair *query;
	uint32_t value_count, query_count;
};
bool http_target_parse(struct http_target *target, const char *raw) MUST_CHECK; /* false: malformed */
void http_target_deinit(struct http_target *target);
/* The route of the path and method. NULL: no such path; or, where `allow` is not empty, no such method there. */
const struct http_route *http_route_find(const struct http_route *routes, size_t count, const char *method,
	struct http_target *target, char *allow, size_t allow_size);

enum http_stage { HTTP_STAGE_HEADER, HTTP_STAGE_BODY, HTTP_STAGE_READ /* nothing more to come */ };
enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_field {
	uint32_t name_at, value_at; /* in `head` */
};

struct http_exchange {
	struct http_connection *connection;
	http_ticket ticket;
	http_parser parser;
	struct buffer head; /* target, names and values, each NUL-terminated */
	struct http_field *fields;
	uint32_t field_count, head_bytes;
	uint8_t last_byte; /* of the header so far: lines end in CR LF and nothing else */
	bool in_value, head_read, too_many_fields;
	struct http_target target;
	const struct http_route *route;
	enum http_stage stage;
	enum http_framing framing;
	uint64_t body_left; /* HTTP_BODY_LENGTH */
	struct http_chunks chunks;
	struct buffer body;
	int64_t received_at;
	void *state;
	struct buffer extra; /* header lines of the answer */
	bool handled;        /* the handler has it: on_closed is due where the client goes */
	bool over;           /* answered; only output is left */
	bool streaming, chunked, paused, head_only, old_version;
	char request_id[HTTP_REQUEST_ID_SIZE];
};

struct http_shared {
	atomic_uint references;
	size_t size, frame; /* of the data; of the chunk's frame before it */
	uint8_t octets[];   /* "SIZE\r\n" data "\r\n" */
};

struct http_segment {
	struct http_segment *next;
	struct http_shared *shared; /* or NULL: `own` */
	const uint8_t *data;
	size_t size, capacity;
	uint8_t own[];
};

struct http_output {
	struct http_segment *first, *last;
	size_t sent;  /* of the first segment */
	size_t bytes; /* not sent and in memory */
	int spool;    /* -1: none */
	uint64_t spool_read, spool_written;
	bool spooling, failed;
};
/* Output fails sticky: `failed` where memory or the spool's disk or bound has run out. */
void http_output_add(struct http_output *output, const void *data, size_t size);
void http_output_share(struct http_output *output, struct http_shared *shared, bool framed);
bool http_output_spool(struct http_output *output) MUST_CHECK;
uint64_t http_output_unsent(const struct http_output *output);
void http_output_deinit(struct http_output *output);
enum http_flush { HTTP_FLUSH_ALL, HTTP_FLUSH_BLOCKED, HTTP_FLUSH_BUDGET, HTTP_FLUSH_LOST };
enum http_flush http_output_flush(struct http_output *output, int fd, size_t *sent) MUST_CHECK;

struct http_connection {
	struct http_server *server;
	struct http_connection *next_scheduled;
	struct http_exchange *exchange; /* NULL: between two requests */
	struct http_output output;
	struct buffer ahead; /* read but not yet wanted: pipelined requests, or a paused body */
	struct http_timer timers[HTTP_TIMER_KINDS];
	uint8_t expired; /* bits of enum http_timer_kind */
	int fd;
	uint32_t slot;
	bool scheduled, progressing, again;
	bool readable, writable, peer_closed, lost, doomed, closing, lingering, linger_next;
};

struct http_server {
	struct http_server_options options;
	const struct http_limits *limits;
	int epoll, listener, wake;
	char address[160];
	char socket_path[108];
	dev_t socket_device;
	ino_t socket_inode;
	pthread_t thread;
	atomic_bool stopping, drained, quit_when_drained;
	_Atomic int64_t drain_deadline_ms;
	struct http_connection **connections; /* by slot */
	uint32_t *free_slots;
	uint32_t free_count;
	uint64_t generation;
	struct http_connection *scheduled;
	struct http_timer_list timers[HTTP_TIMER_KINDS];
	int64_t now_ms, next_tick_ms, accept_again_ms;
	bool accepting, accept_short, was_stopping;
	uint8_t *scratch;
	char id_prefix[17];
	uint64_t id_counter;
	struct metrics *own_metrics; /* where the options give none */
	struct metric *requests[HTTP_REQUESTS_CLASSES], *refused, *cut, *open;
};

/* http_listen.c */
bool http_listen(struct http_server *server, const char *address) MUST_CHECK;
void http_listen_close(struct http_server *server);
void http_accept(struct http_server *server);

/* http_connection.c */
struct http_connection *http_connection_new(struct http_server *server, int fd) MUST_CHECK;
void http_connection_progress(struct http_connection *connection);
void http_connection_schedule(struct http_connection *connection);
void http_connection_end(struct http_connection *connection);
void http_connection_drain(struct http_connection *connection); /* the server is closing */

/* http_timer.c */
void http_timer_arm(struct http_connection *connection, enum http_timer_kind kind);
void http_timer_disarm(struct http_connection *connection, enum http_timer_kind kind);
int64_t http_timers_next_ms(const struct http_server *server); /* INT64_MAX: none */
void http_timers_expire(struct http_server *server);

/* http_request.c */
struct http_exchange *http_exchange_new(struct http_connection *connection) MUST_CHECK;
void http_exchange_free(struct http_exchange **exchange);
/* The header is whole: finds the route, and begins the body or calls the handler, or refuses. */
void http_head_judge(struct http_exchange *exchange);
/* Answers a fault in the server's own name; the connection closes after it. */
void http_refuse(struct http_exchange *exchange, int status);

/* http_head.c: reads header bytes; gives how many it used. A fault has been answered when the exchange is over. */
size_t http_head_read(struct http_exchange *exchange, struct bytes data);

/* http_body.c */
void http_body_begin(struct http_exchange *exchange);
size_t http_body_read(struct http_exchange *exchange, struct bytes data); /* as http_head_read() */
void http_body_end(struct http_exchange *exchange);                       /* the handler's turn */

/* http_exchange.c */
void http_close_after(struct http_exchange *exchange); /* the connection ends with this answer */

#endif
