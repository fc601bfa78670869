/* Sends submissions through the edge's batch call, chunk after chunk. A chunk's idempotency key makes sending it again
 * harmless, so whatever breaks is sent again until it is answered: what was acknowledged once stays one submission. */
#ifndef SANGKIEN_CONTROL_BATCH_CLIENT_H
#define SANGKIEN_CONTROL_BATCH_CLIENT_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"
#include "services/control/rundir.h"

struct batch_client;

struct batch_client_options {
	const char *address;  /* "http://127.0.0.1:8080" */
	const char *campaign; /* code */
	const char *token;    /* bearer */
	const char *key;      /* chunk n has the idempotency key "<key>-<n>" */
	uint32_t chunk_lines; /* submissions a request */
	uint32_t connections; /* requests at once */
	uint32_t patience_s;  /* how long a chunk is sent again and again before giving up */
};

struct batch_tally {
	uint64_t sent;     /* lines handed to batch_send() */
	uint64_t accepted; /* receipts */
	uint64_t refused;  /* problem lines: shape, unit, … */
	uint64_t resent;   /* chunks that had to be sent again */
	char first_refusal[512];
};

struct batch_client *batch_client_open(const struct batch_client_options *options) MUST_CHECK;
void batch_client_close(struct batch_client **client);

/* One line of JSON without its newline. Waits while all connections are busy. False: gave up, said on stderr. */
bool batch_send(struct batch_client *client, struct bytes line) MUST_CHECK;
/* Sends what is left and waits for every answer. */
bool batch_finish(struct batch_client *client) MUST_CHECK;
const struct batch_tally *batch_tally(const struct batch_client *client);

#endif
