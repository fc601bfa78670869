#include "services/deduplication/legacy.h"

#include <string.h>

enum { RANGE = LEGACY_LAST - LEGACY_FIRST + 1, SIGNS_LEAST = 2, KINDS_LEAST = 2 };

/* From 0xA1 on. TCVN 5712:1993 VN3; a point stands for no letter. */
static const char tcvn3_letters[RANGE + 1] = "aaeoouda" /* A1-A8: Ă Â Ê Ô Ơ Ư Đ ă */
					     "aeooud"   /* A9-AE: â ê ô ơ ư đ */
					     "......"   /* AF-B4 */
					     "aaaaa."   /* B5-BA: à ả ã á ạ */
					     "aaaa"     /* BB-BE: ằ ẳ ẵ ắ */
					     "......."  /* BF-C5 */
					     "aaaaaa"   /* C6-CB: ặ ầ ẩ ẫ ấ ậ */
					     "e.eeee"   /* CC-D1: è ẻ ẽ é ẹ */
					     "eeeee"    /* D2-D6: ề ể ễ ế ệ */
					     "ii...iii" /* D7-DE: ì ỉ ĩ í ị */
					     "o.oooo"   /* DF-E4: ò ỏ õ ó ọ */
					     "ooooo"    /* E5-E9: ồ ổ ỗ ố ộ */
					     "ooooo"    /* EA-EE: ờ ở ỡ ớ ợ */
					     "u.uuuu"   /* EF-F4: ù ủ ũ ú ụ */
					     "uuuuu"    /* F5-F9: ừ ử ữ ứ ự */
					     "yyyyy.";  /* FA-FF: ỳ ỷ ỹ ý ỵ */
static_assert(sizeof(tcvn3_letters) == RANGE + 1, "a letter for each");

/* VNI-Windows: six letters of their own, all else are marks behind a vowel. In upper case the same less 0x20. */
static const struct {
	uint8_t point;
	char letter;
} vni_letters[] = {
	{0xF1, 'd'},                                                     /* đ */
	{0xF4, 'o'},                                                     /* ơ */
	{0xF6, 'u'},                                                     /* ư */
	{0xEC, 'i'}, {0xED, 'i'}, {0xE6, 'i'}, {0xF3, 'i'}, {0xF2, 'i'}, /* ì í ỉ ĩ ị */
	{0xEE, 'y'},                                                     /* ỵ */
};
/* Marks of VNI, in lower case, that stand behind no vowel of written Vietnamese but there: â å ä ê ë û ü ï ø. */
static const char vni_marks[] = "\xE2\xE5\xE4\xEA\xEB\xFB\xFC\xEF\xF8";

static bool is_upper_latin(uint32_t point)
{
	return point >= 0xC0 && point <= 0xDE && point != 0xD7;
}

static uint32_t lower_latin(uint32_t point)
{
	return (point >= 'A' && point <= 'Z') || is_upper_latin(point) ? point + 0x20 : point;
}

char legacy_letter(enum legacy_encoding encoding, uint32_t point)
{
	assert(point >= LEGACY_FIRST && point <= LEGACY_LAST);
	if (encoding == LEGACY_TCVN3) {
		char letter = tcvn3_letters[point - LEGACY_FIRST];
		return letter == '.' ? ' ' : letter;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(vni_letters); i++)
		if (vni_letters[i].point == lower_latin(point))
			return vni_letters[i].letter;
	return point < 0xC0 || point == 0xD7 || point == 0xF7 ? ' ' : '\0';
}

const char *legacy_name(enum legacy_encoding encoding)
{
	return encoding == LEGACY_TCVN3 ? "tcvn3" : encoding == LEGACY_VNI ? "vni" : NULL;
}

/* Detecting ------------------------------------------------------------------------------------------------------- */

/* How often, and of how many kinds. */
struct signs {
	uint32_t count, kinds;
	bool seen[256];
};

static void sign_add(struct signs *signs, uint32_t point)
{
	signs->count++;
	signs->kinds += !signs->seen[point];
	signs->seen[point] = true;
}

/* One or two octets are all that matters here; the octets of others count as 0x100 and above. */
static uint32_t point_at(struct bytes text, size_t *at)
{
	uint8_t first = text.data[(*at)++];
	if (first < 0x80 || *at >= text.size)
		return first < 0x80 ? first : 0x100;
	if (first != 0xC2 && first != 0xC3) {
		while (*at < text.size && (text.data[*at] & 0xC0) == 0x80)
			(*at)++;
		/* U+0100-U+01BF (ă đ ĩ ũ ơ ư) and U+1E80-U+1EFF: letters that only Unicode has. */
		bool vietnamese =
			(first >= 0xC4 && first <= 0xC6) ||
			(first == 0xE1 && *at >= 2 && (text.data[*at - 2] == 0xBA || text.data[*at - 2] == 0xBB));
		return vietnamese ? 0x101 : 0x100;
	}
	return (uint32_t)(first & 0x03) << 6 | (text.data[(*at)++] & 0x3F);
}

static bool is_letter(uint32_t point)
{
	uint32_t lower = lower_latin(point);
	return (lower >= 'a' && lower <= 'z') ||
	       (point >= 0xC0 && point <= LEGACY_LAST && point != 0xD7 && point != 0xF7);
}

/* A symbol that is a letter of TCVN3: beside a letter it can be nothing else, often. */
static bool is_tcvn3_symbol(uint32_t point)
{
	return point >= LEGACY_FIRST && (point < 0xC0 || point == 0xD7) && tcvn3_letters[point - LEGACY_FIRST] != '.';
}

/* Quotation marks, bullets and the copyright sign touch a word's end in any text. */
static bool stands_at_ends(uint32_t point)
{
	return point == 0xA9 || point == 0xAB || point == 0xB7 || point == 0xBB;
}

static bool is_small(uint32_t point)
{
	return (point >= 'a' && point <= 'z') || (point >= 0xDF && point <= LEGACY_LAST) || is_tcvn3_symbol(point);
}

static void look(uint32_t before, uint32_t point, uint32_t after, struct signs *tcvn3, struct signs *vni)
{
	bool joins_before = is_letter(before) || is_tcvn3_symbol(before);
	bool joins_after = is_letter(after) || is_tcvn3_symbol(after);
	if (is_tcvn3_symbol(point) &&
		(stands_at_ends(point) ? joins_before && joins_after : joins_before || joins_after))
		sign_add(tcvn3, point);
	if (is_upper_latin(point) && is_small(before) && tcvn3_letters[point - LEGACY_FIRST] != '.')
		sign_add(tcvn3, point);
	uint32_t vowel = lower_latin(before), mark = lower_latin(point);
	bool vowel_before = vowel != 0 && vowel <= LEGACY_LAST && strchr("aeouy\xF4\xF6", (int)vowel) != NULL;
	if (mark >= LEGACY_FIRST && mark <= LEGACY_LAST && vowel_before && strchr(vni_marks, (int)mark) != NULL)
		sign_add(vni, mark);
	if (mark == 0xF1 && is_letter(after)) /* ñ, which is đ */
		sign_add(vni, mark);
}

enum legacy_encoding legacy_detect(struct bytes text)
{
	struct signs tcvn3 = {0}, vni = {0};
	uint32_t before = 0, point = 0, modern = 0;
	for (size_t at = 0; at < text.size || point != 0;) {
		uint32_t after = at < text.size ? point_at(text, &at) : 0;
		modern += after == 0x101;
		look(before, point, after, &tcvn3, &vni);
		before = point;
		point = after;
	}
	const struct signs *most = tcvn3.count >= vni.count ? &tcvn3 : &vni;
	if (most->count < SIGNS_LEAST || most->kinds < KINDS_LEAST || most->count <= modern)
		return LEGACY_NONE;
	return most == &tcvn3 ? LEGACY_TCVN3 : LEGACY_VNI;
}
