/* A ZeroMQ socket as every edge has it: bounded, watched by heartbeats, encrypted. For sender and receiver. */
#ifndef SANGKIEN_EDGE_SOCKET_H
#define SANGKIEN_EDGE_SOCKET_H

#include "common/edge/curve.h"
#include "common/edge/wire.h"

#include <zmq.h>

/* With linger 0, limits and heartbeats; NULL with zmq_errno(). */
void *edge_socket_open(void *zmq_context, int type) MUST_CHECK;
void edge_socket_close(void **socket);
bool edge_socket_serve(void *socket, const struct curve_keys *keys, const char *domain) MUST_CHECK;
bool edge_socket_visit(void *socket, const struct curve_keys *keys, const char *server_public_key) MUST_CHECK;

/* One message of `count` frames (all initialised on return, to be closed with edge_frames_close). 0: none waits;
 * 1: taken; -1: one of another shape, thrown away. Never waits. */
int edge_frames_receive(void *socket, zmq_msg_t *frames, int count) MUST_CHECK;
void edge_frames_close(zmq_msg_t *frames, int count);
/* Packs a control envelope and sends it, without waiting; false with zmq_errno(). */
bool edge_envelope_send(void *socket, const Sangkien__Wire__Envelope *envelope) MUST_CHECK;

/* At most one line a second about frames that were dropped; the rest is counted. */
struct edge_complaints {
	int64_t last_ms;
	uint64_t unsaid;
};
void edge_complain(struct edge_complaints *complaints, const char *edge, const char *what, int64_t now_ms);

#endif
