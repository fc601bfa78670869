/* A growing run of bytes that fails sticky: writers need no checks, the sender checks `failed` once. */
#ifndef SANGKIEN_RUNTIME_BUFFER_H
#define SANGKIEN_RUNTIME_BUFFER_H

#include "common/runtime/base.h"

struct buffer {
	uint8_t *data; /* heap */
	size_t size, capacity;
	size_t limit; /* most bytes; 0 = 64 MiB */
	bool failed;  /* out of memory or over the limit; what was written since is dropped */
};

void buffer_deinit(struct buffer *buffer); /* tolerates zeroed memory */
void buffer_clear(struct buffer *buffer);  /* keeps the memory, clears `failed` */
void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
void buffer_json(
	struct buffer *buffer, struct bytes text); /* with its quotes, escaped as RFC 8259 asks, "</" safe too */
void buffer_json_text(struct buffer *buffer, const char *text);
/* The same as a member that follows others: ,"name":"text"; `name` as it stands. */
void buffer_json_member(struct buffer *buffer, const char *name, struct bytes text);
void buffer_consume(struct buffer *buffer, size_t size); /* from the front */
struct bytes buffer_bytes(const struct buffer *buffer);

#endif
