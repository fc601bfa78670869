#include "services/deduplication/index.h"

#include "services/deduplication/postings.h"

#include <stdlib.h>
#include <string.h>

enum {
	TALLY_SLOTS = 8192, /* three times what the lists of a text can hold */
	EXACT_MAX = 4,      /* of the candidates */
	COVER_KEYS_LEAST = 8,
};

/* How often each entry came up while the lists of one text are walked. */
struct tally {
	struct {
		uint32_t entry;
		uint16_t points; /* what they say: the fewer texts have a key, the more */
		uint16_t count;  /* keys in common so far; 0: free */
	} slot[TALLY_SLOTS];
	uint16_t touched[SKETCH_PLACES * INDEX_LIST_MAX];
	uint32_t touched_count;
};

/* A question as it is looked up: the keys that stand in this shard. */
struct look {
	uint8_t packed[LANES_KEYS_ROOM];
	struct lanes_places here;
	uint32_t keys; /* of them */
	uint32_t home[SKETCH_PLACES];
};

struct text_index {
	const struct lanes *lanes;
	struct shard_map map;
	uint32_t shard;
	uint64_t keys;
	uint64_t posted;
	uint32_t order; /* of the latest that came to stand */
	struct entries entries;
	struct postings postings[SKETCH_PLACES];
	struct tally *tally;
};

struct text_index *index_new(const struct shard_map *map, uint32_t shard)
{
	struct text_index *index = calloc(1, sizeof(*index));
	if (index == NULL)
		return NULL;
	index->lanes = lanes_best();
	index->map = *map;
	index->shard = shard;
	index->tally = calloc(1, sizeof(*index->tally));
	if (index->tally == NULL)
		index_free(&index);
	return index;
}

void index_free(struct text_index **index)
{
	if (*index == NULL)
		return;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		postings_deinit(&(*index)->postings[place]);
	entries_deinit(&(*index)->entries);
	free((*index)->tally);
	free(*index);
	*index = NULL;
}

static bool owns(const struct text_index *index, uint32_t place, uint32_t key)
{
	return key != 0 && shard_of_key(&index->map, place, key) == index->shard;
}

/* Looking --------------------------------------------------------------------------------------------------------- */

static void pack_keys(const struct sketch *sketch, uint8_t *packed)
{
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		memcpy(packed + (size_t)3 * place, &sketch->key[place], 3);
}

/* Where to begin in each place's postings; all are fetched before any is walked, for a miss costs more than a walk. */
static void look_up(const struct text_index *index, const struct sketch *sketch, struct look *look)
{
	look->here = (struct lanes_places){0};
	look->keys = 0;
	memset(look->packed + LANES_KEYS_SIZE, 0, LANES_KEYS_ROOM - LANES_KEYS_SIZE);
	pack_keys(sketch, look->packed);
	for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
		if (!owns(index, place, sketch->key[place]))
			continue;
		lanes_places_add(&look->here, place);
		look->keys++;
		look->home[place] = postings_home(&index->postings[place], sketch->key[place]);
		if (index->postings[place].capacity > 0)
			postings_fetch(&index->postings[place], look->home[place]);
	}
}

static void tally_add(struct tally *tally, uint32_t entry, uint32_t points)
{
	uint32_t at = entry * 0x9E3779B9u >> 19;
	while (tally->slot[at].count != 0 && tally->slot[at].entry != entry)
		at = (at + 1) % TALLY_SLOTS;
	if (tally->slot[at].count == 0) {
		tally->slot[at].entry = entry;
		tally->slot[at].points = 0;
		tally->touched[tally->touched_count++] = (uint16_t)at;
	}
	tally->slot[at].count++;
	tally->slot[at].points += (uint16_t)points;
}

static void tally_clear(struct tally *tally)
{
	for (uint32_t i = 0; i < tally->touched_count; i++)
		tally->slot[tally->touched[i]].count = 0;
	tally->touched_count = 0;
}

static void tally_lists(const struct text_index *index, const struct sketch *sketch, const struct look *look)
{
	uint32_t list[INDEX_LIST_MAX];
	for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
		if (!owns(index, place, sketch->key[place]))
			continue;
		uint32_t count = postings_find(
			&index->postings[place], sketch->key[place], look->home[place], list, INDEX_LIST_MAX);
		for (uint32_t i = 0; i < count; i++)
			tally_add(index->tally, list[i], INDEX_POINTS / (INDEX_POINTS_FLAT + count));
	}
}

static void entry_sketch(const struct entry *entry, struct sketch *sketch)
{
	sketch->snapshot = 0;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		sketch->key[place] = entry_key(entry, place);
}

static uint32_t shared_here(const struct text_index *index, const struct look *look, const struct entry *entry)
{
	return index->lanes->keys_shared(look->packed, entry->key, look->here);
}

/* A candidate while they are chosen. */
struct chosen {
	uint32_t entry, shared, points;
	bool exact;
};

static bool comes_before(const struct chosen *a, const struct chosen *b)
{
	if (a->exact != b->exact)
		return a->exact;
	return a->points != b->points ? a->points > b->points : a->entry < b->entry;
}

static uint32_t choose(struct chosen best[INDEX_CANDIDATES_MAX], uint32_t count, struct chosen one)
{
	uint32_t at = count;
	while (at > 0 && comes_before(&one, &best[at - 1]))
		at--;
	if (at == INDEX_CANDIDATES_MAX)
		return count;
	count += count < INDEX_CANDIDATES_MAX;
	memmove(best + at + 1, best + at, (count - at - 1) * sizeof(*best));
	best[at] = one;
	return count;
}

/* The earliest copies of other scopes, and the one of the same scope. */
static uint32_t choose_exact(const struct text_index *index, const struct index_question *question,
	const struct look *look, uint32_t before, struct chosen *best, bool *same_scope)
{
	uint32_t count = 0, others = 0;
	*same_scope = false;
	for (uint32_t at = entries_find_digest(&index->entries, &question->digest, question->campaign);
		at != ENTRY_NONE && at < before; at = entry_at(&index->entries, at)->same_digest) {
		const struct entry *entry = entry_at(&index->entries, at);
		bool same = entry->scope == question->scope;
		*same_scope |= same;
		if (!same && ++others >= EXACT_MAX)
			continue;
		struct chosen one = {.entry = at, .shared = shared_here(index, look, entry), .exact = true};
		count = choose(best, count, one);
	}
	return count;
}

/* What came before: copies by their numbers, whether they are posted or not, others by the order in which they came to
 * stand, and those that overtake. */
struct before {
	uint32_t number, order;
};

static bool is_before(const struct entry *entry, uint32_t number, struct before before)
{
	return entry->order < before.order || (entry->overtakes && number != before.number);
}

/* With other shards around, one key here may be one of several in all. */
static uint32_t choose_near(const struct text_index *index, const struct index_question *question,
	const struct look *look, struct before before, struct chosen *best, uint32_t count)
{
	const struct tally *tally = index->tally;
	const bool alone = index->map.shards == 1;
	const uint32_t least = alone ? sketch_shared_least(look->keys) : 1;
	for (uint32_t i = 0; i < tally->touched_count; i++)
		if (tally->slot[tally->touched[i]].count >= least)
			__builtin_prefetch(entry_at(&index->entries, tally->slot[tally->touched[i]].entry));
	for (uint32_t i = 0; i < tally->touched_count; i++) {
		uint32_t at = tally->touched[i];
		if (tally->slot[at].count < least)
			continue;
		struct chosen one = {.entry = tally->slot[at].entry, .points = tally->slot[at].points};
		const struct entry *entry = entry_at(&index->entries, one.entry);
		if (!is_before(entry, one.entry, before) || entry->campaign != question->campaign ||
			entry->scope != question->scope || id128_equal(&entry->digest, &question->digest))
			continue;
		one.shared = shared_here(index, look, entry);
		if (alone ? index_is_worth_comparing(look->keys, one.shared, one.points) : one.shared > 0)
			count = choose(best, count, one);
	}
	return count;
}

/* True where one of them stands for the text: the same text, or nine of ten keys. */
static bool find(const struct text_index *index, const struct index_question *question, struct before before,
	struct index_answer *answer)
{
	struct look look;
	struct chosen best[INDEX_CANDIDATES_MAX];
	bool covered;
	look_up(index, &question->sketch, &look);
	answer->count = choose_exact(index, question, &look, before.number, best, &covered);
	tally_lists(index, &question->sketch, &look);
	answer->count = choose_near(index, question, &look, before, best, answer->count);
	tally_clear(index->tally);
	for (uint32_t i = 0; i < answer->count; i++) {
		const struct entry *entry = entry_at(&index->entries, best[i].entry);
		struct index_candidate *candidate = &answer->candidates[i];
		candidate->id = entry->id;
		candidate->shared = best[i].shared;
		candidate->points = best[i].points;
		candidate->exact = best[i].exact;
		entry_sketch(entry, &candidate->sketch);
		covered |= !best[i].exact && look.keys >= COVER_KEYS_LEAST && 10 * best[i].shared >= 9 * look.keys;
	}
	return covered;
}

/* Inserting ------------------------------------------------------------------------------------------------------- */

static enum index_fault reserve(struct text_index *index, const struct sketch *sketch)
{
	if (index->entries.count == INDEX_TEXTS_MAX)
		return INDEX_FULL;
	if (!entries_reserve(&index->entries))
		return INDEX_NO_MEMORY;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		if (owns(index, place, sketch->key[place]) &&
			!postings_reserve(&index->postings[place], place, &index->entries, &index->map, index->shard))
			return INDEX_NO_MEMORY;
	return INDEX_OK;
}

static void post(struct text_index *index, uint32_t number)
{
	struct entry *entry = entry_at(&index->entries, number);
	for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
		uint32_t key = entry_key(entry, place);
		if (owns(index, place, key)) {
			postings_add(&index->postings[place], key, number);
			index->keys++;
		}
	}
	entry->posted = true;
	index->posted++;
}

static uint32_t insert(struct text_index *index, const struct index_question *question)
{
	struct entry *entry =
		entries_add(&index->entries, &question->id, &question->digest, question->campaign, question->scope);
	pack_keys(&question->sketch, entry->key);
	entry->order = ++index->order;
	return index->entries.count - 1;
}

/* Asked before: answered as it was then, by the keys it was first asked with; where it is posted only now, as of now.
 */
static enum index_fault ask_again(
	struct text_index *index, uint32_t number, const struct index_question *question, struct index_answer *answer)
{
	struct entry *entry = entry_at(&index->entries, number);
	struct index_question first = *question;
	entry_sketch(entry, &first.sketch);
	answer->newly_posted = (question->insist || question->overtake) && !entry->posted;
	if (answer->newly_posted) {
		enum index_fault fault = reserve(index, &first.sketch);
		if (fault != INDEX_OK)
			return fault;
		post(index, number);
		entry->order = ++index->order;
	}
	answer->overtook = question->overtake && !entry->overtakes;
	entry->overtakes |= question->overtake;
	(void)find(index, &first, (struct before){number, entry->order}, answer);
	answer->posted = entry->posted;
	return INDEX_OK;
}

static struct before everything(const struct text_index *index)
{
	return (struct before){index->entries.count, index->order + 1};
}

enum index_fault index_ask(struct text_index *index, const struct index_question *question, struct index_answer *answer)
{
	uint32_t number = entries_find(&index->entries, &question->id);
	if (number != ENTRY_NONE)
		return ask_again(index, number, question, answer);
	enum index_fault fault = reserve(index, &question->sketch);
	if (fault != INDEX_OK)
		return fault;
	bool covered = find(index, question, everything(index), answer);
	number = insert(index, question);
	answer->posted = answer->newly_posted = question->insist || question->overtake || !covered;
	if (answer->posted)
		post(index, number);
	answer->overtook = entry_at(&index->entries, number)->overtakes = question->overtake;
	return INDEX_OK;
}

void index_peek(const struct text_index *index, const struct index_question *question, struct index_answer *answer)
{
	(void)find(index, question, everything(index), answer);
	answer->newly_posted = answer->posted = answer->overtook = false;
}

enum index_fault index_restore(struct text_index *index, const struct index_question *question)
{
	if (entries_find(&index->entries, &question->id) != ENTRY_NONE)
		return INDEX_OK;
	enum index_fault fault = reserve(index, &question->sketch);
	if (fault == INDEX_OK)
		post(index, insert(index, question));
	return fault;
}

struct index_figures index_figures(const struct text_index *index)
{
	struct index_figures figures = {.texts = index->entries.count, .posted = index->posted, .keys = index->keys};
	figures.bytes = sizeof(*index) + sizeof(*index->tally) + entries_bytes(&index->entries);
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		figures.bytes += postings_bytes(&index->postings[place]);
	return figures;
}
