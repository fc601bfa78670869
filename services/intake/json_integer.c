#include "services/intake/json_object.h"

/* A JSON number's parts: its digits without the point, and the power of ten they are to be multiplied by. */
struct decimal {
	bool negative;
	struct bytes digits; /* may hold one '.' */
	int64_t exponent;
};

enum { EXPONENT_MAX = 100000 }; /* far over what a body of 64 KiB can undo with digits */

static struct decimal take_apart(struct bytes number)
{
	struct decimal decimal = {.negative = number.size > 0 && number.data[0] == '-'};
	size_t at = decimal.negative ? 1 : 0, begin = at;
	while (at < number.size && (number.data[at] | 0x20) != 'e')
		at++;
	decimal.digits = (struct bytes){number.data + begin, at - begin};
	if (at == number.size)
		return decimal;
	at++;
	bool below = at < number.size && number.data[at] == '-';
	if (at < number.size && (number.data[at] == '-' || number.data[at] == '+'))
		at++;
	for (; at < number.size && decimal.exponent < EXPONENT_MAX; at++)
		decimal.exponent = decimal.exponent * 10 + (number.data[at] - '0');
	if (below)
		decimal.exponent = -decimal.exponent;
	return decimal;
}

/* Leaves only digits that count: none at the front or the end is 0; the exponent says the rest. */
static size_t significant(const struct decimal *decimal, uint8_t digits[20], int64_t *exponent)
{
	size_t count = 0;
	int64_t zeros = 0; /* since the last digit that counts */
	bool point = false;
	*exponent = decimal->exponent;
	for (size_t i = 0; i < decimal->digits.size; i++) {
		uint8_t octet = decimal->digits.data[i];
		if (octet == '.') {
			point = true;
			continue;
		}
		*exponent -= point ? 1 : 0;
		if (octet == '0') {
			zeros += count > 0 ? 1 : 0;
			continue;
		}
		for (; zeros > 0 && count < 20; zeros--)
			digits[count++] = 0;
		if (count == 20)
			return 20;
		digits[count++] = (uint8_t)(octet - '0');
	}
	*exponent += zeros;
	return count;
}

bool json_integer(struct bytes number, int64_t *value)
{
	struct decimal decimal = take_apart(number);
	uint8_t digits[20];
	int64_t exponent;
	size_t count = significant(&decimal, digits, &exponent);
	uint64_t result = 0;
	*value = 0;
	if (count == 0)
		return true;
	if (exponent < 0 || (int64_t)count + exponent > 19)
		return false;
	for (size_t i = 0; i < count; i++)
		result = result * 10 + digits[i];
	for (; exponent > 0; exponent--)
		result *= 10;
	if (result > (uint64_t)INT64_MAX)
		return false;
	*value = decimal.negative ? -(int64_t)result : (int64_t)result;
	return true;
}
