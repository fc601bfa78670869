#include "common/edge/curve.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

/* RFC 27: version, request id, domain, address, routing id, mechanism, credentials. */
enum {
	ZAP_VERSION,
	ZAP_REQUEST_ID,
	ZAP_DOMAIN,
	ZAP_ADDRESS,
	ZAP_ROUTING_ID,
	ZAP_MECHANISM,
	ZAP_CREDENTIALS,
	ZAP_FRAMES,
	ZAP_FRAME_BYTES_MAX = 256,
	RAW_KEY_SIZE = 32,
	ALLOWED_MAX = 64,
};
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

struct allowed {
	char domain[CURVE_NAME_MAX], service[CURVE_NAME_MAX];
	uint8_t key[RAW_KEY_SIZE];
	bool has_key;
	struct stat seen; /* the key file as it was when `key` was read */
};

struct curve_gate {
	char *directory;
	void *zap, *stop_here, *stop_there;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of the list */
	struct allowed allowed[ALLOWED_MAX];
	size_t allowed_count;
	_Atomic uint64_t refused;
};

struct frame {
	uint8_t data[ZAP_FRAME_BYTES_MAX];
	size_t size;
};

static bool frame_is(const struct frame *frame, const char *text)
{
	return frame->size == strlen(text) && memcmp(frame->data, text, frame->size) == 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Peers connect seldom, so the file is looked at each time. */
static void key_refresh(const struct curve_gate *gate, struct allowed *entry)
{
	char path[PATH_MAX], key[CURVE_KEY_SIZE];
	struct stat now;

	if (snprintf(path, sizeof(path), "%s/%s.public", gate->directory, entry->service) >= (int)sizeof(path) ||
		stat(path, &now) != 0) {
		entry->has_key = false;
		return;
	}
	if (entry->has_key && same_file(&now, &entry->seen))
		return;
	entry->has_key = curve_public_load(gate->directory, entry->service, key) && zmq_z85_decode(entry->key, key);
	entry->seen = now;
}

/* The service whose key this is and that may enter there; "" where there is none. */
static void find_service(struct curve_gate *gate, const struct frame *request, char service[CURVE_NAME_MAX])
{
	const struct frame *key = &request[ZAP_CREDENTIALS];

	service[0] = '\0';
	if (!frame_is(&request[ZAP_MECHANISM], "CURVE") || key->size != RAW_KEY_SIZE)
		return;
	pthread_mutex_lock(&gate->lock);
	for (size_t i = 0; i < gate->allowed_count && service[0] == '\0'; i++) {
		struct allowed *entry = &gate->allowed[i];

		if (!frame_is(&request[ZAP_DOMAIN], entry->domain))
			continue;
		key_refresh(gate, entry);
		if (entry->has_key && memcmp(entry->key, key->data, RAW_KEY_SIZE) == 0)
			memcpy(service, entry->service, CURVE_NAME_MAX);
	}
	pthread_mutex_unlock(&gate->lock);
}

static void reply(struct curve_gate *gate, const struct frame *request_id, const char *service)
{
	bool admitted = service[0] != '\0';
	const char *texts[] = {admitted ? "200" : "400", admitted ? "OK" : "unknown key", service, ""};

	if (!admitted)
		atomic_fetch_add(&gate->refused, 1);
	zmq_send(gate->zap, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(gate->zap, request_id->data, request_id->size, ZMQ_SNDMORE);
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		zmq_send(gate->zap, texts[i], strlen(texts[i]), i + 1 < ARRAY_LENGTH(texts) ? ZMQ_SNDMORE : 0);
}

static void answer(struct curve_gate *gate)
{
	struct frame request[ZAP_FRAMES] = {0};
	char service[CURVE_NAME_MAX] = "";
	size_t count = 0;
	int more = 1;

	while (more) {
		struct frame spare, *frame = count < ZAP_FRAMES ? &request[count] : &spare;
		int size = zmq_recv(gate->zap, frame->data, sizeof(frame->data), 0);

		if (size < 0)
			return;
		/* zmq_recv cuts what does not fit: such a frame matches nothing. */
		frame->size = (size_t)size;
		if (size > ZAP_FRAME_BYTES_MAX)
			frame->size = 0;
		count++;
		zmq_getsockopt(gate->zap, ZMQ_RCVMORE, &more, &(size_t){sizeof(more)});
	}
	if (count == ZAP_FRAMES && frame_is(&request[ZAP_VERSION], "1.0"))
		find_service(gate, request, service);
	reply(gate, &request[ZAP_REQUEST_ID], service);
}

static void *gate_run(void *context)
{
	struct curve_gate *gate = context;
	zmq_pollitem_t items[] = {
		{.socket = gate->zap, .events = ZMQ_POLLIN}, {.socket = gate->stop_there, .events = ZMQ_POLLIN}};

	while (zmq_poll(items, ARRAY_LENGTH(items), -1) >= 0 || errno == EINTR) {
		if (items[1].revents & ZMQ_POLLIN)
			break;
		if (items[0].revents & ZMQ_POLLIN)
			answer(gate);
	}
	return NULL;
}

static void socket_close(void **socket)
{
	if (*socket)
		zmq_close(*socket);
	*socket = NULL;
}

static void *socket_at(void *zmq_context, int type, const char *endpoint, bool bind)
{
	void *socket = zmq_socket(zmq_context, type);

	if (!socket)
		return NULL;
	zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
	if ((bind ? zmq_bind : zmq_connect)(socket, endpoint) != 0)
		socket_close(&socket);
	return socket;
}

/* Signals are for the thread that waits for them. */
static bool start_thread(struct curve_gate *gate)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	gate->has_thread = pthread_create(&gate->thread, NULL, gate_run, gate) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return gate->has_thread;
}

struct curve_gate *curve_gate_open(void *zmq_context, const char *directory)
{
	struct curve_gate *gate = calloc(1, sizeof(*gate));
	char endpoint[64];

	if (!gate)
		return NULL;
	pthread_mutex_init(&gate->lock, NULL);
	snprintf(endpoint, sizeof(endpoint), "inproc://curve_gate.%p", (void *)gate);
	gate->directory = strdup(directory);
	/* Bound here and not in the thread: whoever binds an edge after this call is guarded. */
	gate->zap = socket_at(zmq_context, ZMQ_REP, ZAP_ENDPOINT, true);
	gate->stop_here = socket_at(zmq_context, ZMQ_PAIR, endpoint, true);
	gate->stop_there = socket_at(zmq_context, ZMQ_PAIR, endpoint, false);
	if (!gate->directory || !gate->zap || !gate->stop_here || !gate->stop_there || !start_thread(gate))
		curve_gate_close(&gate);
	return gate;
}

void curve_gate_allow(struct curve_gate *gate, const char *domain, const char *service)
{
	struct allowed *entry;

	pthread_mutex_lock(&gate->lock);
	assert(gate->allowed_count < ALLOWED_MAX);
	assert(strlen(domain) < CURVE_NAME_MAX && strlen(service) < CURVE_NAME_MAX);
	entry = &gate->allowed[gate->allowed_count++];
	snprintf(entry->domain, sizeof(entry->domain), "%s", domain);
	snprintf(entry->service, sizeof(entry->service), "%s", service);
	pthread_mutex_unlock(&gate->lock);
}

uint64_t curve_gate_refused(const struct curve_gate *gate)
{
	return atomic_load(&gate->refused);
}

void curve_gate_close(struct curve_gate **pointer)
{
	struct curve_gate *gate = *pointer;

	*pointer = NULL;
	if (!gate)
		return;
	if (gate->has_thread) {
		zmq_send(gate->stop_here, "", 0, 0);
		pthread_join(gate->thread, NULL);
	}
	socket_close(&gate->zap);
	socket_close(&gate->stop_here);
	socket_close(&gate->stop_there);
	pthread_mutex_destroy(&gate->lock);
	free(gate->directory);
	free(gate);
}
