#include "common/runtime/log.h"

#include "common/runtime/buffer.h"
#include "common/runtime/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES_MAX = 4096,    /* PIPE_BUF: one write to a pipe is not mixed with another process's */
	LINE_BYTES_RESERVED = 64, /* for what ends a line */
	VALUE_BYTES_MAX = 1024,
	NAME_BYTES_MAX = 64,
	RATE_SLOTS = 64,
	RATE_LINES_MAX = 50, /* of one event within a second; the rest is counted, and the next line says how many */
};

struct rate {
	uint64_t event_hash;
	int64_t second;
	uint32_t lines;
	uint64_t suppressed;
};

/* The process's one log: opened before any thread, then only touched under its lock. */
static struct {
	pthread_mutex_t lock;
	enum log_level least;
	char service[NAME_BYTES_MAX], instance[NAME_BYTES_MAX];
	struct buffer line; /* kept between lines: logging takes no memory in a full process */
	struct rate rates[RATE_SLOTS];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .least = LOG_INFO, .line.limit = LINE_BYTES_MAX - LINE_BYTES_RESERVED};

void log_open(const char *service, const char *instance, enum log_level least)
{
	pthread_mutex_lock(&state.lock);
	snprintf(state.service, sizeof(state.service), "%s", service);
	snprintf(state.instance, sizeof(state.instance), "%s", instance);
	state.least = least;
	pthread_mutex_unlock(&state.lock);
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash;
}

/* A loop that fails a million times a second must not fill the disk. False: not this line. */
static bool rate_allows(const char *event, uint64_t *suppressed)
{
	uint64_t hash = hash_text(event);
	struct rate *rate = &state.rates[hash % RATE_SLOTS];
	int64_t second = clock_monotonic_ms() / 1000;
	*suppressed = 0;
	if (rate->event_hash != hash) /* two events in one slot: the newcomer takes it */
		*rate = (struct rate){.event_hash = hash, .second = second};
	if (rate->second != second) {
		rate->second = second;
		rate->lines = 0;
	}
	if (rate->lines >= RATE_LINES_MAX) {
		rate->suppressed++;
		return false;
	}
	rate->lines++;
	*suppressed = rate->suppressed;
	rate->suppressed = 0;
	return true;
}

static void add_text(struct buffer *line, const char *text)
{
	if (text == NULL) {
		buffer_text(line, "null");
		return;
	}
	size_t size = strnlen(text, VALUE_BYTES_MAX + 1);
	if (size > VALUE_BYTES_MAX) {
		size = VALUE_BYTES_MAX;
		while (size > 0 && ((uint8_t)text[size] & 0xC0) == 0x80) /* no half character at the cut */
			size--;
	}
	buffer_json(line, (struct bytes){.data = (const uint8_t *)text, .size = size});
}

static void add_id(struct buffer *line, const struct id128 *id)
{
	buffer_text(line, "\"");
	for (size_t i = 0; i < ID128_SIZE; i++)
		buffer_format(line, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id->octet[i]);
	buffer_text(line, "\"");
}

static void add_value(struct buffer *line, const struct log_field *field)
{
	switch (field->type) {
	case LOG_FIELD_TEXT:
		add_text(line, field->value.text);
		break;
	case LOG_FIELD_I64:
		buffer_format(line, "%" PRId64, field->value.i64);
		break;
	case LOG_FIELD_U64:
		buffer_format(line, "%" PRIu64, field->value.u64);
		break;
	case LOG_FIELD_REAL:
		if (isfinite(field->value.real))
			buffer_format(line, "%.9g", field->value.real);
		else
			buffer_text(line, "null");
		break;
	case LOG_FIELD_BOOL:
		buffer_text(line, field->value.boolean ? "true" : "false");
		break;
	case LOG_FIELD_ID:
		add_id(line, field->value.id);
		break;
	}
}

static void add_fields(struct buffer *line, const struct log_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = line->size;
		buffer_text(line, ",");
		add_text(line, fields[i].name);
		buffer_text(line, ":");
		add_value(line, &fields[i]);
		if (line->failed) {
			line->size = before;
			line->failed = false;
			/* Goes into the bytes reserved for the end. */
			line->limit = LINE_BYTES_MAX;
			buffer_text(line, ",\"truncated\":true");
			break;
		}
	}
}

static void render(
	enum log_level level, const char *event, const struct log_field *fields, size_t count, uint64_t suppressed)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	struct buffer *line = &state.line;
	char time[CLOCK_TEXT_SIZE];
	clock_format_instant(clock_now_us(), time);
	buffer_clear(line);
	line->limit = LINE_BYTES_MAX - LINE_BYTES_RESERVED;
	buffer_format(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"service\":", time, levels[level]);
	add_text(line, state.service);
	buffer_text(line, ",\"instance\":");
	add_text(line, state.instance);
	buffer_text(line, ",\"event\":");
	add_text(line, event);
	if (suppressed > 0)
		buffer_format(line, ",\"suppressed\":%" PRIu64, suppressed);
	add_fields(line, fields, count);
	line->limit = LINE_BYTES_MAX;
	buffer_text(line, "}\n");
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	int saved = errno; /* callers log between a failure and looking at its errno */
	uint64_t suppressed;
	pthread_mutex_lock(&state.lock);
	if (level >= state.least && rate_allows(event, &suppressed)) {
		render(level, event, fields, count, suppressed);
		ssize_t written;
		do
			written = write(STDERR_FILENO, state.line.data, state.line.size);
		while (written < 0 && errno == EINTR);
		/* Nobody reads the log: there is nowhere to say so. */
	}
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}
