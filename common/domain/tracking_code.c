#include "common/domain/tracking_code.h"

#include <string.h>

enum {
	TIME_OCTETS = 5,
	BITS_A_SYMBOL = 5,
	ID_SYMBOLS = 26,          /* 130 bits for 128: the first symbol is at most 7 */
	SYMBOLS = ID_SYMBOLS + 1, /* and the check character */
	FIRST_SYMBOL_MAX = 7,
	GROUP_SYMBOLS = 5,
	FIELD_POLYNOMIAL = 0x25, /* x^5 + x^2 + 1 is primitive: the powers of x are all 31 other than zero */
	FIELD_ALPHA = 2,
	FIELD_OVERFLOW = 0x20,
};

#define ID_EPOCH_US (INT64_C(1577836800) * 1000000) /* 2020-01-01T00:00Z */
#define ID_TIME_MAX_MS ((INT64_C(1) << 40) - 1)

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void put_time(struct id128 *id, int64_t instant_us)
{
	int64_t ms = instant_us < ID_EPOCH_US ? 0 : (instant_us - ID_EPOCH_US) / 1000;

	if (ms > ID_TIME_MAX_MS)
		ms = ID_TIME_MAX_MS;
	for (int i = TIME_OCTETS - 1; i >= 0; i--, ms >>= 8)
		id->octet[i] = (uint8_t)(ms & 0xff);
}

struct id128 submission_id_make(int64_t now_us, struct id128 chance)
{
	put_time(&chance, now_us);
	return chance;
}

int64_t submission_id_time_us(const struct id128 *id)
{
	int64_t ms = 0;

	for (int i = 0; i < TIME_OCTETS; i++)
		ms = ms << 8 | id->octet[i];
	return ID_EPOCH_US + ms * 1000;
}

struct id128 submission_id_floor(int64_t instant_us)
{
	struct id128 id = {{0}};

	put_time(&id, instant_us);
	return id;
}

static unsigned field_times(unsigned a, unsigned b)
{
	unsigned product = 0;

	for (; b != 0; b >>= 1) {
		if (b & 1)
			product ^= a;
		a <<= 1;
		if (a & FIELD_OVERFLOW)
			a ^= FIELD_POLYNOMIAL;
	}
	return product;
}

/* Sum of symbol i times alpha^(i+1). The weights differ and none is zero, so one wrong symbol changes the sum, and
 * so does a swap of any two different ones: (a - b)(alpha^i - alpha^j) is not zero in a field. */
static unsigned weighted_sum(const uint8_t *symbols, int count)
{
	unsigned sum = 0, weight = 1;

	for (int i = 0; i < count; i++) {
		weight = field_times(weight, FIELD_ALPHA);
		sum ^= field_times(symbols[i], weight);
	}
	return sum;
}

/* The last symbol makes the whole sum zero: its own term equals the sum of the others. */
static uint8_t check_symbol(const uint8_t symbols[SYMBOLS])
{
	unsigned sum = weighted_sum(symbols, ID_SYMBOLS), weight = 1;

	for (int i = 0; i < SYMBOLS; i++)
		weight = field_times(weight, FIELD_ALPHA);
	for (unsigned check = 0; check < FIELD_OVERFLOW; check++)
		if (field_times(check, weight) == sum)
			return (uint8_t)check;
	assert(!"multiplication by a weight reaches every element");
	return 0;
}

static void symbols_of(const struct id128 *id, uint8_t symbols[SYMBOLS])
{
	unsigned carry = 0, bits = 0;
	int at = ID_SYMBOLS - 1;

	for (int i = ID128_SIZE - 1; i >= 0; i--) {
		carry |= (unsigned)id->octet[i] << bits;
		for (bits += 8; bits >= BITS_A_SYMBOL; bits -= BITS_A_SYMBOL, carry >>= BITS_A_SYMBOL)
			symbols[at--] = carry & 0x1f;
	}
	symbols[at] = (uint8_t)carry;
	assert(at == 0);
}

static void id_of(const uint8_t symbols[SYMBOLS], struct id128 *id)
{
	unsigned carry = 0, bits = 0;
	int at = ID128_SIZE - 1;

	for (int i = ID_SYMBOLS - 1; i >= 0 && at >= 0; i--) {
		carry |= (unsigned)symbols[i] << bits;
		for (bits += BITS_A_SYMBOL; bits >= 8 && at >= 0; bits -= 8, carry >>= 8)
			id->octet[at--] = carry & 0xff;
	}
}

void tracking_code_format(const struct id128 *id, char text[TRACKING_CODE_SIZE])
{
	uint8_t symbols[SYMBOLS];
	char *out = text;

	symbols_of(id, symbols);
	symbols[ID_SYMBOLS] = check_symbol(symbols);
	for (int i = 0; i < SYMBOLS; i++) {
		if (i != 0 && i % GROUP_SYMBOLS == 0)
			*out++ = '-';
		*out++ = ALPHABET[symbols[i]];
	}
	*out = '\0';
}

/* -1: no letter of a code. */
static int symbol_of(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		return 0;
	if (c == 'I' || c == 'L')
		return 1;
	const char *found = c == '\0' ? NULL : strchr(ALPHABET, c);
	return found == NULL ? -1 : (int)(found - ALPHABET);
}

bool tracking_code_parse(const char *text, struct id128 *id)
{
	uint8_t symbols[SYMBOLS];
	int count = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		int symbol = symbol_of(*text);
		if (symbol < 0 || count == SYMBOLS)
			return false;
		symbols[count++] = (uint8_t)symbol;
	}
	if (count != SYMBOLS || symbols[0] > FIRST_SYMBOL_MAX || weighted_sum(symbols, SYMBOLS) != 0)
		return false;
	id_of(symbols, id);
	return true;
}
