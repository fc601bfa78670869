/* ZeroMQ's sockets and the connections between them: connections.c makes and breaks them, network.c sends frames over
 * them. */
#ifndef SANGKIEN_SIMULATION_CONNECTIONS_H
#define SANGKIEN_SIMULATION_CONNECTIONS_H

#include "common/edge/upstream_list.h"
#include "tests/simulation/frames.h"
#include "tests/simulation/world.h"

struct queued {
	struct link *link; /* where it came from */
	struct frame *frame;
	struct queued *next;
};

struct socket {
	int type;
	struct machine *machine;
	char endpoint[UPSTREAM_ENDPOINT_SIZE];
	bool bound, closed;
	struct queued *first, **end;
	size_t queued;
	struct link *half_read; /* ROUTER: the routing id was read, the frame comes next */
	struct link *half_sent; /* ROUTER: the routing id was given */
	struct link *link;      /* DEALER: to its ROUTER, NULL: none yet */
};

/* One connection; a new one has a new routing id. */
struct link {
	struct socket *dealer, *router;
	uint32_t number;
	bool dead, router_knows, dealer_knows;
	uint32_t dropped;
	int64_t last[2];   /* when the last frame each way arrives: TCP keeps the order */
	int64_t latest[2]; /* arrival of all that were sent */
	struct link *next;
};

void socket_wake(const struct socket *socket);                        /* whoever polls it */
struct link *link_find(const struct socket *router, uint32_t number); /* NULL: there never was one */
/* What is on its way is lost; each side notices in its time: soon, or by heartbeats alone. */
void link_cut(struct link *link, bool silent);
bool link_is_parted(const struct link *link);

#endif
