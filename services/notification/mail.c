#include "services/notification/mail.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

enum {
	WORD_BYTES = 39, /* an encoded-word of RFC 2047 has at most 75 characters: 12 and 4/3 of this */
	LINE_BYTES = 57, /* 76 characters of base64 */
	VIETNAM_OFFSET_S = 7 * 3600,
};

static void add_base64(struct buffer *out, const uint8_t *data, size_t size)
{
	char text[sodium_base64_ENCODED_LEN(LINE_BYTES, sodium_base64_VARIANT_ORIGINAL)];

	assert(size <= LINE_BYTES);
	buffer_text(out, sodium_bin2base64(text, sizeof(text), data, size, sodium_base64_VARIANT_ORIGINAL));
}

/* A header's text; words end between characters. */
static void add_words(struct buffer *out, struct bytes text)
{
	while (text.size > 0) {
		size_t size = text.size < WORD_BYTES ? text.size : WORD_BYTES;

		while (size < text.size && size > 1 && (text.data[size] & 0xc0) == 0x80)
			size--;
		buffer_text(out, "=?UTF-8?B?");
		add_base64(out, text.data, size);
		buffer_text(out, text.size > size ? "?=\r\n " : "?=");
		text.data += size;
		text.size -= size;
	}
}

static void add_body(struct buffer *out, struct bytes text)
{
	for (size_t at = 0; at < text.size; at += LINE_BYTES) {
		add_base64(out, text.data + at, text.size - at < LINE_BYTES ? text.size - at : LINE_BYTES);
		buffer_text(out, "\r\n");
	}
}

/* Not strftime(): names of days and months must not follow a locale. */
static void add_date(struct buffer *out, int64_t now_us)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(now_us / 1000000) + VIETNAM_OFFSET_S;
	struct tm there;

	gmtime_r(&seconds, &there);
	buffer_format(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0700\r\n", days[there.tm_wday], there.tm_mday,
		months[there.tm_mon], there.tm_year + 1900, there.tm_hour, there.tm_min, there.tm_sec);
}

/* Line ends as mail has them. */
static void add_text(struct buffer *out, struct bytes text)
{
	struct buffer lines = {0};

	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '\n')
			buffer_text(&lines, "\r\n");
		else
			buffer_add(&lines, &text.data[i], 1);
	}
	buffer_text(&lines, "\r\n");
	add_body(out, buffer_bytes(&lines));
	out->failed |= lines.failed;
	if (lines.data)
		sodium_memzero(lines.data, lines.capacity);
	buffer_deinit(&lines);
}

void mail_write(const struct mail *mail, struct buffer *out)
{
	char id[2 * ID128_SIZE + 1];

	buffer_format(out, "From: <%s>\r\nTo: <%s>\r\nSubject: ", mail->from, mail->to);
	add_words(out, mail->subject);
	buffer_text(out, "\r\n");
	add_date(out, mail->now_us);
	buffer_format(out, "Message-ID: <%s@sangkien>\r\n", sodium_bin2hex(id, sizeof(id), mail->id.octet, ID128_SIZE));
	buffer_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	add_text(out, mail->text);
}
