#include "services/notification/templates.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

enum {
	WORD_BYTES = 39, /* an encoded-word of RFC 2047 has at most 75 characters: 12 and 4/3 of this */
	LINE_BYTES = 57, /* 76 characters of base64 */
	REASON_BYTES_MAX = 160,
	VIETNAM_OFFSET_S = 7 * 3600,
};

static struct bilingual status_words(enum submission_status status)
{
	switch (status) {
	case STATUS_UNDER_REVIEW:
		return (struct bilingual){"đang được xem xét", "is under review"};
	case STATUS_COUNTED:
		return (struct bilingual){"đã được tính", "has been counted"};
	case STATUS_REJECTED:
		return (struct bilingual){"không được chấp nhận", "was not accepted"};
	case STATUS_DUPLICATE:
		return (struct bilingual){"trùng với một sáng kiến đã có", "repeats one that was entered before"};
	case STATUS_REVOKED:
		return (struct bilingual){"đã bị thu hồi", "has been revoked"};
	case STATUS_RECEIVED:
		break;
	}
	return (struct bilingual){"đã được tiếp nhận", "has been received"};
}

/* Encoding ----------------------------------------------------------------------------------------------------------
 */

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

/* Words -------------------------------------------------------------------------------------------------------------
 */

/* "code field" as a line of its own. */
static void add_reason(struct buffer *out, struct bytes reason, bool english)
{
	char code[REASON_BYTES_MAX] = "";
	char *field;
	size_t size = reason.size < sizeof(code) - 1 ? reason.size : sizeof(code) - 1;

	if (size == 0)
		return;
	memcpy(code, reason.data, size);
	code[size] = '\0';
	field = strchr(code, ' ');
	if (field)
		*field++ = '\0';
	buffer_format(out, "- %s\r\n", reason_text(code, field ? field : "", english));
}

static void add_reasons(struct buffer *out, struct bytes reasons, bool english)
{
	if (reasons.size == 0)
		return;
	buffer_text(out, english ? "Why:\r\n" : "Lý do:\r\n");
	while (reasons.size > 0) {
		const uint8_t *end = memchr(reasons.data, ';', reasons.size);
		size_t size = end ? (size_t)(end - reasons.data) : reasons.size;

		add_reason(out, (struct bytes){reasons.data, size}, english);
		size += end != NULL;
		reasons.data += size;
		reasons.size -= size;
	}
}

static void add_text(const struct notice *notice, struct buffer *out)
{
	struct bilingual words = status_words(notice->status);
	char code[TRACKING_CODE_SIZE], received[CLOCK_TEXT_SIZE], decided[CLOCK_TEXT_SIZE];

	tracking_code_format(&notice->submission, code);
	clock_format_instant(notice->received_at, received);
	clock_format_instant(notice->decided_at, decided);
	buffer_format(out, "Sáng kiến của bạn trong \"%s\" %s.\r\n\r\n", notice->campaign.vi, words.vi);
	add_reasons(out, notice->reasons, false);
	buffer_format(out, "Mã tra cứu: %s\r\nTiếp nhận lúc: %s\r\nQuyết định lúc: %s\r\n", code, received, decided);
	buffer_format(out, "\r\n---\r\n\r\nYour initiative in \"%s\" %s.\r\n\r\n", notice->campaign.en, words.en);
	add_reasons(out, notice->reasons, true);
	buffer_format(out, "Tracking code: %s\r\nReceived: %s\r\nDecided: %s\r\n", code, received, decided);
}

static void add_subject(const struct notice *notice, struct buffer *out)
{
	struct buffer subject = {0};

	buffer_format(&subject, "Sáng kiến của bạn %s", status_words(notice->status).vi);
	buffer_text(out, "Subject: ");
	add_words(out, buffer_bytes(&subject));
	buffer_text(out, "\r\n");
	out->failed |= subject.failed;
	buffer_deinit(&subject);
}

void template_mail(const struct notice *notice, const char *from, const char *to, int64_t now_us, struct buffer *out)
{
	char id[2 * ID128_SIZE + 1];
	struct buffer text = {0};

	buffer_format(out, "From: <%s>\r\nTo: <%s>\r\n", from, to);
	add_subject(notice, out);
	add_date(out, now_us);
	buffer_format(out, "Message-ID: <%s@sangkien>\r\n",
		sodium_bin2hex(id, sizeof(id), notice->outbox_id.octet, ID128_SIZE));
	buffer_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	add_text(notice, &text);
	add_body(out, buffer_bytes(&text));
	out->failed |= text.failed;
	buffer_deinit(&text);
}
