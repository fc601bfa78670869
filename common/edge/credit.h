/* Credit as its giver keeps it: what a worker grants one upstream, what it holds of it, and when it has to say so. The
 * upstream's side is the lease book (lease.h). Pure: no I/O, time is an argument. */
#ifndef SANGKIEN_EDGE_CREDIT_H
#define SANGKIEN_EDGE_CREDIT_H

#include "common/runtime/base.h"

/* Workers are heard every second (READY); one silent for three is gone, and what it held waits again. */
enum { EDGE_HEARTBEAT_MS = 1000, EDGE_SILENCE_MS = 3 * EDGE_HEARTBEAT_MS };

enum {
	CREDIT_OVER = 4,         /* after reconnections an upstream may be over; beyond as many times, it is refused */
	CREDIT_REOPEN_MS = 5000, /* libzmq does not try again once a handshake was refused */
};

struct credit {
	uint32_t granted; /* batches, while the upstream is listed */
	uint32_t told;    /* in the last READY that went out */
	uint32_t held;    /* batches that are not acknowledged */
	bool listed;      /* among the upstreams that there are now */
	bool connected;   /* the last READY went out */
	int64_t said_ms;  /* when it did, or when the socket was opened */
};

/* A new socket: nothing was said on it. What is held of the upstream stays held. */
void credit_opened(struct credit *credit, int64_t now_ms);

/* What READY has to say: 0 of one that has left the list, or by a worker that stops; it gives nothing new then. */
uint32_t credit_grant(const struct credit *credit, bool stopping);

/* READY is due: as the first word of a connection, where the grant has changed, and as a heartbeat. */
bool credit_speaks(const struct credit *credit, bool stopping, int64_t now_ms);
/* READY went out with that grant, or there was nobody to take it. True: the connection was found or lost thereby. */
bool credit_spoke(struct credit *credit, bool sent, uint32_t grant, int64_t now_ms);

/* Nobody has taken a READY for so long that a new socket is due. */
bool credit_reopens(const struct credit *credit, int64_t now_ms);
/* It has left the list and nothing of it is held any more: the connection ends. */
bool credit_ends(const struct credit *credit);
/* Room for one more batch. An upstream that keeps to its credit is never refused. */
bool credit_admits(const struct credit *credit);

#endif
