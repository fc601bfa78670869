#include "tests/simulation/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct frame *frame_new(size_t size)
{
	struct frame *frame = malloc(sizeof(*frame) + size);

	assert(frame != NULL);
	frame->holders = 1;
	frame->size = size;
	return frame;
}

void frame_drop(struct frame *frame)
{
	if (frame && --frame->holders == 0)
		free(frame);
}

struct message *message_of(zmq_msg_t *msg)
{
	static_assert(sizeof(struct message) <= sizeof(zmq_msg_t), "a message has room for ours");
	return (struct message *)(void *)msg;
}

int zmq_msg_init(zmq_msg_t *msg)
{
	*message_of(msg) = (struct message){0};
	return 0;
}

int zmq_msg_init_size(zmq_msg_t *msg, size_t size)
{
	*message_of(msg) = (struct message){.frame = frame_new(size)};
	return 0;
}

int zmq_msg_close(zmq_msg_t *msg)
{
	frame_drop(message_of(msg)->frame);
	message_of(msg)->frame = NULL;
	return 0;
}

int zmq_msg_copy(zmq_msg_t *to, zmq_msg_t *from)
{
	frame_drop(message_of(to)->frame);
	*message_of(to) = *message_of(from);
	message_of(to)->frame->holders++;
	return 0;
}

void *zmq_msg_data(zmq_msg_t *msg)
{
	return message_of(msg)->frame ? message_of(msg)->frame->data : NULL;
}

size_t zmq_msg_size(const zmq_msg_t *msg)
{
	const struct message *message = (const struct message *)(const void *)msg;

	return message->frame ? message->frame->size : 0;
}

int zmq_msg_more(const zmq_msg_t *msg)
{
	return ((const struct message *)(const void *)msg)->more;
}

const char *zmq_msg_gets(const zmq_msg_t *msg, const char *property)
{
	(void)msg;
	(void)property;
	return "simulated";
}

int zmq_errno(void)
{
	return errno;
}

const char *zmq_strerror(int error)
{
	return strerror(error);
}

int zmq_setsockopt(void *socket, int option, const void *value, size_t size)
{
	(void)socket;
	(void)option;
	(void)value;
	(void)size;
	return 0;
}
