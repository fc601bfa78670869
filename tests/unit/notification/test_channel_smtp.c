/* Catches: a setting or a phone number that puts a second recipient, a header or a command into a mail. What a server
 * answers is tried in tests/service/test_notification.py. */
#include "services/notification/channel_smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct channel_smtp *open_channel(const char *url, const char *from, const char *recipient, const char **fault)
{
	static const atomic_bool stopping = false;

	return channel_smtp_open(&(struct channel_smtp_options){.url = url,
					 .from = from,
					 .recipient = recipient,
					 .user = "",
					 .password_file = "",
					 .timeout_ms = 1000,
					 .stopping = &stopping},
		fault);
}

static bool recipient_of(const struct channel_smtp *channel, const char *phone, char *address)
{
	return channel_smtp_recipient(channel, (struct bytes){(const uint8_t *)phone, strlen(phone)}, address);
}

static void test_recipient_is_made_of_a_phone_number(void **state)
{
	const char *fault;
	struct channel_smtp *channel = open_channel("smtp://127.0.0.1:1", "a@b.vn", "sms-{phone}@gate.vn", &fault);
	static const char *const bad[] = {
		"", "+", "0901234567", "+84901234567890123", "+8490\r\nBcc", "+84 90", "+84@x"};
	char address[SMTP_ADDRESS_SIZE];

	(void)state;
	assert_non_null(channel);
	assert_true(recipient_of(channel, "+84901234567", address));
	assert_string_equal(address, "sms-+84901234567@gate.vn");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_false(recipient_of(channel, bad[i], address));
	channel_smtp_close(&channel);
	channel = open_channel("smtps://gate.vn", "a@b.vn", "all@gate.vn", &fault); /* one mailbox for all */
	assert_true(recipient_of(channel, "", address));
	assert_string_equal(address, "all@gate.vn");
	channel_smtp_close(&channel);
}

static void test_settings_that_cannot_work(void **state)
{
	static const char *const bad[] = {
		"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b>\r\n", "a@b,c@d", "\"a\"@b", "ă@b"};
	const char *fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		assert_null(open_channel("smtp://h:25", bad[i], "a@b", &fault));
		assert_non_null(strstr(fault, "NOTIFICATION_SMTP_FROM"));
		assert_null(open_channel("smtp://h:25", "a@b", bad[i], &fault));
		assert_non_null(strstr(fault, "NOTIFICATION_SMTP_TO"));
	}
	assert_null(open_channel("http://h", "a@b", "a@b", &fault));
	assert_non_null(strstr(fault, "NOTIFICATION_SMTP_URL"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipient_is_made_of_a_phone_number),
		cmocka_unit_test(test_settings_that_cannot_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
