/* Connections of ROUTER and DEALER: they break, at once or noticed by heartbeats alone, are made again, and cannot be
 * made over a partition. */
#include "tests/simulation/connections.h"

#include "common/edge/socket.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/network.h"
#include "tests/simulation/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SOCKETS_MAX = 4096,
	PARTINGS_MAX = 16,
	NOTICE_US = 3 * SECOND, /* heartbeats */
	RETRY_LEAST_US = 50 * MS,
	RETRY_MOST_US = SECOND,
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

/* Partitions ------------------------------------------------------------------------------------------------------ */

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

bool link_is_parted(const struct link *link)
{
	return are_parted(link->dealer->machine, link->router->machine);
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

void link_cut(struct link *link, bool silent)
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
	socket_wake(dealer);
}

struct link *link_find(const struct socket *router, uint32_t number)
{
	for (struct link *link = links; link; link = link->next)
		if (link->number == number && link->router == router)
			return link;
	return NULL;
}

/* Sockets --------------------------------------------------------------------------------------------------------- */

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

void socket_wake(const struct socket *socket)
{
	waiters_wake_all(&socket->machine->loop);
}

static void close_socket(void *context)
{
	struct socket *socket = context;

	if (socket->closed)
		return;
	socket->closed = true;
	for (struct link *link = links; link; link = link->next)
		if (!link->dead && (link->dealer == socket || link->router == socket))
			link_cut(link, false);
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
