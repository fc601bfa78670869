/* CURVE keys of an edge and its ZAP allow-list: without a handler CURVE admits any key. */
#ifndef SANGKIEN_EDGE_CURVE_H
#define SANGKIEN_EDGE_CURVE_H

#include "common/runtime/base.h"

enum { CURVE_KEY_SIZE = 41 /* Z85 and NUL */, CURVE_NAME_MAX = 64 };

struct curve_keys { /* Z85 texts */
	char public_key[CURVE_KEY_SIZE];
	char secret_key[CURVE_KEY_SIZE];
};

/* Reads DIRECTORY/NAME.secret and DIRECTORY/NAME.public. False with errno: a file is missing; EPERM: the secret can be
 * read by others than its owner; EINVAL: not a pair of keys. */
bool curve_keys_load(const char *directory, const char *name, struct curve_keys *keys) MUST_CHECK;
bool curve_public_load(const char *directory, const char *name, char public_key[CURVE_KEY_SIZE]) MUST_CHECK;
/* Makes a pair and writes both files (0400), for `sangkien up`; takes the place of an earlier pair. */
bool curve_keys_create(const char *directory, const char *name) MUST_CHECK;

/* The ZAP handler (RFC 27) of this process, a thread on inproc://zeromq.zap.01. One a context, before any bind.
 * A peer is admitted to `domain` when its key is that of one of the services allowed there; the User-Id of its
 * messages is that service's name. Key files are read again when they change, so keys can be rotated; a service
 * whose file is gone is no longer admitted. NULL with errno where there is one already. */
struct curve_gate;
struct curve_gate *curve_gate_open(void *zmq_context, const char *directory) MUST_CHECK;
void curve_gate_allow(struct curve_gate *gate, const char *domain, const char *service);
uint64_t curve_gate_refused(const struct curve_gate *gate); /* peers turned away so far; any thread */
void curve_gate_close(struct curve_gate **gate);

#endif
