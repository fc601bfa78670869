/* Catches: a mail that a server would cut or refuse (long lines, octets outside ASCII, bare line ends), a character
 * torn in two in a header, a recipient that puts a second one, a header or a command into a mail. */
#include "services/notification/mail.h"
#include "services/notification/transfer.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char SUBJECT[] = "Sáng kiến của bạn trùng với một sáng kiến đã có, xin xem lại giúp cho";

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static char *write_mail(const char *text, struct buffer *out)
{
	const struct mail mail = {.id = {{0xab, 0xcd}},
		.from = "from@example.vn",
		.to = "to@example.vn",
		.subject = bytes_of(SUBJECT),
		.text = bytes_of(text),
		.now_us = INT64_C(1618938000000000)};

	mail_write(&mail, out);
	assert_false(out->failed);
	buffer_add(out, "", 1);
	return (char *)out->data;
}

static void test_lines_are_short_and_ascii(void **state)
{
	struct buffer out = {0};
	char *text = calloc(1, 10001);
	const char *end;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 10000);
	text[500] = (char)0xc4; /* đ */
	text[501] = (char)0x91;
	text[502] = '\n';
	for (const char *line = write_mail(text, &out); *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		assert_non_null(end);
		assert_in_range(end - line, 0, 78);
		for (const char *c = line; c < end; c++)
			assert_in_range(*c, ' ', '~');
	}
	free(text);
	buffer_deinit(&out);
}

static void test_subject_words_are_whole_characters(void **state)
{
	struct buffer out = {0};
	uint8_t word[64];
	size_t size;
	int words = 0;

	(void)state;
	for (const char *at = strstr(write_mail("x", &out), "=?UTF-8?B?"); at; at = strstr(at, "=?UTF-8?B?")) {
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

static void test_headers_and_body(void **state)
{
	struct buffer out = {0};
	const char *mail = write_mail("một\nhai", &out), *encoded = strstr(mail, "\r\n\r\n");
	uint8_t body[64];
	size_t size;

	(void)state;
	assert_non_null(strstr(mail, "Date: Wed, 21 Apr 2021 00:00:00 +0700\r\n"));
	assert_non_null(strstr(mail, "Message-ID: <abcd0000000000000000000000000000@sangkien>\r\n"));
	assert_non_null(encoded);
	assert_int_equal(sodium_base642bin(body, sizeof(body), encoded + 4, strlen(encoded + 4), "\r\n", &size, NULL,
				 sodium_base64_VARIANT_ORIGINAL),
		0);
	assert_int_equal(size, strlen("một\r\nhai\r\n"));
	assert_memory_equal(body, "một\r\nhai\r\n", size);
	buffer_deinit(&out);
}

static void test_recipient_is_made_of_a_number_or_is_an_address(void **state)
{
	static const char *const bad[] = {
		"", "+", "0901234567", "+84901234567890123", "+8490\r\nBcc", "+84 90", "+84@x,y@z"};
	char recipient[NOTICE_ADDRESS_BYTES_MAX + 1];

	(void)state;
	assert_true(channel_smtp_recipient("sms-{phone}@gate.vn", "+84901234567", recipient));
	assert_string_equal(recipient, "sms-+84901234567@gate.vn");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_false(channel_smtp_recipient("sms-{phone}@gate.vn", bad[i], recipient));
	assert_true(channel_smtp_recipient("all@gate.vn", "+84901234567", recipient)); /* one mailbox for all */
	assert_string_equal(recipient, "all@gate.vn");
	assert_true(channel_smtp_recipient("sms-{phone}@gate.vn", "lan@union.vn", recipient));
	assert_string_equal(recipient, "lan@union.vn");
	assert_false(channel_smtp_recipient(NULL, "+84901234567", recipient));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_short_and_ascii),
		cmocka_unit_test(test_subject_words_are_whole_characters),
		cmocka_unit_test(test_headers_and_body),
		cmocka_unit_test(test_recipient_is_made_of_a_number_or_is_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
