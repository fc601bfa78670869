/* The private PostgreSQL, Redis and nginx of a run directory: their files, before s6 starts them. */
#ifndef SANGKIEN_CONTROL_SERVERS_H
#define SANGKIEN_CONTROL_SERVERS_H

#include "services/control/rundir.h"

/* A new cluster with checksums where there is none; fsync stays on. */
bool servers_postgresql_prepare(const struct rundir *run) MUST_CHECK;
/* Waits until it answers, then makes the logins, the database. */
bool servers_postgresql_settle(const struct rundir *run) MUST_CHECK;
/* redis.conf and its access list: one user a service, with only its keys. */
bool servers_redis_prepare(const struct rundir *run) MUST_CHECK;
/* nginx.conf from deploy/nginx, listening at SANGKIEN_LISTEN. False when another program has that address. */
bool servers_edge_prepare(const struct rundir *run) MUST_CHECK;
/* Like 127.0.0.1:8080? Else false with a line on stderr that names the setting. */
bool servers_address_is_sane(const char *setting, const char *address) MUST_CHECK;
/* The instances of intake and leaderboard that the edge passes requests to; nginx is told when it runs. */
bool servers_edge_route(const struct rundir *run) MUST_CHECK;
/* Is it one that clients reach through the edge? */
bool servers_edge_passes_to(const char *service);
/* The same, as if `service` had only `count` instances, or none of the number n: before those are stopped. Comes back
 * when they get no request any more; where clients do not reach the service nothing is done. */
bool servers_edge_route_to(const struct rundir *run, const char *service, uint32_t count) MUST_CHECK;
bool servers_edge_route_without(const struct rundir *run, const char *service, uint32_t n) MUST_CHECK;

#endif
