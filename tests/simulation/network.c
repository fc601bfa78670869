/* Frames on their way: late, lost, doubled, overtaken. */
#include "tests/simulation/network.h"

#include "tests/simulation/connections.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUTING_ID_SIZE = 5,
	DROPS_MOST = 2,   /* of a connection */
	QUEUE_MAX = 1024, /* frames one way: credit and the services' own bounds hold long before */
	DELAY_LEAST_US = 40,
	DELAY_MOST_US = 400,
	SLOW_MOST_US = 300 * MS,
	OVERTAKEN_MOST_US = 20 * MS,
};

/* Sending --------------------------------------------------------------------------------------------------------- */

struct travelling {
	struct link *link;
	bool to_router;
	struct frame *frame;
};

static void arrive(void *context)
{
	struct travelling *travelling = context;
	struct link *link = travelling->link;
	struct socket *to = travelling->to_router ? link->router : link->dealer;

	if (!link->dead && link_is_parted(link))
		link_cut(link, true);
	if (link->dead || to->closed) {
		frame_drop(travelling->frame);
	} else {
		struct queued *queued = malloc(sizeof(*queued));

		assert(queued != NULL);
		*queued = (struct queued){link, travelling->frame, NULL};
		*to->end = queued;
		to->end = &queued->next;
		if (++to->queued > QUEUE_MAX)
			world_fail("law 8: more than %d frames wait for %s", QUEUE_MAX, to->machine->name);
		socket_wake(to);
	}
	free(travelling);
}

static void travel(struct link *link, bool to_router, struct frame *frame, int64_t when)
{
	struct travelling *travelling = malloc(sizeof(*travelling));

	assert(travelling != NULL);
	*travelling = (struct travelling){link, to_router, frame};
	frame->holders++;
	world_at(when, arrive, travelling);
}

static void send_on(struct link *link, bool to_router, struct frame *frame)
{
	int64_t when = world_now() + world_between(DELAY_LEAST_US, DELAY_MOST_US);

	machine_step("a frame");
	oracle_saw((struct bytes){frame->data, frame->size}, "a frame");
	if (happens(CONNECTION_CUT, chances.cut))
		link_cut(link, false);
	if (happens(CONNECTION_HALF_OPEN, chances.silent_cut))
		link_cut(link, true);
	/* A frame alone is never lost by TCP. A few are: what was lent is handed out again, but what a worker holds in
	 * vain uses up its credit, and all of it would be gone with enough of them. */
	if (link->dropped < DROPS_MOST && happens(FRAME_LOST, chances.drop)) {
		link->dropped++;
		return;
	}
	if (happens(FRAME_LATE, chances.slow))
		when += world_below(SLOW_MOST_US);
	/* What comes after it may overtake it. */
	bool overtaken = world_chance(chances.reorder);
	if (overtaken)
		when += world_below(OVERTAKEN_MOST_US);
	else if (when <= link->last[to_router])
		when = link->last[to_router] + 1;
	if (!overtaken)
		link->last[to_router] = when;
	if (when < link->latest[to_router])
		happened(FRAME_OVERTAKEN);
	else
		link->latest[to_router] = when;
	travel(link, to_router, frame, when);
	if (happens(FRAME_DOUBLED, chances.duplicate))
		travel(link, to_router, frame, when + world_below(50 * MS));
}

static int fails(int error)
{
	errno = error;
	return -1;
}

static void write_number(uint8_t octets[ROUTING_ID_SIZE], uint32_t number)
{
	octets[0] = 0;
	memcpy(octets + 1, &number, sizeof(number));
}

int zmq_send(void *pointer, const void *data, size_t size, int flags)
{
	struct socket *socket = pointer;
	struct link *link;
	uint32_t number;

	assert(socket->type == ZMQ_ROUTER && size == ROUTING_ID_SIZE && (flags & ZMQ_SNDMORE));
	memcpy(&number, (const uint8_t *)data + 1, sizeof(number));
	link = link_find(socket, number);
	if (!link || link->router_knows)
		return fails(EHOSTUNREACH);
	socket->half_sent = link;
	return (int)size;
}

int zmq_msg_send(zmq_msg_t *msg, void *pointer, int flags)
{
	struct socket *socket = pointer;
	struct link *link = socket->type == ZMQ_ROUTER ? socket->half_sent : socket->link;

	assert(flags & ZMQ_DONTWAIT);
	if (!link)
		return fails(EAGAIN);
	socket->half_sent = NULL;
	int size = (int)zmq_msg_size(msg);
	send_on(link, socket->type == ZMQ_DEALER, message_of(msg)->frame);
	zmq_msg_close(msg);
	return size;
}

/* Receiving ------------------------------------------------------------------------------------------------------- */

int zmq_msg_recv(zmq_msg_t *msg, void *pointer, int flags)
{
	struct socket *socket = pointer;
	struct queued *queued = socket->first;

	(void)flags;
	if (!queued)
		return fails(EAGAIN);
	zmq_msg_close(msg);
	if (socket->type == ZMQ_ROUTER && socket->half_read != queued->link) {
		struct frame *id = frame_new(ROUTING_ID_SIZE);

		write_number(id->data, queued->link->number);
		*message_of(msg) = (struct message){id, true};
		socket->half_read = queued->link;
		return ROUTING_ID_SIZE;
	}
	socket->half_read = NULL;
	*message_of(msg) = (struct message){queued->frame, false};
	socket->first = queued->next;
	if (!socket->first)
		socket->end = &socket->first;
	socket->queued--;
	free(queued);
	return (int)message_of(msg)->frame->size;
}
