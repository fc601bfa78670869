/* Text of before Unicode: typed for a font of TCVN 5712 (TCVN3, "ABC") or VNI-Windows and pasted as if it were Latin,
 * so that "công nhân" reads "c«ng nh©n" or "coâng nhaân". Recognised by what no other text has: symbols and capitals
 * inside words (TCVN3), marks that stand behind their vowel (VNI). Pure. */
#ifndef SANGKIEN_DEDUPLICATION_LEGACY_H
#define SANGKIEN_DEDUPLICATION_LEGACY_H

#include "common/runtime/base.h"

enum legacy_encoding { LEGACY_NONE, LEGACY_TCVN3, LEGACY_VNI, LEGACY_ENCODINGS };

/* The code points that either encoding uses for its letters are in this range. */
enum { LEGACY_FIRST = 0xA1, LEGACY_LAST = 0xFF };

/* Which of them a text of UTF-8 is in. A word or two do not tell: two different signs of it are needed, and more of
 * them than letters that only Unicode has. */
enum legacy_encoding legacy_detect(struct bytes text);

/* The plain letter a code point of the range stands for; '\0': a mark alone; ' ': no letter. Not of LEGACY_NONE. */
char legacy_letter(enum legacy_encoding encoding, uint32_t point);

const char *legacy_name(enum legacy_encoding encoding); /* "tcvn3", "vni"; NULL of LEGACY_NONE */

#endif
