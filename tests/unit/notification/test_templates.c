/* Catches: a mail that a server would cut or refuse (long lines, octets outside ASCII, bare line ends), a character
 * torn in two in a header, a reason that breaks the text. */
#include "services/notification/templates.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct notice NOTICE = {
	.outbox_id = {{0xab, 0xcd}},
	.submission = {{1, 2, 3}},
	.campaign = {"75 nghìn sáng kiến, vượt khó, phát triển", "75 thousand initiatives"},
	.status = STATUS_REJECTED,
	.received_at = INT64_C(1618937999000000),
	.decided_at = INT64_C(1618938000000000),
};

static char *write_mail(const struct notice *notice, struct buffer *out)
{
	template_mail(notice, "from@example.vn", "to@example.vn", INT64_C(1618938000000000), out);
	assert_false(out->failed);
	buffer_add(out, "", 1);
	return (char *)out->data;
}

/* The decoded text after the empty line. */
static char *read_body(const char *mail)
{
	const char *encoded = strstr(mail, "\r\n\r\n");
	size_t size = strlen(mail), decoded;
	char *body = calloc(1, size);

	assert_non_null(encoded);
	assert_non_null(body);
	assert_int_equal(sodium_base642bin((uint8_t *)body, size, encoded + 4, strlen(encoded + 4), "\r\n", &decoded,
				 NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	return body;
}

static void test_lines_are_short_and_ascii(void **state)
{
	struct notice notice = NOTICE;
	struct buffer out = {0};
	const char *line, *end;

	(void)state;
	for (int status = STATUS_RECEIVED; status <= STATUS_REVOKED; status++) {
		notice.status = (enum submission_status)status;
		buffer_clear(&out);
		for (line = write_mail(&notice, &out); *line != '\0'; line = end + 2) {
			end = strstr(line, "\r\n");
			assert_non_null(end);
			assert_in_range(end - line, 0, 78);
			for (const char *c = line; c < end; c++)
				assert_in_range(*c, ' ', '~');
		}
	}
	buffer_deinit(&out);
}

static void test_subject_words_are_whole_characters(void **state)
{
	struct notice notice = NOTICE;
	struct buffer out = {0};
	uint8_t word[64];
	size_t size;
	int words = 0;

	(void)state;
	notice.status = STATUS_DUPLICATE; /* the longest */
	for (const char *at = strstr(write_mail(&notice, &out), "=?UTF-8?B?"); at; at = strstr(at, "=?UTF-8?B?")) {
		at += strlen("=?UTF-8?B?");
		assert_int_equal(sodium_base642bin(word, sizeof(word), at, strcspn(at, "?"), NULL, &size, NULL,
					 sodium_base64_VARIANT_ORIGINAL),
			0);
		assert_int_not_equal(word[0] & 0xc0, 0x80);
		words++;
	}
	assert_true(words >= 2);
	buffer_deinit(&out);
}

static void test_body_says_it_in_both_languages(void **state)
{
	struct notice notice = NOTICE;
	struct buffer out = {0};
	static const char reasons[] = "too_long description;not_known_anywhere;required category;;";
	char *body;

	(void)state;
	notice.reasons = (struct bytes){(const uint8_t *)reasons, strlen(reasons)};
	body = read_body(write_mail(&notice, &out));
	assert_non_null(strstr(body, "75 nghìn sáng kiến, vượt khó, phát triển\" không được chấp nhận."));
	assert_non_null(strstr(body, reason_text("too_long", "description", false)));
	assert_non_null(strstr(body, reason_text("required", "category", true)));
	assert_non_null(strstr(body, "- not_known_anywhere\r\n"));
	assert_true(strstr(body, "Lý do") < strstr(body, "Your initiative"));
	assert_non_null(strstr(body, "2021-04-20T23:59:59+07:00"));
	assert_null(strstr(body, "- \r\n"));
	assert_non_null(strstr((char *)out.data, "Date: Wed, 21 Apr 2021 00:00:00 +0700\r\n"));
	assert_non_null(strstr((char *)out.data, "Message-ID: <abcd0000000000000000000000000000@sangkien>\r\n"));
	free(body);
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_short_and_ascii),
		cmocka_unit_test(test_subject_words_are_whole_characters),
		cmocka_unit_test(test_body_says_it_in_both_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
