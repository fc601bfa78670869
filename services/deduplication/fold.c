#include "services/deduplication/fold.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Basic and supplementary multilingual planes by table; of the ideographs above, each stays itself. */
enum { TABLE_SIZE = 0x20000, IDEOGRAPHS_END = 0x32000, DECOMPOSED_MAX = 32, SPACE = ' ' };

/* What one code point becomes: up to four bytes, the first in the lowest octet; 0 is nothing. */
struct fold_table {
	uint32_t becomes[TABLE_SIZE];
	uint32_t legacy[LEGACY_ENCODINGS][LEGACY_LAST + 1]; /* below U+0100, of text of before Unicode */
	uint8_t size[256]; /* of a code point by its first octet, where only continuations must follow; else 0 */
};

/* Letters that Unicode does not decompose, and those of other scripts that look like a Latin one (after UTS #39,
 * confusables, of the letters that occur in Vietnamese text), in lower case: case is folded before. */
static const struct {
	uint32_t from;
	const char *to;
} letters[] = {
	{0x0111, "d"},
	{0x00F0, "d"},
	{0x0256, "d"},
	{0x0131, "i"},
	{0x0142, "l"},
	{0x00F8, "o"},
	{0x00E6, "ae"},
	{0x0153, "oe"},
	{0x0127, "h"},
	{0x0167, "t"},
	{0x0180, "b"},
	{0x0261, "g"},
	{0x0251, "a"},
	{0x0269, "i"},
	{0x0237, "j"},
	{0x028F, "y"},
	{0x1D00, "a"},
	{0x1D04, "c"},
	{0x1D05, "d"},
	{0x1D07, "e"},
	{0x1D0A, "j"},
	{0x1D0B, "k"},
	{0x1D0D, "m"},
	{0x1D0F, "o"},
	{0x1D18, "p"},
	{0x1D1B, "t"},
	{0x1D1C, "u"},
	{0x1D20, "v"},
	{0x1D21, "w"},
	{0x1D22, "z"},
	{0x0299, "b"},
	{0x0262, "g"},
	{0x029C, "h"},
	{0x026A, "i"},
	{0x029F, "l"},
	{0x0274, "n"},
	{0x0280, "r"},
	{0x0430, "a"},
	{0x0432, "b"},
	{0x0435, "e"},
	{0x043A, "k"},
	{0x043C, "m"},
	{0x043D, "h"},
	{0x043E, "o"},
	{0x0440, "p"},
	{0x0441, "c"},
	{0x0442, "t"},
	{0x0443, "y"},
	{0x0445, "x"},
	{0x0455, "s"},
	{0x0456, "i"},
	{0x0458, "j"},
	{0x04AF, "y"},
	{0x04BB, "h"},
	{0x04CF, "l"},
	{0x0501, "d"},
	{0x051B, "q"},
	{0x051D, "w"},
	{0x03B1, "a"},
	{0x03B5, "e"},
	{0x03B7, "n"},
	{0x03B9, "i"},
	{0x03BA, "k"},
	{0x03BD, "v"},
	{0x03BF, "o"},
	{0x03C1, "p"},
	{0x03C4, "t"},
	{0x03C5, "u"},
	{0x03C7, "x"},
	{0x03B3, "y"},
};

static bool is_hangul_syllable(uint32_t point)
{
	return point >= 0xAC00 && point <= 0xD7A3;
}

/* The bytes of one code point that is already decomposed and in lower case. */
static size_t fold_simple(uint32_t point, uint8_t out[4])
{
	if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9')) {
		out[0] = (uint8_t)point;
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(letters); i++) {
		if (letters[i].from == point) {
			size_t size = strlen(letters[i].to);
			memcpy(out, letters[i].to, size);
			return size;
		}
	}
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)point);
	bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
	bool number = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
	if (point >= 0x80 && (letter || number))
		return (size_t)utf8proc_encode_char((utf8proc_int32_t)point, out);
	out[0] = SPACE;
	return 1;
}

struct packed {
	uint32_t bytes;
	size_t size;
};

/* False: it would be more than four bytes. */
static bool pack(struct packed *packed, uint32_t point)
{
	uint8_t simple[4];
	size_t size = fold_simple(point, simple);

	if (packed->size + size > sizeof(packed->bytes))
		return false;
	for (size_t i = 0; i < size; i++)
		packed->bytes |= (uint32_t)simple[i] << (8 * packed->size++);
	return true;
}

static size_t decompose(uint32_t point, int options, uint32_t parts[DECOMPOSED_MAX])
{
	utf8proc_int32_t found[DECOMPOSED_MAX] = {(utf8proc_int32_t)point};
	int boundary = UTF8PROC_BOUNDCLASS_START;
	utf8proc_ssize_t count = utf8proc_decompose_char(
		(utf8proc_int32_t)point, found, DECOMPOSED_MAX, (utf8proc_option_t)options, &boundary);

	if (count < 0 || count > DECOMPOSED_MAX)
		return DECOMPOSED_MAX + 1;
	for (utf8proc_ssize_t i = 0; i < count; i++)
		parts[i] = (uint32_t)found[i];
	return (size_t)count;
}

/* The letters under the marks first, then their lower case: an iota written below is a mark, and in upper case it would
 * be a letter. More than four bytes (a few ligatures of whole words) is a space. */
static uint32_t fold_point(uint32_t point)
{
	const int bare = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE;
	uint32_t parts[DECOMPOSED_MAX], lower[DECOMPOSED_MAX];
	size_t count = decompose(point, bare, parts);
	struct packed packed = {0};

	if (is_hangul_syllable(point)) /* three letters of three bytes each: they stay together */
		return pack(&packed, point) ? packed.bytes : SPACE;
	if (count > DECOMPOSED_MAX)
		return SPACE;
	for (size_t i = 0; i < count; i++) {
		size_t cased = decompose(parts[i], bare | UTF8PROC_CASEFOLD, lower);
		if (cased > DECOMPOSED_MAX)
			return SPACE;
		for (size_t l = 0; l < cased; l++)
			if (!pack(&packed, lower[l]))
				return SPACE;
	}
	return packed.bytes;
}

struct fold_table *fold_table_new(void)
{
	struct fold_table *table = malloc(sizeof(*table));
	if (table == NULL)
		return NULL;
	for (uint32_t point = 0; point < TABLE_SIZE; point++)
		table->becomes[point] = fold_point(point);
	for (uint32_t octet = 0; octet <= UINT8_MAX; octet++)
		table->size[octet] = octet < 0x80 ? 1 : octet >= 0xC2 && octet <= 0xDF ? 2 : octet == 0xE1 ? 3 : 0;
	for (enum legacy_encoding encoding = LEGACY_TCVN3; encoding < LEGACY_ENCODINGS; encoding++) {
		memcpy(table->legacy[encoding], table->becomes, sizeof(table->legacy[encoding]));
		for (uint32_t point = LEGACY_FIRST; point <= LEGACY_LAST; point++)
			table->legacy[encoding][point] = (uint8_t)legacy_letter(encoding, point);
	}
	return table;
}

void fold_table_free(struct fold_table **table)
{
	free(*table);
	*table = NULL;
}

static bool is_continuation(uint8_t octet)
{
	return (octet & 0xC0) == 0x80;
}

/* A code point of more than one byte, as RFC 3629 has it. 0: not UTF-8. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *point)
{
	if (at[0] >= 0xC2 && at[0] <= 0xDF && left >= 2 && is_continuation(at[1])) {
		*point = (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F);
		return 2;
	}
	if ((at[0] & 0xF0) == 0xE0 && left >= 3 && is_continuation(at[1]) && is_continuation(at[2])) {
		*point = (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
		return *point >= 0x800 && (*point < 0xD800 || *point > 0xDFFF) ? 3 : 0;
	}
	if (at[0] >= 0xF0 && at[0] <= 0xF4 && left >= 4 && is_continuation(at[1]) && is_continuation(at[2]) &&
		is_continuation(at[3])) {
		*point = (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 |
			 (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
		return *point >= 0x10000 && *point <= 0x10FFFF ? 4 : 0;
	}
	return 0;
}

static uint32_t becomes(const struct fold_table *table, const uint8_t *at, uint32_t point)
{
	if (point < TABLE_SIZE)
		return table->becomes[point];
	if (point >= IDEOGRAPHS_END)
		return SPACE;
	uint32_t itself;
	memcpy(&itself, at, sizeof(itself));
	return itself;
}

/* How often letters of Latin-1 occur, and those that only Unicode has: where the first outnumber the others the text
 * may be one of before Unicode. */
struct census {
	uint32_t latin, vietnamese;
};

/* What is written, and what was last. */
struct folding {
	uint8_t *out, *end;
	uint32_t *points; /* NULL: not wanted */
	uint32_t number;  /* of the code point */
	uint8_t last;
};

/* Nearly all become one octet; what follows from that is reckoned, for it cannot be foreseen. */
static inline void put(struct folding *folding, uint32_t packed)
{
	do {
		uint8_t octet = packed & 0xFF;
		*folding->end = octet;
		if (folding->points != NULL)
			folding->points[folding->end - folding->out] = folding->number;
		folding->end += packed != 0 && (octet != SPACE || folding->last != SPACE);
		folding->last = packed != 0 ? octet : folding->last;
		packed >>= 8;
	} while (packed != 0);
	folding->number++;
}

/* Vietnamese is one letter of two or three octets after every two or three of one: nobody can foresee which, so the
 * usual ones are decoded without a branch. False: another kind of code point, for decode(). */
static inline bool decode_usual(const struct fold_table *table, const uint8_t *at, uint32_t *point, uint32_t *size)
{
	static const uint32_t marks[4] = {0, 0, 0xC000, 0xC0C000}, marked[4] = {0, 0, 0x8000, 0x808000};
	uint32_t word, bytes = table->size[at[0]];
	memcpy(&word, at, sizeof(word));
	uint32_t second = word >> 8 & 0x3F, third = word >> 16 & 0x3F;
	uint32_t two = (word & 0x1F) << 6 | second, three = (word & 0x0F) << 12 | second << 6 | third;
	*point = bytes == 1 ? word & 0x7F : bytes == 2 ? two : three;
	*size = bytes;
	return bytes != 0 && (word & marks[bytes]) == marked[bytes];
}

static inline bool fold_by(const struct fold_table *table, const uint32_t *latin, struct bytes text,
	struct folding folding, size_t *out_size, struct census *census)
{
	for (size_t at = 0; at < text.size;) {
		uint32_t point = text.data[at], size = 1;
		if (text.size - at < sizeof(uint32_t) || !decode_usual(table, text.data + at, &point, &size)) {
			point = text.data[at];
			size = point < 0x80 ? 1 : (uint32_t)decode(text.data + at, text.size - at, &point);
			if (size == 0)
				return false;
		}
		census->latin += point >= 0x80 && point <= LEGACY_LAST;
		census->vietnamese += point > LEGACY_LAST && point < 0x1F00;
		put(&folding, point <= LEGACY_LAST ? latin[point] : becomes(table, text.data + at, point));
		at += size;
	}
	if (folding.end > folding.out && folding.end[-1] == SPACE)
		folding.end--;
	*out_size = (size_t)(folding.end - folding.out);
	return true;
}

static inline bool fold_any(const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size,
	enum legacy_encoding *legacy, uint32_t *points)
{
	struct folding begin = {.last = SPACE}; /* no space at the front */
	struct census census = {0}, again = {0};
	begin.out = begin.end = out;
	begin.points = points;
	*legacy = LEGACY_NONE;
	if (!fold_by(table, table->becomes, text, begin, out_size, &census))
		return false;
	if (census.latin > census.vietnamese)
		*legacy = legacy_detect(text);
	return *legacy == LEGACY_NONE || fold_by(table, table->legacy[*legacy], text, begin, out_size, &again);
}

bool fold_text_told(
	const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size, enum legacy_encoding *legacy)
{
	return fold_any(table, text, out, out_size, legacy, NULL);
}

bool fold_text_placed(
	const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size, uint32_t *points)
{
	enum legacy_encoding legacy;
	return fold_any(table, text, out, out_size, &legacy, points);
}

bool fold_text(const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size)
{
	enum legacy_encoding legacy;
	return fold_text_told(table, text, out, out_size, &legacy);
}

struct id128 fold_digest(struct bytes folded, struct bytes text)
{
	static const uint8_t unfolded_key[crypto_generichash_KEYBYTES_MIN] = "nothing is left";
	struct id128 digest;
	bool nothing = folded.size == 0;
	const struct bytes of = nothing ? text : folded;
	crypto_generichash(digest.octet, sizeof(digest.octet), of.data, of.size, nothing ? unfolded_key : NULL,
		nothing ? sizeof(unfolded_key) : 0);
	return digest;
}
