/* The listening socket of the HTTP server: an address of the internet or a unix path. */
#include "common/runtime/http_private.h"
#include "common/runtime/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPT_TURN = 128, ACCEPT_SHORT_MS = 100, SPARE_DESCRIPTORS = 256 };

static bool complain(const char *address, const char *why)
{
	log_error("http_listen_failed", KV_TEXT("address", address), KV_TEXT("why", why));
	return false;
}

/* A socket file that nobody listens on is what a killed process left. */
static bool unix_is_free(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool answered = connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0;
	bool stale = !answered && errno == ECONNREFUSED;
	close(fd);
	if (stale)
		unlink(name->sun_path);
	return !answered;
}

static bool listen_unix(struct http_server *server, const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct stat status;
	if (strlen(path) >= sizeof(name.sun_path))
		return complain(
			path, "longer than a unix socket's path may be (107 bytes): choose a shorter run directory");
	memcpy(name.sun_path, path, strlen(path) + 1);
	if (!unix_is_free(&name))
		return complain(path, "another process listens there");
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
		chmod(path, 0660) != 0 || stat(path, &status) != 0 || listen(server->listener, BACKLOG) != 0)
		return complain(path, strerror(errno));
	memcpy(server->socket_path, path, strlen(path) + 1);
	server->socket_device = status.st_dev;
	server->socket_inode = status.st_ino;
	snprintf(server->address, sizeof(server->address), "unix:%s", path);
	return true;
}

/* "[::1]:80" or "127.0.0.1:80" into its two parts, in place. */
static bool split_port(char *text, char **host, char **port)
{
	*port = strrchr(text, ':');
	if (!*port)
		return false;
	*(*port)++ = '\0';
	*host = text;
	size_t size = strlen(text);
	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		text[size - 1] = '\0';
		*host = text + 1;
	}
	return true;
}

static bool note_address(struct http_server *server)
{
	struct sockaddr_storage name = {0};
	socklen_t size = sizeof(name);
	char host[INET6_ADDRSTRLEN], port[8];
	if (getsockname(server->listener, (struct sockaddr *)&name, &size) != 0 ||
		getnameinfo((struct sockaddr *)&name, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(
		server->address, sizeof(server->address), name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

static bool listen_internet(struct http_server *server, const char *address)
{
	char text[128], *host, *port;
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
	if (strlen(address) >= sizeof(text))
		return complain(address, "too long for an address");
	memcpy(text, address, strlen(address) + 1);
	if (!split_port(text, &host, &port))
		return complain(address, "no port; write HOST:PORT or unix:/path");
	int fault = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (fault != 0)
		return complain(address, gai_strerror(fault));
	int yes = 1;
	server->listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool bound = server->listener >= 0 &&
		     setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
		     bind(server->listener, found->ai_addr, found->ai_addrlen) == 0 &&
		     listen(server->listener, BACKLOG) == 0 && note_address(server);
	freeaddrinfo(found);
	return bound || complain(address, strerror(errno));
}

/* As many descriptors as connections, where the hard limit lets us. */
static void raise_descriptors(uint32_t wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)wanted + SPARE_DESCRIPTORS)
		return;
	limit.rlim_cur = (rlim_t)wanted + SPARE_DESCRIPTORS;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("descriptors_not_raised", KV_U64("wanted", wanted));
}

bool http_listen(struct http_server *server, const char *address)
{
	raise_descriptors(server->limits->connections_max);
	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(server, address + 5);
	return listen_internet(server, address);
}

void http_listen_close(struct http_server *server)
{
	struct stat status;
	if (server->listener >= 0)
		close(server->listener);
	server->listener = -1;
	/* Only our own: a new instance may have bound the path since. */
	if (server->socket_path[0] != '\0' && stat(server->socket_path, &status) == 0 &&
		status.st_dev == server->socket_device && status.st_ino == server->socket_inode)
		unlink(server->socket_path);
	server->socket_path[0] = '\0';
}

/* Out of descriptors or memory: the others wait in the backlog, and we try again a little later. */
static void accept_is_short(struct http_server *server)
{
	if (!server->accept_short)
		log_warn("http_accept_short", KV_TEXT("why", strerror(errno)));
	server->accept_short = true;
	server->accept_again_ms = server->now_ms + ACCEPT_SHORT_MS;
}

void http_accept(struct http_server *server)
{
	server->accept_again_ms = INT64_MAX;
	for (int turn = 0; turn < ACCEPT_TURN && server->free_count > 0; turn++) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			accept_is_short(server);
			return;
		}
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0)
			continue; /* that one went before it was taken */
		server->accept_short = false;
		struct http_connection *connection = http_connection_new(server, fd);
		if (!connection)
			close(fd);
	}
}
