#include "tests/simulation/network.h"

#include "common/edge/socket.h"
#include "common/edge/upstream_list.h"
#include "tests/simulation/frames.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SOCKETS_MAX = 4096,
	PARTINGS_MAX = 16,
	ROUTING_ID_SIZE = 5,
	DROPS_MOST = 2,   /* of a connection */
	QUEUE_MAX = 1024, /* frames one way: credit and the services' own bounds hold long before */
	DELAY_LEAST_US = 40,
	DELAY_MOST_US = 400,
	SLOW_MOST_US = 300 * MS,
	OVERTAKEN_MOST_US = 20 * MS,
	NOTICE_US = 3 * SECOND, /* heartbeats */
	RETRY_LEAST_US = 50 * MS,
	RETRY_MOST_US = SECOND,
};

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

static struct socket *sockets[SOCKETS_MAX];
static size_t socket_count;
static struct link *links;
static uint32_t link_count;
static struct {
	const struct machine *a, *b;
	int64_t until;
} partings[PARTINGS_MAX];
static size_t parting_next;

bool network_is_readable(const void *pointer)
{
	const struct socket *socket = pointer;

	return socket->first != NULL;
}

size_t network_sockets(void)
{
	return socket_count;
}

const char *network_bound(size_t number)
{
	return sockets[number]->bound ? sockets[number]->endpoint : NULL;
}

void network_part(struct machine *a, struct machine *b, int64_t us)
{
	happened(PARTITION);
	world_tell("PARTED: %s and %s for %lld ms", a->name, b->name, (long long)(us / MS));
	partings[parting_next].a = a;
	partings[parting_next].b = b;
	partings[parting_next++ % PARTINGS_MAX].until = world_now() + us;
	parting_next %= PARTINGS_MAX;
}

static bool are_parted(const struct machine *a, const struct machine *b)
{
	for (size_t i = 0; i < PARTINGS_MAX; i++)
		if (partings[i].until > world_now() &&
			((partings[i].a == a && partings[i].b == b) || (partings[i].a == b && partings[i].b == a)))
			return true;
	return false;
}

static void wake(const struct socket *socket)
{
	waiters_wake_all(&socket->machine->loop);
}

/* Connections ----------------------------------------------------------------------------------------------------- */

static void try_to_connect(void *context);

static void dealer_notices(void *context)
{
	struct link *link = context;

	if (link->dealer_knows)
		return;
	link->dealer_knows = true;
	if (link->dealer->closed || link->dealer->link != link)
		return;
	link->dealer->link = NULL;
	world_at(world_now() + world_between(RETRY_LEAST_US, RETRY_MOST_US), try_to_connect, link->dealer);
}

static void router_notices(void *context)
{
	((struct link *)context)->router_knows = true;
}

/* What is on its way is lost; each side notices in its time. */
static void cut(struct link *link, bool silent)
{
	if (link->dead)
		return;
	link->dead = true;
	world_at(world_now() + (silent ? world_between(MS, NOTICE_US) : world_between(100, 3 * MS)), dealer_notices,
		link);
	world_at(world_now() + (silent ? world_between(MS, NOTICE_US) : world_between(100, 3 * MS)), router_notices,
		link);
}

static struct socket *find_bound(const char *endpoint)
{
	for (size_t i = socket_count; i-- > 0;)
		if (sockets[i]->bound && !sockets[i]->closed && strcmp(sockets[i]->endpoint, endpoint) == 0)
			return sockets[i];
	return NULL;
}

static void try_to_connect(void *context)
{
	struct socket *dealer = context;
	struct socket *router = find_bound(dealer->endpoint);

	if (dealer->closed || dealer->link)
		return;
	if (!router || are_parted(dealer->machine, router->machine)) {
		world_at(world_now() + world_between(RETRY_LEAST_US, RETRY_MOST_US), try_to_connect, dealer);
		return;
	}
	struct link *link = calloc(1, sizeof(*link));
	assert(link != NULL);
	*link = (struct link){.dealer = dealer, .router = router, .number = ++link_count, .next = links};
	links = link;
	dealer->link = link;
	wake(dealer);
}

static void close_socket(void *context)
{
	struct socket *socket = context;

	if (socket->closed)
		return;
	socket->closed = true;
	for (struct link *link = links; link; link = link->next)
		if (!link->dead && (link->dealer == socket || link->router == socket))
			cut(link, false);
}

void *zmq_socket(void *context, int type)
{
	struct socket *socket = calloc(1, sizeof(*socket));

	assert(socket != NULL && socket_count < SOCKETS_MAX);
	socket->type = type;
	socket->machine = context;
	socket->end = &socket->first;
	sockets[socket_count++] = socket;
	machine_on_end(socket->machine, close_socket, socket);
	return socket;
}

int zmq_close(void *socket)
{
	machine_off_end(((struct socket *)socket)->machine, socket);
	close_socket(socket);
	return 0;
}

int zmq_bind(void *pointer, const char *endpoint)
{
	struct socket *socket = pointer;

	snprintf(socket->endpoint, sizeof(socket->endpoint), "%s", endpoint);
	socket->bound = true;
	return 0;
}

int zmq_connect(void *pointer, const char *endpoint)
{
	struct socket *socket = pointer;

	snprintf(socket->endpoint, sizeof(socket->endpoint), "%s", endpoint);
	world_at(world_now() + world_between(MS, 10 * MS), try_to_connect, socket);
	return 0;
}

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

	if (!link->dead && are_parted(link->dealer->machine, link->router->machine))
		cut(link, true);
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
		wake(to);
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
		cut(link, false);
	if (happens(CONNECTION_HALF_OPEN, chances.silent_cut))
		cut(link, true);
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
	uint32_t number;

	assert(socket->type == ZMQ_ROUTER && size == ROUTING_ID_SIZE && (flags & ZMQ_SNDMORE));
	memcpy(&number, (const uint8_t *)data + 1, sizeof(number));
	for (struct link *link = links; link; link = link->next) {
		if (link->number != number || link->router != socket)
			continue;
		if (link->router_knows)
			break;
		socket->half_sent = link;
		return (int)size;
	}
	return fails(EHOSTUNREACH);
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
