/* Where the upstream instances are now. libzmq would resolve a name on its I/O thread, once, and take its first
 * address; so we look ourselves, again and again, and never on the loop's time. */
#ifndef SANGKIEN_EDGE_UPSTREAM_LIST_H
#define SANGKIEN_EDGE_UPSTREAM_LIST_H

#include "common/runtime/base.h"

enum { UPSTREAM_ENDPOINT_SIZE = 256, UPSTREAMS_MAX = 128 };

struct upstream_list;

/* Comma list of "ipc:///directory/pattern" and "tcp://name:port" (IPv6 addresses in brackets). Where there are names, a
 * thread resolves them every two seconds. NULL with errno: EINVAL is a text that is no such list. */
struct upstream_list *upstream_list_open(const char *text) MUST_CHECK;
void upstream_list_close(struct upstream_list **list);

/* The endpoints there are now, each once: sockets that match and addresses that were found; at most `most`. A name that
 * cannot be looked up for the moment keeps its addresses. */
size_t upstream_list_now(struct upstream_list *list, char (*endpoints)[UPSTREAM_ENDPOINT_SIZE], size_t most);

#endif
