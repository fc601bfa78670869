#include "common/edge/socket.h"

#include "common/runtime/log.h"

#include <string.h>

enum {
	HEARTBEAT_MS = 1000,
	HEARTBEAT_ANSWER_MS = 2000, /* from the first that has none: gone after three without a word */
	HEARTBEAT_SILENCE_MS = 3000,
	HANDSHAKE_MS = 5000,
	QUEUE_FRAMES_MAX = 256, /* credit is the real bound; this one is for hints to a peer that does not read */
	COMPLAIN_EVERY_MS = 1000,
};

static bool set_number(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool set_text(void *socket, int option, const char *text)
{
	return zmq_setsockopt(socket, option, text, strlen(text)) == 0;
}

void *edge_socket_open(void *zmq_context, int type)
{
	void *socket = zmq_socket(zmq_context, type);
	int64_t frame_bytes_max = WIRE_FRAME_BYTES_MAX;

	if (!socket)
		return NULL;
	if (!set_number(socket, ZMQ_LINGER, 0) || !set_number(socket, ZMQ_SNDHWM, QUEUE_FRAMES_MAX) ||
		!set_number(socket, ZMQ_RCVHWM, QUEUE_FRAMES_MAX) ||
		!set_number(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) ||
		!set_number(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_ANSWER_MS) ||
		!set_number(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_SILENCE_MS) ||
		!set_number(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) ||
		zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof(frame_bytes_max)) != 0)
		edge_socket_close(&socket);
	return socket;
}

void edge_socket_close(void **socket)
{
	if (*socket)
		zmq_close(*socket);
	*socket = NULL;
}

bool edge_socket_serve(void *socket, const struct curve_keys *keys, const char *domain)
{
	return set_number(socket, ZMQ_CURVE_SERVER, 1) && set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key) &&
	       set_text(socket, ZMQ_ZAP_DOMAIN, domain);
}

bool edge_socket_visit(void *socket, const struct curve_keys *keys, const char *server_public_key)
{
	return set_text(socket, ZMQ_CURVE_SERVERKEY, server_public_key) &&
	       set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
	       set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
}

/* Reads and throws away what is left of a message. */
static void drop_rest(void *socket)
{
	bool more = true;
	zmq_msg_t frame;

	while (more) {
		zmq_msg_init(&frame);
		more = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&frame);
		zmq_msg_close(&frame);
	}
}

int edge_frames_receive(void *socket, zmq_msg_t *frames, int count)
{
	bool more = false;

	for (int i = 0; i < count; i++)
		zmq_msg_init(&frames[i]);
	for (int i = 0; i < count; i++) {
		if (zmq_msg_recv(&frames[i], socket, ZMQ_DONTWAIT) < 0)
			return 0;
		more = zmq_msg_more(&frames[i]);
		if (more != (i + 1 < count))
			break;
		if (!more)
			return 1;
	}
	if (more)
		drop_rest(socket);
	return -1;
}

void edge_frames_close(zmq_msg_t *frames, int count)
{
	for (int i = 0; i < count; i++)
		zmq_msg_close(&frames[i]);
}

bool edge_envelope_send(void *socket, const Sangkien__Wire__Envelope *envelope)
{
	size_t size = sangkien__wire__envelope__get_packed_size(envelope);
	zmq_msg_t frame;

	assert(size <= WIRE_FRAME_BYTES_MAX);
	if (zmq_msg_init_size(&frame, size) != 0)
		return false;
	sangkien__wire__envelope__pack(envelope, zmq_msg_data(&frame));
	if (zmq_msg_send(&frame, socket, ZMQ_DONTWAIT) >= 0)
		return true;
	zmq_msg_close(&frame);
	return false;
}

void edge_complain(struct edge_complaints *complaints, const char *edge, const char *what, int64_t now_ms)
{
	complaints->unsaid++;
	if (complaints->last_ms != 0 && now_ms - complaints->last_ms < COMPLAIN_EVERY_MS)
		return;
	log_warn("edge_frame_dropped", KV_TEXT("edge", edge), KV_TEXT("why", what),
		KV_U64("frames", complaints->unsaid));
	*complaints = (struct edge_complaints){.last_ms = now_ms};
}
