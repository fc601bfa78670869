#include "common/edge/upstream_list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { ENTRIES_MAX = 16, RESOLVE_EVERY_S = 2 };
#define IPC "ipc://"
#define TCP "tcp://"

struct endpoints {
	char text[UPSTREAMS_MAX][UPSTREAM_ENDPOINT_SIZE];
	size_t count;
};

/* Shared with the resolving thread; whoever lets go last frees it, since a lookup may take longer than a shutdown. */
struct names {
	pthread_mutex_t lock;
	pthread_cond_t stop_said;
	bool stop;
	int owners;
	size_t count;
	struct {
		char host[UPSTREAM_ENDPOINT_SIZE], port[8];
		struct endpoints found;
	} name[ENTRIES_MAX];
};

struct upstream_list {
	char *patterns[ENTRIES_MAX];
	size_t pattern_count;
	struct names *names; /* NULL: none */
	struct endpoints now;
};

static void add_endpoint(struct endpoints *endpoints, const char *text)
{
	if (endpoints->count == UPSTREAMS_MAX || strlen(text) >= UPSTREAM_ENDPOINT_SIZE)
		return;
	for (size_t i = 0; i < endpoints->count; i++)
		if (strcmp(endpoints->text[i], text) == 0)
			return;
	memcpy(endpoints->text[endpoints->count++], text, strlen(text) + 1);
}

/* Names ------------------------------------------------------------------------------------------------------- */

static void add_address(struct endpoints *found, const struct addrinfo *address, const char *port)
{
	char host[128], text[UPSTREAM_ENDPOINT_SIZE];

	if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		return;
	snprintf(text, sizeof(text), address->ai_family == AF_INET6 ? TCP "[%s]:%s" : TCP "%s:%s", host, port);
	add_endpoint(found, text);
}

/* False: not known just now. A name without addresses is known to have none. */
static bool resolve(const char *host, const char *port, struct endpoints *found)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	int fault = getaddrinfo(host, port, &hints, &addresses);

	found->count = 0;
	if (fault == EAI_NONAME || fault == EAI_NODATA)
		return true;
	if (fault != 0)
		return false;
	for (const struct addrinfo *address = addresses; address; address = address->ai_next)
		add_address(found, address, port);
	freeaddrinfo(addresses);
	return true;
}

static void names_release(struct names *names)
{
	bool last;

	pthread_mutex_lock(&names->lock);
	names->stop = true;
	last = --names->owners == 0;
	pthread_cond_signal(&names->stop_said);
	pthread_mutex_unlock(&names->lock);
	if (!last)
		return;
	pthread_cond_destroy(&names->stop_said);
	pthread_mutex_destroy(&names->lock);
	free(names);
}

static void resolve_all(struct names *names)
{
	struct endpoints *found = calloc(1, sizeof(*found));

	for (size_t i = 0; found && i < names->count; i++) {
		bool known = resolve(names->name[i].host, names->name[i].port, found);

		pthread_mutex_lock(&names->lock);
		if (known)
			names->name[i].found = *found;
		pthread_mutex_unlock(&names->lock);
	}
	free(found);
}

static void *names_run(void *context)
{
	struct names *names = context;
	bool stop = false;

	while (!stop) {
		struct timespec until;

		resolve_all(names);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += RESOLVE_EVERY_S;
		pthread_mutex_lock(&names->lock);
		while (!names->stop && pthread_cond_timedwait(&names->stop_said, &names->lock, &until) == 0)
			;
		stop = names->stop;
		pthread_mutex_unlock(&names->lock);
	}
	names_release(names);
	return NULL;
}

static bool names_start(struct names *names)
{
	sigset_t all, before;
	pthread_t thread;
	bool started;

	pthread_mutex_init(&names->lock, NULL);
	pthread_cond_init(&names->stop_said, NULL);
	names->owners = 2;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&thread, NULL, names_run, names) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		pthread_detach(thread);
	else
		names->owners = 1;
	return started;
}

/* The list ---------------------------------------------------------------------------------------------------- */

static bool add_pattern(struct upstream_list *list, const char *pattern)
{
	if (pattern[0] != '/' || list->pattern_count == ENTRIES_MAX)
		return false;
	list->patterns[list->pattern_count] = strdup(pattern);
	return list->patterns[list->pattern_count++];
}

/* "name:port", "[::1]:port" */
static bool add_name(struct upstream_list *list, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;

	if (size == 0 || size >= UPSTREAM_ENDPOINT_SIZE || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
		colon[1] == '\0' || strlen(colon + 1) > 5)
		return false;
	if (!list->names)
		list->names = calloc(1, sizeof(*list->names));
	if (!list->names || list->names->count == ENTRIES_MAX)
		return false;
	if (text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	memcpy(list->names->name[list->names->count].host, text, size);
	memcpy(list->names->name[list->names->count].port, colon + 1, strlen(colon + 1) + 1);
	list->names->count++;
	return true;
}

static bool add_entry(struct upstream_list *list, char *entry)
{
	size_t size;

	entry += strspn(entry, " ");
	size = strcspn(entry, " ");
	if (strspn(entry + size, " ") != strlen(entry + size))
		return false;
	entry[size] = '\0';
	if (strncmp(entry, IPC, strlen(IPC)) == 0)
		return add_pattern(list, entry + strlen(IPC));
	if (strncmp(entry, TCP, strlen(TCP)) == 0)
		return add_name(list, entry + strlen(TCP));
	return false;
}

static bool add_entries(struct upstream_list *list, const char *text)
{
	char *copy = strdup(text), *rest = NULL;
	bool good = copy;

	for (char *entry = good ? strtok_r(copy, ",", &rest) : NULL; entry && good; entry = strtok_r(NULL, ",", &rest))
		good = add_entry(list, entry);
	free(copy);
	return good;
}

struct upstream_list *upstream_list_open(const char *text)
{
	struct upstream_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	if (add_entries(list, text)) {
		if (!list->names || names_start(list->names))
			return list;
		names_release(list->names);
		list->names = NULL;
		upstream_list_close(&list);
		errno = EAGAIN;
		return NULL;
	}
	free(list->names); /* without its thread yet */
	list->names = NULL;
	upstream_list_close(&list);
	errno = EINVAL;
	return NULL;
}

void upstream_list_close(struct upstream_list **pointer)
{
	struct upstream_list *list = *pointer;

	*pointer = NULL;
	if (!list)
		return;
	for (size_t i = 0; i < list->pattern_count; i++)
		free(list->patterns[i]);
	if (list->names)
		names_release(list->names);
	free(list);
}

static void add_sockets(const char *pattern, struct endpoints *now)
{
	char text[UPSTREAM_ENDPOINT_SIZE];
	struct stat status;
	glob_t found;

	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (stat(found.gl_pathv[i], &status) == 0 && S_ISSOCK(status.st_mode) &&
				snprintf(text, sizeof(text), IPC "%s", found.gl_pathv[i]) < (int)sizeof(text))
				add_endpoint(now, text);
	}
	globfree(&found);
}

size_t upstream_list_now(struct upstream_list *list, char (*endpoints)[UPSTREAM_ENDPOINT_SIZE], size_t most)
{
	struct endpoints *now = &list->now;
	size_t count;

	now->count = 0;
	for (size_t i = 0; i < list->pattern_count; i++)
		add_sockets(list->patterns[i], now);
	if (list->names) {
		pthread_mutex_lock(&list->names->lock);
		for (size_t i = 0; i < list->names->count; i++)
			for (size_t j = 0; j < list->names->name[i].found.count; j++)
				add_endpoint(now, list->names->name[i].found.text[j]);
		pthread_mutex_unlock(&list->names->lock);
	}
	count = now->count < most ? now->count : most;
	memcpy(endpoints, now->text, count * sizeof(*endpoints));
	return count;
}
