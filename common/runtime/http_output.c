/* What a connection still has to send: a list of segments, own or shared, and where asked for a file behind it. */
#include "common/runtime/http_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 2048, SPOOL_READ_BYTES = 64 * 1024, VECTORS = 32 };

static void output_append(struct http_output *output, struct http_segment *segment)
{
	if (output->last)
		output->last->next = segment;
	else
		output->first = segment;
	output->last = segment;
}

static struct http_segment *output_segment(struct http_output *output, size_t capacity)
{
	struct http_segment *segment = malloc(sizeof(*segment) + capacity);
	if (!segment) {
		output->failed = true;
		return NULL;
	}
	*segment = (struct http_segment){.data = segment->own, .capacity = capacity};
	output_append(output, segment);
	return segment;
}

static void memory_add(struct http_output *output, const void *data, size_t size)
{
	struct http_segment *segment = output->last;
	if (!segment || segment->shared || segment->capacity - segment->size < size)
		segment = output_segment(output, size > SEGMENT_BYTES ? size : SEGMENT_BYTES);
	if (!segment)
		return;
	memcpy(segment->own + segment->size, data, size);
	segment->size += size;
	output->bytes += size;
}

static void spool_add(struct http_output *output, const uint8_t *data, size_t size)
{
	if (output->spool_written - output->spool_read + size > HTTP_SPOOL_BYTES_MAX) {
		output->failed = true;
		return;
	}
	while (size > 0) {
		ssize_t written = pwrite(output->spool, data, size, (off_t)output->spool_written);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			output->failed = true; /* the disk is full */
			return;
		}
		output->spool_written += (uint64_t)written;
		data += written;
		size -= (size_t)written;
	}
}

void http_output_add(struct http_output *output, const void *data, size_t size)
{
	if (output->failed || size == 0)
		return;
	bool behind = output->spool_written > output->spool_read;
	if (output->spooling && (behind || output->bytes + size > HTTP_SPOOL_MEMORY))
		spool_add(output, data, size);
	else
		memory_add(output, data, size);
}

void http_output_share(struct http_output *output, struct http_shared *shared, bool framed)
{
	size_t skipped = framed ? 0 : shared->frame;
	size_t size = framed ? shared->frame + shared->size + 2 : shared->size;
	if (output->spooling) {
		http_output_add(output, shared->octets + skipped, size);
		return;
	}
	struct http_segment *segment = output->failed ? NULL : output_segment(output, 0);
	if (!segment)
		return;
	atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
	segment->shared = shared;
	segment->data = shared->octets + skipped;
	segment->size = size;
	output->bytes += size;
}

static int spool_open(void)
{
	const char *directory = getenv("TMPDIR");
	if (!directory || *directory != '/')
		directory = "/var/tmp"; /* /tmp may be memory */
	return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
}

bool http_output_spool(struct http_output *output)
{
	if (output->spool < 0)
		output->spool = spool_open();
	output->spooling = output->spool >= 0;
	return output->spooling;
}

uint64_t http_output_unsent(const struct http_output *output)
{
	return output->bytes + (output->spool_written - output->spool_read);
}

static void output_drop_first(struct http_output *output)
{
	struct http_segment *segment = output->first;
	output->first = segment->next;
	if (!output->first)
		output->last = NULL;
	output->sent = 0;
	http_shared_release(&segment->shared);
	free(segment);
}

void http_output_deinit(struct http_output *output)
{
	while (output->first)
		output_drop_first(output);
	if (output->spool >= 0)
		close(output->spool);
	*output = (struct http_output){.spool = -1};
}

/* Brings the file's next bytes into memory. An emptied file gives its disk back. */
static void spool_refill(struct http_output *output)
{
	uint64_t left = output->spool_written - output->spool_read;
	size_t size = left < SPOOL_READ_BYTES ? (size_t)left : SPOOL_READ_BYTES;
	if (size == 0)
		return;
	struct http_segment *segment = output_segment(output, size);
	ssize_t got = segment ? pread(output->spool, segment->own, size, (off_t)output->spool_read) : -1;
	if (got <= 0) {
		output->failed = true;
		return;
	}
	segment->size = (size_t)got;
	output->bytes += (size_t)got;
	output->spool_read += (uint64_t)got;
	if (output->spool_read == output->spool_written && ftruncate(output->spool, 0) == 0)
		output->spool_read = output->spool_written = 0;
}

static void output_consume(struct http_output *output, size_t size)
{
	output->bytes -= size;
	while (output->first && size >= output->first->size - output->sent) {
		size -= output->first->size - output->sent;
		output_drop_first(output);
	}
	output->sent += size;
}

static ssize_t output_send(const struct http_output *output, int fd)
{
	struct iovec vectors[VECTORS];
	struct msghdr message = {.msg_iov = vectors};
	size_t sent = output->sent;
	for (struct http_segment *s = output->first; s && message.msg_iovlen < VECTORS; s = s->next) {
		vectors[message.msg_iovlen++] = (struct iovec){(void *)(s->data + sent), s->size - sent};
		sent = 0;
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

enum http_flush http_output_flush(struct http_output *output, int fd, size_t *sent)
{
	*sent = 0;
	while (!output->failed) {
		if (!output->first)
			spool_refill(output);
		if (!output->first || output->failed)
			break;
		if (*sent >= HTTP_TURN_BYTES_MAX)
			return HTTP_FLUSH_BUDGET;
		ssize_t size = output_send(output, fd);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? HTTP_FLUSH_BLOCKED : HTTP_FLUSH_LOST;
		output_consume(output, (size_t)size);
		*sent += (size_t)size;
	}
	return output->failed ? HTTP_FLUSH_LOST : HTTP_FLUSH_ALL;
}
