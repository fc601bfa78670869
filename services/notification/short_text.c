#include "services/notification/short_text.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct line {
	struct buffer *out;
	size_t septets;
	bool is_full, ends_in_space;
};

static void put(struct line *line, char c)
{
	size_t cost = strchr("^{}\\[]~|", c) ? 2 : 1;

	if (c == ' ' && (line->ends_in_space || line->septets == 0))
		return;
	line->is_full |= line->septets + cost > SHORT_TEXT_SEPTETS;
	if (line->is_full)
		return;
	buffer_add(line->out, &c, 1);
	line->septets += cost;
	line->ends_in_space = c == ' ';
}

static char like_of(utf8proc_int32_t point)
{
	static const struct {
		utf8proc_int32_t point;
		char like;
	} LIKES[] = {{0x111, 'd'}, {0x110, 'D'}, {0x2018, '\''}, {0x2019, '\''}, {0x201c, '"'}, {0x201d, '"'},
		{0x2013, '-'}, {0x2014, '-'}, {0x2022, '-'}, {'`', '\''}, {0xd7, 'x'}};

	for (size_t i = 0; i < ARRAY_LENGTH(LIKES); i++)
		if (LIKES[i].point == point)
			return LIKES[i].like;
	if (point == '\n' || point == '\t' || point == ' ')
		return ' ';
	return point > ' ' && point < 0x7f ? (char)point : '?';
}

void short_text(struct bytes text, struct buffer *out)
{
	struct line line = {.out = out};
	utf8proc_uint8_t *plain = NULL;
	utf8proc_ssize_t size =
		text.size == 0 ? 0
			       : utf8proc_map(text.data, (utf8proc_ssize_t)text.size, &plain,
					 UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK | UTF8PROC_STABLE);

	if (size < 0)
		out->failed = true;
	for (utf8proc_ssize_t at = 0, used; at < size; at += used) {
		utf8proc_int32_t point;
		used = utf8proc_iterate(plain + at, size - at, &point);
		if (used <= 0)
			break;
		put(&line, like_of(point));
	}
	free(plain);
}
