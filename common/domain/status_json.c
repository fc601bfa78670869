#include "common/domain/status_json.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"

#include <string.h>

enum { WORD_SIZE = 64 };

static void add_instant(const char *name, int64_t instant, struct buffer *out)
{
	char text[CLOCK_TEXT_SIZE];
	buffer_format(out, ",\"%s\":", name);
	if (instant == 0) {
		buffer_text(out, "null");
		return;
	}
	clock_format_instant(instant, text);
	buffer_format(out, "\"%s\"", text);
}

/* One "code field" of the list; gives where the next begins. */
static size_t take_reason(struct bytes reasons, char code[WORD_SIZE], char field[WORD_SIZE])
{
	size_t end = 0;
	while (end < reasons.size && reasons.data[end] != ';')
		end++;
	const uint8_t *space = memchr(reasons.data, ' ', end);
	size_t code_size = space == NULL ? end : (size_t)(space - reasons.data);
	size_t field_size = space == NULL ? 0 : end - code_size - 1;
	code_size = code_size < WORD_SIZE ? code_size : WORD_SIZE - 1;
	field_size = field_size < WORD_SIZE ? field_size : WORD_SIZE - 1;
	memcpy(code, reasons.data, code_size);
	code[code_size] = '\0';
	if (field_size > 0)
		memcpy(field, space + 1, field_size);
	field[field_size] = '\0';
	return end < reasons.size ? end + 1 : end;
}

static void add_reasons(struct bytes reasons, bool english, struct buffer *out)
{
	char code[WORD_SIZE], field[WORD_SIZE];
	buffer_text(out, ",\"reasons\":[");
	for (bool first = true; reasons.size > 0; first = false) {
		size_t used = take_reason(reasons, code, field);
		reasons.data += used;
		reasons.size -= used;
		buffer_text(out, first ? "{\"code\":" : ",{\"code\":");
		buffer_json_text(out, code);
		buffer_text(out, ",\"field\":");
		if (field[0] == '\0')
			buffer_text(out, "null");
		else
			buffer_json_text(out, field);
		buffer_text(out, ",\"message\":");
		buffer_json_text(out, reason_text(code, field, english));
		buffer_text(out, "}");
	}
	buffer_text(out, "]");
}

static void add_similar(const struct status_report *report, struct buffer *out)
{
	buffer_text(out, ",\"similar\":[");
	for (size_t i = 0; i < report->similar_count; i++)
		buffer_format(out, "%s{\"score\":%.3f}", i > 0 ? "," : "", report->similar[i]);
	buffer_text(out, "]");
}

static void add_history(const struct status_report *report, struct buffer *out)
{
	buffer_text(out, ",\"history\":[");
	for (size_t i = 0; i < report->history_count; i++) {
		const struct status_change *change = &report->history[i];
		buffer_format(out, "%s{\"status\":\"%s\"", i > 0 ? "," : "", status_name(change->status));
		add_instant("at", change->at, out);
		buffer_text(out, "}");
	}
	buffer_text(out, "]");
}

void status_json(const struct status_report *report, bool english, struct buffer *out)
{
	char code[TRACKING_CODE_SIZE];
	tracking_code_format(&report->id, code);
	buffer_format(out, "\"tracking_code\":\"%s\",\"campaign\":", code);
	buffer_json_text(out, report->campaign);
	buffer_text(out, ",\"unit\":");
	buffer_json(out, report->unit);
	buffer_format(out, ",\"status\":\"%s\"", status_name(report->status));
	add_reasons(report->reasons, english, out);
	if (report->phase == 0)
		buffer_text(out, ",\"phase\":null");
	else
		buffer_format(out, ",\"phase\":%u", report->phase);
	add_instant("received_at", report->received_at, out);
	add_instant("decided_at", report->decided_at, out);
	add_similar(report, out);
	add_history(report, out);
}
