/* ZeroMQ's messages: frames that several may hold. */
#ifndef SANGKIEN_SIMULATION_FRAMES_H
#define SANGKIEN_SIMULATION_FRAMES_H

#include "common/runtime/base.h"

#include <zmq.h>

struct frame {
	uint32_t holders;
	size_t size;
	uint8_t data[];
};

struct message { /* zmq_msg_t */
	struct frame *frame;
	bool more;
};

struct frame *frame_new(size_t size); /* one holder */
void frame_drop(struct frame *frame); /* one holder less; NULL is nothing */
struct message *message_of(zmq_msg_t *msg);

#endif
