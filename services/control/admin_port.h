/* What the admin ports of instances answer. */
#ifndef SANGKIEN_CONTROL_ADMIN_PORT_H
#define SANGKIEN_CONTROL_ADMIN_PORT_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

/* One page, NUL-terminated; false when none came in time. */
bool admin_port_fetch(const char *address, const char *path, struct buffer *page) MUST_CHECK;

struct admin_page {
	const char *address; /* "": it has no port yet, and nothing is asked */
	struct buffer body;  /* NUL-terminated where it came */
	bool came;
};

/* The same path of all at once, so that those that hang cost no more time than one. */
void admin_ports_fetch(const char *path, struct admin_page *pages, size_t count);

#endif
