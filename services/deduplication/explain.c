#include "services/deduplication/explain.h"

#include "services/deduplication/verify.h"

#include <stdlib.h>
#include <string.h>

enum {
	TRIES_MAX = 64,       /* places of the other text that are looked at for one beginning */
	AROUND = 20,          /* octets to either side whose windows say whether a word is boilerplate */
	DOCUMENTS_LEAST = 50, /* before that many texts are known nothing is boilerplate */
	SPLIT_LEAST = 28,     /* octets of one kind that are a passage of their own within a longer one */
	NOWHERE = UINT32_MAX,
};
/* A window is common where at least this share of all texts has it, and a word is boilerplate where most of the windows
 * around it are. */
static const double common_share = 0.05, common_most = 0.75;

/* One text folded, with where each octet came from. */
struct folded_text {
	uint8_t *octets;
	uint32_t *points; /* code point that each octet came from; one more: the end */
	size_t size;
};

static void folded_free(struct folded_text *folded)
{
	free(folded->octets);
	free(folded->points);
}

static enum explain_fault fold(const struct fold_table *table, struct bytes text, struct folded_text *folded)
{
	size_t room = FOLD_GROWTH * text.size + 1;
	if (text.size > EXPLAIN_TEXT_MAX)
		return EXPLAIN_NOT_TEXT;
	folded->octets = malloc(room);
	folded->points = malloc((room + 1) * sizeof(*folded->points));
	if (folded->octets == NULL || folded->points == NULL)
		return EXPLAIN_NO_MEMORY;
	return fold_text_placed(table, text, folded->octets, &folded->size, folded->points) ? EXPLAIN_OK
											    : EXPLAIN_NOT_TEXT;
}

/* Matching -------------------------------------------------------------------------------------------------------- */

/* The other text's windows by their hash: the first of a bucket, and the next for each place. */
struct finder {
	uint32_t *first, *next;
	uint32_t mask;
};

static uint32_t window_bucket(const struct finder *finder, const uint8_t *at)
{
	uint64_t window = 0;
	memcpy(&window, at, SHINGLE_BYTES);
	return (uint32_t)(window * 0x9E3779B97F4A7C15u >> 40) & finder->mask;
}

static bool finder_open(struct finder *finder, const struct folded_text *other)
{
	uint32_t buckets = 256;
	while (buckets < other->size)
		buckets *= 2;
	*finder = (struct finder){.first = malloc(buckets * sizeof(uint32_t)),
		.next = malloc((other->size + 1) * sizeof(uint32_t)),
		.mask = buckets - 1};
	if (finder->first == NULL || finder->next == NULL)
		return false;
	memset(finder->first, 0xFF, buckets * sizeof(uint32_t));
	for (size_t at = other->size < SHINGLE_BYTES ? 0 : other->size - SHINGLE_BYTES + 1; at-- > 0;) {
		uint32_t bucket = window_bucket(finder, other->octets + at);
		finder->next[at] = finder->first[bucket];
		finder->first[bucket] = (uint32_t)at;
	}
	return true;
}

struct match {
	size_t at, other, size;
};

static size_t common_size(const struct folded_text *a, size_t at, const struct folded_text *b, size_t other)
{
	size_t size = 0;
	while (at + size < a->size && other + size < b->size && a->octets[at + size] == b->octets[other + size])
		size++;
	return size;
}

static struct match longest_from(
	const struct finder *finder, const struct folded_text *a, size_t at, const struct folded_text *b)
{
	struct match best = {.at = at};
	uint32_t other = at + SHINGLE_BYTES > a->size ? NOWHERE : finder->first[window_bucket(finder, a->octets + at)];
	for (uint32_t tries = 0; other != NOWHERE && tries < TRIES_MAX; tries++, other = finder->next[other]) {
		size_t size = common_size(a, at, b, other);
		if (size > best.size)
			best = (struct match){at, other, size};
	}
	return best;
}

static bool is_inside_word(const struct folded_text *text, size_t at)
{
	return at > 0 && at < text->size && text->octets[at - 1] != ' ' && text->octets[at] != ' ';
}

/* Whole words of both texts. */
static void trim(struct match *match, const struct folded_text *a, const struct folded_text *b)
{
	while (match->size > 0 &&
		(is_inside_word(a, match->at) || is_inside_word(b, match->other) || a->octets[match->at] == ' ')) {
		match->at++;
		match->other++;
		match->size--;
	}
	while (match->size > 0 &&
		(is_inside_word(a, match->at + match->size) || is_inside_word(b, match->other + match->size) ||
			a->octets[match->at + match->size - 1] == ' '))
		match->size--;
}

/* Boilerplate ----------------------------------------------------------------------------------------------------- */

struct commonness {
	const struct weights *weights;
	uint32_t *sum; /* of the windows before each octet, how many are common */
	size_t windows;
};

static bool commonness_open(struct commonness *common, const struct weights *weights, const struct folded_text *text)
{
	uint8_t least = weight_level_at(weights, common_share);
	size_t windows = text->size < SHINGLE_BYTES ? 0 : text->size - SHINGLE_BYTES + 1;
	uint32_t *hashes = malloc((windows + 1) * sizeof(*hashes));
	*common = (struct commonness){weights, calloc(windows + 1, sizeof(uint32_t)), windows};
	if (hashes != NULL && common->sum != NULL) {
		lanes_best()->hash_windows(text->octets, text->size, windows, hashes);
		for (size_t i = 0; i < windows; i++)
			common->sum[i + 1] = common->sum[i] + (weight_level(weights, hashes[i]) >= least);
	}
	bool made = hashes != NULL && common->sum != NULL;
	free(hashes);
	return made;
}

static bool is_boilerplate(const struct commonness *common, size_t from, size_t to)
{
	from = from < AROUND ? 0 : from - AROUND;
	to = to + AROUND < common->windows ? to + AROUND : common->windows;
	if (common->weights->documents < DOCUMENTS_LEAST || to <= from)
		return false;
	return common->sum[to] - common->sum[from] >= common_most * (double)(to - from);
}

/* Passages -------------------------------------------------------------------------------------------------------- */

struct comparer {
	struct folded_text a, b;
	struct finder finder;
	struct commonness common;
	struct explanation *out;
};

/* `continues`: it goes on where the one before ended, in both texts. */
static void add(struct comparer *c, size_t at, size_t other, size_t size, bool boilerplate, bool continues)
{
	struct explanation *out = c->out;
	while (size > 0 && c->a.octets[at + size - 1] == ' ')
		size--;
	if (size == 0)
		return;
	struct passage *last = out->count > 0 ? &out->passages[out->count - 1] : NULL;
	if (continues && last != NULL && last->boilerplate == boilerplate) {
		last->to = c->a.points[at + size - 1] + 1;
		last->other_to = c->b.points[other + size - 1] + 1;
		return;
	}
	if (out->count == EXPLAIN_PASSAGES_MAX)
		return;
	out->passages[out->count++] = (struct passage){.from = c->a.points[at],
		.to = c->a.points[at + size - 1] + 1,
		.other_from = c->b.points[other],
		.other_to = c->b.points[other + size - 1] + 1,
		.boilerplate = boilerplate};
}

static size_t word_end(const struct folded_text *text, size_t at, size_t end)
{
	while (at < end && text->octets[at] != ' ')
		at++;
	return at < end ? at + 1 : end;
}

/* One match word by word: where boilerplate begins or ends, a new passage does, unless it would be too short to be
 * anything by itself. */
static void add_match(struct comparer *c, const struct match *match)
{
	size_t end = match->at + match->size, from = match->at;
	bool kind = is_boilerplate(&c->common, from, word_end(&c->a, from, end));
	for (size_t word = from; word < end;) {
		size_t next = word_end(&c->a, word, end);
		bool this = is_boilerplate(&c->common, word, next);
		if (this != kind && word - from >= SPLIT_LEAST) {
			add(c, from, match->other + (from - match->at), word - from, kind, from > match->at);
			from = word;
			kind = this;
		} else if (this != kind && word - from < SPLIT_LEAST) {
			kind = this;
		}
		word = next;
	}
	add(c, from, match->other + (from - match->at), end - from, kind, from > match->at);
}

static void find_passages(struct comparer *c)
{
	for (size_t at = 0; at < c->a.size;) {
		struct match match = longest_from(&c->finder, &c->a, at, &c->b);
		size_t next = match.size > 0 ? at + match.size : at + 1;
		trim(&match, &c->a, &c->b);
		if (match.size >= EXPLAIN_PASSAGE_LEAST) {
			add_match(c, &match);
			at = match.at + match.size;
		} else {
			/* A longer one may begin within it. */
			at = next > at + SHINGLE_BYTES ? at + SHINGLE_BYTES : next;
		}
	}
}

/* Two texts too short to have a passage may still be the same. */
static void add_whole(struct comparer *c)
{
	const struct match whole = {.size = c->a.size};
	if (c->out->exact && c->out->count == 0 && c->a.size > 0)
		add_match(c, &whole);
}

static enum explain_fault score(struct comparer *c, const struct weights *weights)
{
	struct verifier *verifier = verifier_new();
	struct shingle_table *table = shingle_table_new();
	uint32_t *hashes = malloc((SHINGLES_MAX + 1) * sizeof(*hashes));
	struct shingle_set *a = NULL, *b = NULL;
	if (verifier != NULL && table != NULL && hashes != NULL) {
		a = shingle_set_new(hashes, shingle_text(table, (struct bytes){c->a.octets, c->a.size}, hashes, NULL));
		b = shingle_set_new(hashes, shingle_text(table, (struct bytes){c->b.octets, c->b.size}, hashes, NULL));
	}
	bool made = a != NULL && b != NULL;
	if (made) {
		verifier_take(verifier, weights, a);
		c->out->score = c->out->exact ? 1 : verifier_score(verifier, b);
	}
	shingle_set_free(&a);
	shingle_set_free(&b);
	free(hashes);
	shingle_table_free(&table);
	verifier_free(&verifier);
	return made ? EXPLAIN_OK : EXPLAIN_NO_MEMORY;
}

enum explain_fault explain_texts(const struct fold_table *table, const struct weights *weights, struct bytes text,
	struct bytes other, struct explanation *explanation)
{
	struct comparer c = {.out = explanation};
	memset(explanation, 0, sizeof(*explanation));
	enum explain_fault fault = fold(table, text, &c.a);
	if (fault == EXPLAIN_OK)
		fault = fold(table, other, &c.b);
	if (fault == EXPLAIN_OK && (!finder_open(&c.finder, &c.b) || !commonness_open(&c.common, weights, &c.a)))
		fault = EXPLAIN_NO_MEMORY;
	if (fault == EXPLAIN_OK) {
		explanation->exact =
			c.a.size == c.b.size && c.a.size > 0 && memcmp(c.a.octets, c.b.octets, c.a.size) == 0;
		find_passages(&c);
		add_whole(&c);
		fault = score(&c, weights);
	}
	free(c.common.sum);
	free(c.finder.first);
	free(c.finder.next);
	folded_free(&c.a);
	folded_free(&c.b);
	return fault;
}
