/* The method that deduplication is measured against: MinHash with 128 permutations, LSH of 16 bands, and exact
 * verification by the Jaccard index of the sets; plain scalar C, one thread.
 *
 * build/tests/bench/minhash INPUT.jsonl [THRESHOLD] > decisions.jsonl, one line of figures on standard error.
 *
 * After Broder (1997) for the sketch and Indyk & Motwani (1998) for the bands, as datasketch has them: a permutation is
 * (a x + b) mod 2^61 - 1, cut to 32 bits. The texts are folded as the service folds them, and its reader reads them, so
 * that the two differ in the method alone. A set is kept as a list of the hashes of its five-octet windows. */
#include "services/deduplication/fold.h"
#include "services/deduplication/offline_texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERMUTATIONS = 128, BANDS = 16, ROWS = PERMUTATIONS / BANDS, WINDOW = 5, BUCKET_MAX = 64, SET_MAX = 1 << 15 };
#define PRIME ((UINT64_C(1) << 61) - 1)

struct set {
	uint32_t count;
	uint32_t *hash;
};

struct bucket {       /* open addressing by `key` */
	uint64_t key; /* 0: free */
	uint32_t first, last, count;
};

struct link {
	uint32_t text, next;
};

struct minhash {
	uint64_t a[PERMUTATIONS], b[PERMUTATIONS];
	struct fold_table *fold;
	struct offline_text *texts;
	struct set *sets;
	uint32_t count, capacity;
	struct bucket *buckets;
	uint64_t slots, used;
	struct link *links;
	uint32_t link_count, link_capacity;
	uint32_t *table; /* of the set at hand, 2 * SET_MAX */
	uint32_t mask;
	uint8_t *folded;
	size_t folded_size;
	double threshold;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed += 0x9E3779B97F4A7C15u;
	uint64_t x = *seed;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

static void *grown(void *old, size_t count, size_t size)
{
	void *larger = realloc(old, count * size);
	if (larger == NULL)
		abort();
	return larger;
}

/* Sets ------------------------------------------------------------------------------------------------------------ */

static void table_begin(struct minhash *run, uint32_t keys)
{
	run->mask = 255;
	while (run->mask + 1 < 2 * keys)
		run->mask = 2 * run->mask + 1;
	memset(run->table, 0, (run->mask + 1) * sizeof(*run->table));
}

/* Was it there before? */
static bool table_take(struct minhash *run, uint32_t hash, bool add)
{
	uint32_t at = hash & run->mask;
	while (run->table[at] != 0 && run->table[at] != hash)
		at = (at + 1) & run->mask;
	bool found = run->table[at] != 0;
	if (add)
		run->table[at] = hash;
	return found;
}

static uint32_t hash_window(const uint8_t *at)
{
	uint64_t x =
		at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 | (uint64_t)at[4] << 32;
	x = (x ^ x >> 33) * 0xFF51AFD7ED558CCDu;
	x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53u;
	uint32_t hash = (uint32_t)(x >> 32);
	return hash == 0 ? 1 : hash;
}

/* The set of the folded text, whose table stays for the comparisons. */
static struct set make_set(struct minhash *run)
{
	uint32_t windows = run->folded_size < WINDOW ? 0 : (uint32_t)run->folded_size - WINDOW + 1;
	struct set set = {.hash = grown(NULL, windows + 1, sizeof(uint32_t))};
	if (windows > SET_MAX)
		windows = SET_MAX;
	table_begin(run, windows);
	for (uint32_t i = 0; i < windows; i++) {
		uint32_t hash = hash_window(run->folded + i);
		if (!table_take(run, hash, true))
			set.hash[set.count++] = hash;
	}
	set.hash = grown(set.hash, set.count + 1, sizeof(uint32_t));
	return set;
}

static double jaccard(struct minhash *run, const struct set *own, const struct set *other)
{
	uint32_t common = 0;
	for (uint32_t i = 0; i < other->count; i++)
		common += table_take(run, other->hash[i], false);
	uint32_t all = own->count + other->count - common;
	return all == 0 ? 0 : (double)common / all;
}

/* Sketch and bands ------------------------------------------------------------------------------------------------ */

static void sketch(const struct minhash *run, const struct set *set, uint32_t least[PERMUTATIONS])
{
	memset(least, 0xFF, PERMUTATIONS * sizeof(*least));
	for (uint32_t i = 0; i < set->count; i++) {
		uint64_t x = set->hash[i];
		for (uint32_t p = 0; p < PERMUTATIONS; p++) {
			uint64_t y = run->a[p] * x + run->b[p];
			y = (y & PRIME) + (y >> 61);
			y = y >= PRIME ? y - PRIME : y;
			if ((uint32_t)y < least[p])
				least[p] = (uint32_t)y;
		}
	}
}

static struct bucket *find_bucket(struct bucket *buckets, uint64_t slots, uint64_t key)
{
	uint64_t at = key % slots;
	while (buckets[at].key != 0 && buckets[at].key != key)
		at = at + 1 == slots ? 0 : at + 1;
	return &buckets[at];
}

static void make_room(struct minhash *run)
{
	if (run->used + BANDS <= run->slots / 2)
		return;
	uint64_t slots = run->slots == 0 ? 1 << 16 : 2 * run->slots;
	struct bucket *larger = calloc(slots, sizeof(*larger));
	if (larger == NULL)
		abort();
	for (uint64_t i = 0; i < run->slots; i++)
		if (run->buckets[i].key != 0)
			*find_bucket(larger, slots, run->buckets[i].key) = run->buckets[i];
	free(run->buckets);
	run->buckets = larger;
	run->slots = slots;
}

static uint64_t band_key(uint32_t band, const uint32_t least[PERMUTATIONS])
{
	uint64_t key = band + 1;
	for (uint32_t row = 0; row < ROWS; row++)
		key = (key ^ least[band * ROWS + row]) * 0x9E3779B97F4A7C15u;
	key ^= key >> 29;
	return key == 0 ? 1 : key;
}

static void join_bucket(struct minhash *run, struct bucket *bucket, uint64_t key, uint32_t text)
{
	if (bucket->count == BUCKET_MAX)
		return;
	if (run->link_count == run->link_capacity) {
		run->link_capacity = 2 * run->link_capacity + 1024;
		run->links = grown(run->links, run->link_capacity, sizeof(*run->links));
	}
	run->links[run->link_count] = (struct link){.text = text, .next = UINT32_MAX};
	if (bucket->count == 0) {
		run->used++;
		*bucket = (struct bucket){.key = key, .first = run->link_count};
	} else {
		run->links[bucket->last].next = run->link_count;
	}
	bucket->last = run->link_count++;
	bucket->count++;
}

/* A text in several bands is compared once: `seen` is its last comparer. */
static void judge(struct minhash *run, uint32_t number, uint32_t *seen)
{
	uint32_t least[PERMUTATIONS];
	const struct set *own = &run->sets[number];
	double best = 0;
	make_room(run);
	sketch(run, own, least);
	for (uint32_t band = 0; band < BANDS; band++) {
		uint64_t key = band_key(band, least);
		struct bucket *bucket = find_bucket(run->buckets, run->slots, key);
		for (uint32_t at = bucket->count > 0 ? bucket->first : UINT32_MAX; at != UINT32_MAX;
			at = run->links[at].next) {
			uint32_t other = run->links[at].text;
			if (seen[other] == number)
				continue;
			seen[other] = number;
			double score = jaccard(run, own, &run->sets[other]);
			if (score > best && score >= run->threshold) {
				best = score;
				run->texts[number].duplicate_of = run->texts[other].duplicate_of;
			}
		}
		join_bucket(run, bucket, key, number);
	}
	run->texts[number].score = (float)best;
}

/* The run --------------------------------------------------------------------------------------------------------- */

static int64_t cpu_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool read_all(struct minhash *run, const char *path)
{
	struct offline_reader reader = {.file = fopen(path, "r")};
	if (reader.file == NULL)
		return false;
	for (;;) {
		if (run->count == run->capacity) {
			run->capacity = 2 * run->capacity + 1024;
			run->texts = grown(run->texts, run->capacity, sizeof(*run->texts));
		}
		if (!offline_read(&reader, &run->texts[run->count]))
			break;
		run->count++;
	}
	free(reader.line);
	fclose(reader.file);
	errno = EINVAL;
	return reader.complaint == NULL;
}

static void judge_all(struct minhash *run)
{
	uint32_t *seen = grown(NULL, run->count + 1, sizeof(*seen));
	memset(seen, 0xFF, (run->count + 1) * sizeof(*seen));
	run->sets = grown(NULL, run->count + 1, sizeof(*run->sets));
	for (uint32_t i = 0; i < run->count; i++) {
		struct bytes text = {run->texts[i].text, run->texts[i].size};
		run->folded = grown(run->folded, FOLD_GROWTH * text.size + 1, 1);
		if (!fold_text(run->fold, text, run->folded, &run->folded_size))
			run->folded_size = 0;
		run->texts[i].duplicate_of = i;
		run->sets[i] = make_set(run);
		judge(run, i, seen);
	}
	free(seen);
}

static int print_all(struct minhash *run, int64_t cpu_us)
{
	struct buffer out = {0};
	uint32_t duplicates = 0;
	for (uint32_t i = 0; i < run->count; i++) {
		offline_write(&out, &run->texts[i], &run->texts[run->texts[i].duplicate_of]);
		duplicates += run->texts[i].duplicate_of != i;
	}
	bool written = !out.failed && fwrite(out.data, 1, out.size, stdout) == out.size;
	buffer_deinit(&out);
	fprintf(stderr, "{\"texts\": %u, \"judge_us\": %.1f, \"duplicates\": %u}\n", run->count,
		(double)cpu_us / (run->count > 0 ? run->count : 1), duplicates);
	return written ? 0 : 74;
}

int main(int argc, char **argv)
{
	struct minhash *run = calloc(1, sizeof(*run));
	uint64_t seed = 1;
	if (argc < 2 || run == NULL) {
		fputs("usage: minhash INPUT.jsonl [THRESHOLD]\n", stderr);
		return 64;
	}
	run->threshold = argc > 2 ? strtod(argv[2], NULL) : 0.7;
	run->fold = fold_table_new();
	run->table = grown(NULL, (size_t)2 * SET_MAX, sizeof(*run->table));
	for (uint32_t p = 0; p < PERMUTATIONS; p++) {
		run->a[p] = 1 + next_random(&seed) % (PRIME - 1);
		run->b[p] = next_random(&seed) % PRIME;
	}
	if (run->fold == NULL || !read_all(run, argv[1])) {
		perror(argv[1]);
		return 65;
	}
	int64_t began_us = cpu_now_us();
	judge_all(run);
	return print_all(run, cpu_now_us() - began_us);
}
