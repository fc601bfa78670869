/* Logs are events with typed fields, JSON lines on stderr. No KV type prints personal data (law 10).
 * A line has at most 4,096 bytes and a value 1,024 (what is longer is cut, the line still whole JSON); of one event at
 * most 50 lines a second are written, and the next one says how many were "suppressed". Any thread. */
#ifndef SANGKIEN_RUNTIME_LOG_H
#define SANGKIEN_RUNTIME_LOG_H

#include "common/runtime/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *name;
	enum { LOG_FIELD_TEXT, LOG_FIELD_I64, LOG_FIELD_U64, LOG_FIELD_REAL, LOG_FIELD_BOOL, LOG_FIELD_ID } type;
	union {
		const char *text;
		int64_t i64;
		uint64_t u64;
		double real;
		bool boolean;
		const struct id128 *id;
	} value;
};

#define KV_TEXT(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_TEXT, .value.text = (v)})
#define KV_I64(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_I64, .value.i64 = (v)})
#define KV_U64(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_U64, .value.u64 = (v)})
#define KV_REAL(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_REAL, .value.real = (v)})
#define KV_BOOL(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_BOOL, .value.boolean = (v)})
#define KV_ID(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_ID, .value.id = (v)})

/* Set once in main() before any thread: names in every line, and the least level written. */
void log_open(const char *service, const char *instance, enum log_level least);

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define log_fields_(...)                                                                                               \
	(const struct log_field[]){__VA_ARGS__},                                                                       \
		sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
#define log_debug(event, ...) log_event(LOG_DEBUG, event, log_fields_(__VA_ARGS__))
#define log_info(event, ...) log_event(LOG_INFO, event, log_fields_(__VA_ARGS__))
#define log_warn(event, ...) log_event(LOG_WARN, event, log_fields_(__VA_ARGS__))
#define log_error(event, ...) log_event(LOG_ERROR, event, log_fields_(__VA_ARGS__))

#endif
