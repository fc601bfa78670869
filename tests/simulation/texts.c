#include "tests/simulation/texts.h"

#include "tests/simulation/shell.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_WORDS = 34, SERIAL_BITS = 9 };

static struct {
	uint32_t numbers, bases;
	const struct meant *meant[SUBMISSIONS_MAX];
	size_t count;
} texts;

size_t texts_count(void)
{
	return texts.count;
}

static void add_word(char *text, size_t size, uint32_t word)
{
	static const char *const heads[8] = {"khuon", "may", "xe", "bang", "day", "kho", "dien", "nuoc"};
	static const char *const tails[8] = {"moi", "tay", "tron", "dai", "nhanh", "sach", "ben", "nhe"};
	size_t at = strlen(text);

	snprintf(text + at, size - at, "%s%s%u", at > 0 ? " " : "", heads[word % 8], word / 8 % 64);
	at = strlen(text);
	snprintf(text + at, size - at, " %s", tails[word / 512 % 8]);
}

/* A base text of its own words. */
static void write_base(struct meant *meant)
{
	for (int i = 0; i < TEXT_WORDS; i++)
		add_word(meant->description, sizeof(meant->description), world_below(4096));
	meant->base = ++texts.bases;
	meant->text = ++texts.numbers;
}

/* The same but for one word. */
static void write_near(struct meant *meant, const struct meant *of)
{
	char word[48] = "";
	char copy[sizeof(of->description)];
	const char *rest;

	memcpy(copy, of->description, sizeof(copy));
	add_word(word, sizeof(word), world_below(4096));
	rest = strchr(copy + strlen(copy) / 2, ' ');
	snprintf(meant->description, sizeof(meant->description), "%.*s %s%s", (int)(rest - copy), copy, word, rest);
	meant->base = of->base;
	meant->text = ++texts.numbers;
}

static void write_copy(struct meant *meant, const struct meant *of)
{
	memcpy(meant->description, of->description, sizeof(meant->description));
	meant->base = of->base;
	meant->text = of->text;
}

/* Capitals, which the fold takes away: they number each submission, so that the oracle knows whose a row is. */
static void number(struct meant *meant, size_t serial)
{
	char *at = meant->description;

	for (int bit = 0; bit < SERIAL_BITS; bit++) {
		*at = (char)(serial >> bit & 1 ? *at & ~0x20 : *at | 0x20);
		at = strchr(at, ' ') + 1;
	}
}

/* What resembles each other stays in one province for every second base. */
static void choose_unit(struct meant *meant)
{
	uint32_t first = meant->base % 4 < 2 ? UNIT_EAST_A : UNIT_WEST_A;

	meant->unit = meant->base % 2 == 0 ? first + world_below(2) : UNIT_EAST_A + world_below(4);
}

void texts_write(struct meant *meant, bool related)
{
	uint32_t count = (uint32_t)texts.count, kind = related ? 45 + world_below(55) : world_below(100);
	const struct meant *of = count == 0 ? NULL : texts.meant[related ? count - 1 : world_below(count)];

	if (!of || kind < 45)
		write_base(meant);
	else if (kind < 75)
		write_copy(meant, of);
	else
		write_near(meant, of);
	number(meant, texts.count);
	choose_unit(meant);
	assert(texts.count < SUBMISSIONS_MAX);
	texts.meant[texts.count++] = meant;
}
