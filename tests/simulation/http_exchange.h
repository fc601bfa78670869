/* What the server and a request's handlers know of each other. */
#ifndef SANGKIEN_SIMULATION_HTTP_EXCHANGE_H
#define SANGKIEN_SIMULATION_HTTP_EXCHANGE_H

#include "common/runtime/http.h"
#include "tests/simulation/shell.h"

enum { EXCHANGES_MAX = 256, VALUES_MAX = 4 };

struct http_exchange {
	struct http_server *server;
	struct http_wish *wish;
	http_ticket ticket;
	bool taken;
	void *state;
	int64_t received_at;
	const struct http_route *route;
	char values[VALUES_MAX][64], names[VALUES_MAX][24];
	size_t value_count;
};

struct http_server {
	struct machine *machine;
	uint32_t boot;
	struct http_server_options options;
	struct http_exchange *exchanges[EXCHANGES_MAX];
	struct waiters *waiters;
	bool closing;
	http_ticket last;
};

void exchange_answer(struct http_exchange *exchange, int status, struct bytes body); /* and it is over */

#endif
