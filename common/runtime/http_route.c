/* The request's target cut into path and query, and the table of routes. Pure. */
#include "common/runtime/http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; false for a broken escape or a NUL. */
static bool percent_decode(char *text, bool plus_is_space)
{
	char *out = text;
	for (const char *in = text; *in != '\0'; in++, out++) {
		*out = plus_is_space && *in == '+' ? ' ' : *in;
		if (*in != '%')
			continue;
		int high = hex_digit(in[1]);
		int low = high < 0 ? -1 : hex_digit(in[2]);
		if (low < 0 || (high | low) == 0)
			return false;
		*out = (char)(high * 16 + low);
		in += 2;
	}
	*out = '\0';
	return true;
}

static bool query_parse(struct http_target *target, char *query)
{
	size_t most = 1;
	for (const char *c = query; *c != '\0'; c++)
		most += *c == '&';
	if (most > HTTP_QUERY_MAX)
		return false;
	target->query = calloc(most, sizeof(*target->query));
	if (!target->query)
		return false;
	char *rest = query;
	for (char *pair; (pair = strsep(&rest, "&"));) {
		char *value = strchr(pair, '=');
		if (value)
			*value++ = '\0';
		if (*pair == '\0')
			continue;
		if (!percent_decode(pair, true) || (value && !percent_decode(value, true)))
			return false;
		target->query[target->query_count++] = (struct http_pair){pair, value ? value : pair + strlen(pair)};
	}
	return true;
}

/* "http://host/path" is what a proxy is asked; a server must take it too. */
static char *skip_authority(char *target)
{
	if (strncasecmp(target, "http://", 7) != 0)
		return target;
	char *path = strpbrk(target + 7, "/?");
	return path && *path == '/' ? path : NULL;
}

bool http_target_parse(struct http_target *target, const char *raw)
{
	target->memory = strdup(raw);
	if (!target->memory)
		return false;
	target->path = skip_authority(target->memory);
	if (!target->path || (*target->path != '/' && strcmp(target->path, "*") != 0) || strchr(target->path, '#'))
		return false;
	char *query = strchr(target->path, '?');
	if (!query)
		return true;
	*query++ = '\0';
	return query_parse(target, query);
}

void http_target_deinit(struct http_target *target)
{
	free(target->memory);
	free(target->query);
	*target = (struct http_target){0};
}

/* "submissions%3Abatch" is "submissions:batch". */
static bool literal_matches(const char *literal, size_t length, const char *segment, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < length; i++, at++) {
		if (at >= size)
			return false;
		int octet = (unsigned char)segment[at];
		if (octet == '%' && at + 2 < size) {
			octet = hex_digit(segment[at + 1]) * 16 + hex_digit(segment[at + 2]);
			at += 2;
		}
		if (octet != (unsigned char)literal[i])
			return false;
	}
	return at == size;
}

/* One segment of the pattern against one of the path; a value is noted undecoded. */
static bool segment_matches(struct http_target *target, const char **pattern, char *segment, size_t size)
{
	const char *start = *pattern;
	*pattern = strchrnul(start, '/');
	if (*start != '{')
		return literal_matches(start, (size_t)(*pattern - start), segment, size);
	if (size == 0 || target->value_count == HTTP_PATH_VALUES_MAX)
		return false;
	target->values[target->value_count++] = (struct http_pair){start, segment};
	return true;
}

static bool path_matches(struct http_target *target, const char *pattern)
{
	char *path = target->path;
	target->value_count = 0;
	while (*pattern == '/' && *path == '/') {
		pattern++;
		char *segment = ++path;
		path = strchrnul(segment, '/');
		if (!segment_matches(target, &pattern, segment, (size_t)(path - segment)))
			return false;
	}
	return *pattern == '\0' && *path == '\0';
}

/* Cuts and decodes the values noted by path_matches(). */
static bool values_decode(struct http_target *target)
{
	for (uint32_t i = 0; i < target->value_count; i++)
		*strchrnul(target->values[i].value, '/') = '\0';
	for (uint32_t i = 0; i < target->value_count; i++)
		if (!percent_decode(target->values[i].value, false))
			return false;
	return true;
}

static void allow_add(char *allow, size_t size, const char *method)
{
	size_t used = strlen(allow);
	snprintf(allow + used, size - used, "%s%s%s", used > 0 ? ", " : "", method,
		strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct http_route *http_route_find(const struct http_route *routes, size_t count, const char *method,
	struct http_target *target, char *allow, size_t allow_size)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	allow[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (!path_matches(target, routes[i].path))
			continue;
		if (strcmp(routes[i].method, wanted) != 0) {
			allow_add(allow, allow_size, routes[i].method);
			continue;
		}
		allow[0] = '\0';
		return values_decode(target) ? &routes[i] : NULL;
	}
	return NULL;
}
