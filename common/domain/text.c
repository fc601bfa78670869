#include "common/domain/text.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* A run of more is no writing of any language; canonical ordering of a long run costs its square (UAX #15's
 * stream-safe format draws the same line). */
enum { COMBINING_RUN_MAX = 30 };

enum { NOT_UTF8 = -1 };

/* One code point and its length in octets; NOT_UTF8 for overlong forms, surrogates, what is beyond U+10FFFF, and an
 * end in the middle. */
static int32_t decode(const uint8_t *at, const uint8_t *end, size_t *length)
{
	static const int32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;

	*length = size;
	if (size == 1)
		return at[0];
	if (size == 0 || (size_t)(end - at) < size)
		return NOT_UTF8;
	int32_t point = at[0] & (0x7F >> size);
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return NOT_UTF8;
		point = point << 6 | (at[i] & 0x3F);
	}
	if (point < LEAST[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
		return NOT_UTF8;
	return point;
}

static bool is_tail(uint8_t octet)
{
	return (octet & 0xC0) == 0x80;
}

/* Length of what nearly all Vietnamese text consists of: printable ASCII, LF, letters of U+00C0 to U+02FF and
 * precomposed ones of U+1E00 to U+1EFF. Each stands for itself in the stored form, is composed whatever its neighbours
 * are, and is a character of its own beside another one. 0: something else. */
static size_t plain_length(const uint8_t *at, const uint8_t *end)
{
	if (at[0] < 0x80)
		return (at[0] >= 0x20 && at[0] != 0x7F) || at[0] == '\n';
	if (at[0] >= 0xC3 && at[0] <= 0xCB)
		return end - at >= 2 && is_tail(at[1]) ? 2 : 0;
	if (at[0] == 0xE1 && end - at >= 3 && at[1] >= 0xB8 && at[1] <= 0xBB && is_tail(at[2]))
		return at[1] == 0xBA && at[2] == 0x9B ? 0 : 3; /* U+1E9B has another NFC form */
	return 0;
}

static bool is_space(int32_t point)
{
	return point == ' ' || point == '\n' || point == 0xA0 || point == 0x1680 ||
	       (point >= 0x2000 && point <= 0x200A) || point == 0x202F || point == 0x205F || point == 0x3000;
}

/* Controls of C0 and C1, and the code points that Unicode promises never to be characters. */
static bool is_refused(int32_t point)
{
	return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point & 0xFFFE) == 0xFFFE ||
	       (point >= 0xFDD0 && point <= 0xFDEF);
}

/* Word writes its Symbol and Wingdings signs as U+F000 + the octet in the font; nobody else has those fonts. */
static const char *word_sign(int32_t point)
{
	switch (point) {
	case 0xF020:
		return " ";
	case 0xF04A: /* what Word makes of ":-)" */
		return "☺";
	case 0xF04C:
		return "☹";
	case 0xF0DF: /* "<--" */
		return "←";
	case 0xF0E0: /* "-->" */
		return "→";
	default:
		return "•";
	}
}

/* What stands for a code point in the stored form; NULL: itself. */
static const char *replacement(int32_t point)
{
	if (point == '\t')
		return " ";
	if (point == '\r' || point == '\v' || point == 0x85 || point == 0x2028 || point == 0x2029)
		return "\n";
	if (point == 0xFEFF || point == 0x200B)
		return "";
	if (point >= 0xF000 && point <= 0xF0FF)
		return word_sign(point);
	return NULL;
}

/* No NFC form differs where all code points are of these: what Vietnamese is written with, typed precomposed. */
static bool is_surely_composed(int32_t point)
{
	return point < 0x300 || (point >= 0x1E00 && point <= 0x1EFF && point != 0x1E9B) ||
	       (point >= 0x2002 && point <= 0x2122) || (point >= 0x2190 && point <= 0x2328) ||
	       (point >= 0x2500 && point <= 0x2ADB) || (point >= 0x4E00 && point <= 0x9FFF) ||
	       (point >= 0xE000 && point <= 0xF8FF) || (point >= 0x1F000 && point <= 0x1FAFF);
}

struct cleaning {
	struct buffer *out;
	size_t begin;             /* of this text in `out` */
	const uint8_t *run;       /* from here to where it reads, octets stand for themselves and are not copied yet */
	const uint8_t *marks_end; /* behind the last combining mark */
	size_t marks;             /* in a row, up to there */
	bool needs_compose;       /* some code point may have another NFC form */
};

static void copy_run(struct cleaning *cleaning, const uint8_t *until)
{
	if (until > cleaning->run)
		buffer_add(cleaning->out, cleaning->run, (size_t)(until - cleaning->run));
}

/* What is not plain but stands for itself. False: a tower of marks. */
static bool keep_point(struct cleaning *cleaning, int32_t point, const uint8_t *at, size_t length)
{
	if (is_surely_composed(point))
		return true;
	cleaning->needs_compose = true;
	if (utf8proc_get_property(point)->combining_class == 0)
		return true;
	cleaning->marks = cleaning->marks_end == at ? cleaning->marks + 1 : 1;
	cleaning->marks_end = at + length;
	return cleaning->marks <= COMBINING_RUN_MAX;
}

/* One code point that is not plain; *next is behind it. */
static enum text_fault add_point(struct cleaning *cleaning, const uint8_t *at, const uint8_t *end, const uint8_t **next)
{
	size_t length;
	int32_t point = decode(at, end, &length);

	if (point == NOT_UTF8)
		return TEXT_NOT_UTF8;
	*next = at + length;
	const char *instead = replacement(point);
	if (instead == NULL) {
		if (is_refused(point) || !keep_point(cleaning, point, at, length))
			return TEXT_CONTROL;
		return TEXT_OK;
	}
	copy_run(cleaning, at);
	if (point == '\r' && *next < end && **next == '\n')
		instead = ""; /* the LF of CRLF is what stays */
	buffer_text(cleaning->out, instead);
	cleaning->run = *next;
	/* What is dropped separates no marks. */
	if (*instead == '\0' && cleaning->marks_end == at)
		cleaning->marks_end = *next;
	return TEXT_OK;
}

static enum text_fault add_all(struct cleaning *cleaning, struct bytes raw)
{
	const uint8_t *at = raw.data, *end = raw.data + raw.size;

	cleaning->run = at;
	while (at < end) {
		size_t length = plain_length(at, end);

		if (length > 0) {
			at += length;
			continue;
		}
		enum text_fault fault = add_point(cleaning, at, end, &at);
		if (fault != TEXT_OK)
			return fault;
	}
	copy_run(cleaning, end);
	return TEXT_OK;
}

/* In place of what was written since `begin`: its NFC. */
static bool compose(struct buffer *out, size_t begin)
{
	uint8_t *composed = NULL;
	utf8proc_ssize_t size = utf8proc_map(out->data + begin, (utf8proc_ssize_t)(out->size - begin), &composed,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE);

	if (size < 0)
		return false;
	out->size = begin;
	buffer_add(out, composed, (size_t)size);
	free(composed);
	return !out->failed;
}

static size_t trimmed_front(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *begin = at;

	while (at < end) {
		size_t length;
		if (!is_space(decode(at, end, &length)))
			break;
		at += length;
	}
	return (size_t)(at - begin);
}

static size_t trimmed_back(const uint8_t *begin, const uint8_t *end)
{
	const uint8_t *last = end;

	while (last > begin) {
		const uint8_t *at = last - 1;
		size_t length;
		while (at > begin && (*at & 0xC0) == 0x80)
			at--;
		if (!is_space(decode(at, end, &length)))
			break;
		last = at;
	}
	return (size_t)(end - last);
}

static void trim(struct buffer *out, size_t begin)
{
	if (out->size == begin)
		return;
	out->size -= trimmed_back(out->data + begin, out->data + out->size);
	size_t front = trimmed_front(out->data + begin, out->data + out->size);
	memmove(out->data + begin, out->data + begin + front, out->size - begin - front);
	out->size -= front;
}

enum text_fault text_clean(struct bytes raw, struct buffer *out)
{
	struct cleaning cleaning = {.out = out, .begin = out->size};

	if (raw.size == 0)
		return out->failed ? TEXT_TOO_LARGE : TEXT_OK;
	enum text_fault fault = add_all(&cleaning, raw);
	if (out->failed)
		return TEXT_TOO_LARGE;
	if (fault != TEXT_OK) {
		out->size = cleaning.begin;
		return fault;
	}
	trim(out, cleaning.begin);
	if (cleaning.needs_compose && out->size > cleaning.begin && !compose(out, cleaning.begin))
		return TEXT_TOO_LARGE;
	return TEXT_OK;
}

size_t text_characters(struct bytes text)
{
	const uint8_t *at = text.data, *end = text.data + text.size;
	size_t characters = 0;
	int32_t before = 0, state = 0;
	bool before_is_plain = true;

	while (at < end) {
		size_t length = plain_length(at, end);
		bool is_plain = length > 0;

		if (is_plain && before_is_plain) {
			characters++;
			before = at[0]; /* any plain one: none joins what follows more than another */
			at += length;
			continue;
		}
		int32_t point = decode(at, end, &length);
		if (point == NOT_UTF8) {
			point = 0; /* a control: joins nothing */
			length = 1;
		}
		if (before_is_plain)
			state = 0; /* utf8proc's state carries emoji and flags from one pair to the next */
		if (characters == 0 || utf8proc_grapheme_break_stateful(before, point, &state))
			characters++;
		before = point;
		before_is_plain = is_plain;
		at += length;
	}
	return characters;
}

static utf8proc_int32_t plain_d(utf8proc_int32_t point, void *unused)
{
	(void)unused;
	return point == 0x111 || point == 0x110 || point == 0xF0 || point == 0xD0 ? 'd' : point;
}

void text_fold_search(struct bytes text, struct buffer *out)
{
	uint8_t *folded = NULL;

	if (text.size == 0)
		return;
	utf8proc_ssize_t size = utf8proc_map_custom(text.data, (utf8proc_ssize_t)text.size, &folded,
		UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
		plain_d, NULL);
	if (size >= 0)
		buffer_add(out, folded, (size_t)size);
	free(folded);
}
