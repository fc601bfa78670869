#include "common/domain/phone.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 12, MOBILE_DIGITS = 9, LANDLINE_DIGITS = 10 /* of the national number, without the 0 */ };

/* Bytes of a separator at `at`, 0 where there is none: space, dot, hyphen, no-break space. */
static size_t separator(struct bytes text, size_t at)
{
	if (text.data[at] == ' ' || text.data[at] == '.' || text.data[at] == '-')
		return 1;
	return text.size - at >= 2 && text.data[at] == 0xC2 && text.data[at + 1] == 0xA0 ? 2 : 0;
}

static bool digits_of(struct bytes text, size_t begin, char digits[DIGITS_MAX + 1], size_t *count)
{
	*count = 0;
	for (size_t at = begin; at < text.size;) {
		size_t skipped = separator(text, at);
		uint8_t octet = text.data[at];
		at += skipped == 0 ? 1 : skipped;
		if (skipped > 0)
			continue;
		if (octet < '0' || octet > '9' || *count == DIGITS_MAX)
			return false;
		digits[(*count)++] = (char)octet;
	}
	digits[*count] = '\0';
	return true;
}

bool phone_normalize(struct bytes text, char phone[PHONE_SIZE])
{
	char digits[DIGITS_MAX + 1];
	size_t count, plus = text.size > 0 && text.data[0] == '+' ? 1 : 0;
	const char *national = digits;
	if (!digits_of(text, plus, digits, &count))
		return false;
	if (digits[0] == '8' && digits[1] == '4')
		national += 2;
	else if (plus == 0 && digits[0] == '0')
		national += 1;
	else
		return false;
	count -= (size_t)(national - digits);
	bool landline = national[0] == '2' && count == LANDLINE_DIGITS;
	bool mobile = national[0] != '\0' && strchr("35789", national[0]) != NULL && count == MOBILE_DIGITS;
	if (!landline && !mobile)
		return false;
	snprintf(phone, PHONE_SIZE, "+84%s", national);
	return true;
}
