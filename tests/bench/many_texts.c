/* Writes N lines {"id","text","copy_of"} for measuring deduplication: build/tests/bench/many_texts 200000 > texts.jsonl
 *
 * How they vary: 1,860 syllables of Vietnamese shape. Half of a text's words are single syllables drawn by Zipf's law;
 * the other half are the words of its three subjects, of 2,000 subjects with 60 words of two syllables each. A text has
 * 60 to 240 syllables (about 650 characters on average). Every seventh text stands behind one of 50 forms of 60
 * syllables, which so become boilerplate. 5 in 100 are exact copies and 10 in 100 near copies (every 16th syllable
 * drawn anew) of one of the 50,000 latest originals; `copy_of` names it, and is null elsewhere. The seed is fixed. */
#include "common/runtime/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SYLLABLES_MAX = 240,
	SYLLABLES_LEAST = 60,
	FORMS = 50,
	FORM_SYLLABLES = 60,
	SUBJECTS = 2000,
	SUBJECT_WORDS = 60,
	SUBJECTS_A_TEXT = 3,
	LATEST = 50000,
	ZIPF_STEPS = 1 << 16,
};

static const char *const onsets[] = {"", "b", "c", "ch", "d", "đ", "g", "gh", "gi", "h", "k", "kh", "l", "m", "n", "ng",
	"nh", "p", "ph", "qu", "r", "s", "t", "th", "tr", "v", "x", "ngh", "y", "o", "u"};
static const char *const rimes[] = {"a", "à", "á", "ạ", "ai", "ám", "an", "ang", "anh", "ảo", "áp", "ất", "âu", "ây",
	"ăm", "ắng", "e", "ẻ", "em", "en", "eo", "ê", "ền", "ết", "i", "ìm", "in", "ính", "iên", "iệu", "iết", "oa",
	"oài", "oàn", "om", "ong", "ô", "ối", "ông", "ơ", "ơi", "ơn", "u", "ùng", "uất", "ui", "uyên", "ư", "ưng",
	"ước", "ướng", "ươi", "ượt", "uân", "ụm", "út", "oét", "ẹp", "ịch", "ũ"};

struct word_text {
	uint32_t number;
	uint16_t count;
	uint16_t syllable[FORM_SYLLABLES + SYLLABLES_MAX];
};

struct maker {
	uint64_t seed;
	uint16_t zipf[ZIPF_STEPS]; /* a syllable by its share */
	uint16_t form[FORMS][FORM_SYLLABLES];
	uint16_t subject[SUBJECTS][SUBJECT_WORDS][2];
	struct word_text latest[LATEST];
	uint32_t originals;
};

static uint32_t any(struct maker *maker, uint32_t below)
{
	maker->seed = maker->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((maker->seed >> 33) * below >> 31);
}

static uint16_t any_syllable(struct maker *maker)
{
	return maker->zipf[any(maker, ZIPF_STEPS)];
}

/* Each syllable's share is 1 / (its rank + 8); ranks are dealt at random. */
static void deal_zipf(struct maker *maker)
{
	enum { SYLLABLES = ARRAY_LENGTH(onsets) * ARRAY_LENGTH(rimes) };
	uint16_t order[SYLLABLES];
	double sum = 0, so_far = 0;
	uint32_t at = 0;
	for (uint32_t i = 0; i < SYLLABLES; i++) {
		uint32_t other = any(maker, i + 1);
		order[i] = order[other];
		order[other] = (uint16_t)i;
		sum += 1.0 / (i + 8);
	}
	for (uint32_t rank = 0; rank < SYLLABLES; rank++) {
		so_far += 1.0 / (rank + 8) / sum;
		while (at < ZIPF_STEPS && at < so_far * ZIPF_STEPS)
			maker->zipf[at++] = order[rank];
	}
	while (at < ZIPF_STEPS)
		maker->zipf[at++] = order[0];
}

static void deal(struct maker *maker)
{
	deal_zipf(maker);
	for (uint32_t i = 0; i < FORMS; i++)
		for (uint32_t s = 0; s < FORM_SYLLABLES; s++)
			maker->form[i][s] = any_syllable(maker);
	for (uint32_t i = 0; i < SUBJECTS; i++)
		for (uint32_t w = 0; w < SUBJECT_WORDS; w++)
			for (uint32_t s = 0; s < 2; s++)
				maker->subject[i][w][s] =
					(uint16_t)any(maker, ARRAY_LENGTH(onsets) * ARRAY_LENGTH(rimes));
}

static void write_original(struct maker *maker, struct word_text *text)
{
	uint32_t subject[SUBJECTS_A_TEXT], prose = SYLLABLES_LEAST + any(maker, SYLLABLES_MAX - SYLLABLES_LEAST - 1);
	text->count = 0;
	if (any(maker, 7) == 0) {
		memcpy(text->syllable, maker->form[any(maker, FORMS)], sizeof(maker->form[0]));
		text->count = FORM_SYLLABLES;
	}
	for (uint32_t i = 0; i < SUBJECTS_A_TEXT; i++)
		subject[i] = any(maker, SUBJECTS);
	for (uint32_t end = text->count + prose; text->count < end;) {
		if (any(maker, 3) > 0) {
			text->syllable[text->count++] = any_syllable(maker);
			continue;
		}
		const uint16_t *word = maker->subject[subject[any(maker, SUBJECTS_A_TEXT)]][any(maker, SUBJECT_WORDS)];
		text->syllable[text->count++] = word[0];
		text->syllable[text->count++] = word[1];
	}
}

static void print_text(const struct word_text *text, uint32_t number, bool copy)
{
	printf("{\"id\": \"%u\", \"copy_of\": ", number);
	if (copy)
		printf("\"%u\"", text->number);
	else
		fputs("null", stdout);
	fputs(", \"text\": \"", stdout);
	for (uint32_t i = 0; i < text->count; i++) {
		if (i > 0)
			putchar(' ');
		fputs(onsets[text->syllable[i] / ARRAY_LENGTH(rimes)], stdout);
		fputs(rimes[text->syllable[i] % ARRAY_LENGTH(rimes)], stdout);
	}
	fputs("\"}\n", stdout);
}

static void make(struct maker *maker, uint32_t number)
{
	uint32_t kind = any(maker, 100);
	bool copy = kind < 15 && maker->originals > 0;
	struct word_text text = {.number = number};
	if (copy) {
		text = maker->latest[any(maker, maker->originals < LATEST ? maker->originals : LATEST)];
		for (uint32_t changes = kind < 5 ? 0 : text.count / 16; changes > 0; changes--)
			text.syllable[any(maker, text.count)] = any_syllable(maker);
	} else {
		write_original(maker, &text);
		maker->latest[maker->originals++ % LATEST] = text;
	}
	print_text(&text, number, copy);
}

int main(int argc, char **argv)
{
	struct maker *maker = calloc(1, sizeof(*maker));
	char *end = NULL;
	unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
	if (maker == NULL || end == NULL || *end != '\0' || count > UINT32_MAX) {
		fputs("usage: many_texts N\n", stderr);
		return 64;
	}
	maker->seed = 9;
	deal(maker);
	for (uint32_t number = 0; number < count; number++)
		make(maker, number);
	free(maker);
	return fflush(stdout) == 0 ? 0 : 74;
}
