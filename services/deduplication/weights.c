#include "services/deduplication/weights.h"

#include "services/deduplication/pages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A snapshot: version, three zero octets, documents (u64 LE), last id, then the counters in order as LEB128,
 * a zero counter followed by how many more zeroes. */
enum { SNAPSHOT_VERSION = 1, HEADER_SIZE = 4 + 8 + ID128_SIZE };
enum { FIRST_AFTER = 32, GROWTH_SHIFT = 3, INTERVAL_MAX = 65536 };
enum {
	LEVEL_LAST = 255,
	LEVELS_EXACT = 128,
	LEVEL_STEP_SHIFT = 3,
	LEARNT_AT_ONCE = 512,
	LEVELS_SIZE = WEIGHT_COUNTERS + LANES_COUNTERS_BEHIND
};

/* The floor keeps what stands in every text from being nothing. */
static const double least_logarithm = 0.05;

/* The least frequency of each level. Whole numbers: a snapshot has the same levels on every machine. */
struct ladder {
	uint32_t least[LEVEL_LAST + 2];
};

static void ladder_init(struct ladder *ladder)
{
	ladder->least[0] = 0;
	for (uint32_t level = 0; level <= LEVEL_LAST; level++) {
		uint32_t least = ladder->least[level], step = least >> LEVEL_STEP_SHIFT;
		ladder->least[level + 1] = least + (least < LEVELS_EXACT ? 1 : step);
	}
}

static uint8_t level_of(const struct ladder *ladder, uint32_t frequency)
{
	uint32_t low = 0, high = LEVEL_LAST;
	if (frequency < LEVELS_EXACT)
		return (uint8_t)frequency;
	while (low < high) {
		uint32_t middle = (low + high + 1) / 2;
		if (ladder->least[middle] <= frequency)
			low = middle;
		else
			high = middle - 1;
	}
	return (uint8_t)low;
}

/* Up to LEVELS_EXACT the level is the count, and beyond `more` says by how much it is larger. So rare shingles, which
 * are most, are learnt within one MiB. */
struct frequency {
	uint64_t documents, published_documents;
	uint32_t number;
	struct id128 last;
	struct ladder ladder;
	uint8_t level[WEIGHT_COUNTERS];
	uint32_t more[WEIGHT_COUNTERS];
};

uint8_t weight_level_at(const struct weights *weights, double share)
{
	struct ladder ladder;
	ladder_init(&ladder);
	return level_of(&ladder, (uint32_t)fmin(share * (double)weights->documents, UINT32_MAX));
}

static void weigh(struct weights *weights, const struct campaign_weighting *weighting)
{
	struct ladder ladder;
	ladder_init(&ladder);
	for (int level = 0; level <= LEVEL_LAST; level++) {
		double frequency = (ladder.least[level] + (ladder.least[level + 1] - 1.0)) / 2;
		double logarithm = log(((double)weights->documents + weighting->prior) / (frequency + 1));
		weights->worth[level] = (float)pow(fmax(least_logarithm, logarithm), weighting->power);
	}
}

static struct weights *weights_allocate(uint32_t number, uint64_t documents)
{
	struct weights *weights = malloc(sizeof(*weights));
	if (weights == NULL)
		return NULL;
	*weights = (struct weights){.number = number, .documents = documents, .own = pages_new(LEVELS_SIZE)};
	weights->level = weights->own;
	weigh(weights, &CAMPAIGN_WEIGHTING_DEFAULT);
	if (weights->own == NULL)
		weights_free(&weights);
	return weights;
}

struct weights *weights_new_empty(void)
{
	return weights_allocate(0, 0);
}

void weights_free(struct weights **weights)
{
	if (*weights != NULL)
		pages_free((*weights)->own, LEVELS_SIZE);
	free(*weights);
	*weights = NULL;
}

void weights_for(const struct weights *weights, const struct campaign_weighting *weighting, struct weights *out)
{
	*out = *weights;
	out->own = NULL;
	weigh(out, weighting);
}

/* Reading --------------------------------------------------------------------------------------------------------- */

struct header {
	uint64_t documents;
	struct id128 last;
};

static bool read_header(struct bytes *snapshot, struct header *header)
{
	if (snapshot->size < HEADER_SIZE || snapshot->data[0] != SNAPSHOT_VERSION)
		return false;
	memcpy(&header->documents, snapshot->data + 4, sizeof(header->documents));
	memcpy(&header->last, snapshot->data + 12, sizeof(header->last));
	snapshot->data += HEADER_SIZE;
	snapshot->size -= HEADER_SIZE;
	return true;
}

static bool read_number(struct bytes *from, uint32_t *number)
{
	uint64_t value = 0;
	for (unsigned shift = 0; from->size > 0 && shift <= 28; shift += 7) {
		uint8_t octet = *from->data++;
		from->size--;
		value |= (uint64_t)(octet & 0x7F) << shift;
		if ((octet & 0x80) == 0) {
			*number = (uint32_t)value;
			return value <= UINT32_MAX;
		}
	}
	return false;
}

/* Calls for each counter that is not zero. */
typedef void counter_visitor(uint32_t index, uint32_t frequency, void *context);

static bool read_counters(struct bytes from, counter_visitor *visit, void *context)
{
	uint32_t index = 0;
	while (index < WEIGHT_COUNTERS) {
		uint32_t frequency, zeroes;
		if (!read_number(&from, &frequency))
			return false;
		if (frequency == 0) {
			if (!read_number(&from, &zeroes) || zeroes >= WEIGHT_COUNTERS - index)
				return false;
			index += zeroes;
		} else {
			visit(index, frequency, context);
		}
		index++;
	}
	return from.size == 0;
}

struct levels {
	struct ladder ladder;
	uint8_t *level;
};

static void set_level(uint32_t index, uint32_t frequency, void *context)
{
	struct levels *levels = context;
	levels->level[index] = level_of(&levels->ladder, frequency);
}

struct weights *weights_new(uint32_t number, struct bytes snapshot)
{
	struct header header;
	if (!read_header(&snapshot, &header))
		return NULL;
	struct weights *weights = weights_allocate(number, header.documents);
	if (weights == NULL)
		return NULL;
	struct levels levels = {.level = weights->own};
	ladder_init(&levels.ladder);
	if (!read_counters(snapshot, set_level, &levels))
		weights_free(&weights);
	return weights;
}

/* Learning -------------------------------------------------------------------------------------------------------- */

struct frequency *frequency_new(void)
{
	struct frequency *frequency = pages_new(sizeof(*frequency));
	if (frequency != NULL)
		ladder_init(&frequency->ladder);
	return frequency;
}

void frequency_free(struct frequency **frequency)
{
	pages_free(*frequency, sizeof(**frequency));
	*frequency = NULL;
}

static void raise_common(struct frequency *frequency, const uint32_t *indexes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&frequency->more[indexes[i]], 1);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *more = &frequency->more[indexes[i]];
		uint8_t *level = &frequency->level[indexes[i]];
		*more += *more < UINT32_MAX - LEVELS_EXACT;
		if (*level < LEVEL_LAST && LEVELS_EXACT + *more >= frequency->ladder.least[*level + 1])
			(*level)++;
	}
}

/* The counters lie in no cache: all are fetched before they are raised, and the common ones are put by, for where one
 * comes among the others cannot be foreseen. Where two shingles of a text share a counter it is raised twice, which
 * happens to one shingle in some thousands. */
static void learn_some(struct frequency *frequency, const uint32_t *hashes, uint32_t count)
{
	uint32_t common[LEARNT_AT_ONCE], put_by = 0;
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&frequency->level[hashes[i] % WEIGHT_COUNTERS], 1);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = hashes[i] % WEIGHT_COUNTERS;
		uint8_t level = frequency->level[index];
		bool rare = level < LEVELS_EXACT;
		common[put_by] = index;
		put_by += !rare;
		frequency->level[index] = (uint8_t)(level + rare);
	}
	raise_common(frequency, common, put_by);
}

void frequency_learn(struct frequency *frequency, const uint32_t *hashes, uint32_t count, const struct id128 *id)
{
	for (uint32_t from = 0; from < count; from += LEARNT_AT_ONCE)
		learn_some(frequency, hashes + from, count - from < LEARNT_AT_ONCE ? count - from : LEARNT_AT_ONCE);
	frequency->documents++;
	if (memcmp(id, &frequency->last, sizeof(*id)) > 0)
		frequency->last = *id;
}

uint64_t frequency_documents(const struct frequency *frequency)
{
	return frequency->documents;
}

bool frequency_is_due(const struct frequency *frequency)
{
	uint64_t wait = frequency->published_documents >> GROWTH_SHIFT;
	wait = wait < FIRST_AFTER ? FIRST_AFTER : wait > INTERVAL_MAX ? INTERVAL_MAX : wait;
	return frequency->documents - frequency->published_documents >= wait;
}

uint32_t frequency_number(const struct frequency *frequency)
{
	return frequency->number;
}

static size_t put_number(uint8_t *at, uint32_t number)
{
	size_t size = 0;
	while (number >= 0x80) {
		at[size++] = (uint8_t)(number | 0x80);
		number >>= 7;
	}
	at[size++] = (uint8_t)number;
	return size;
}

static uint32_t count_of(const struct frequency *frequency, uint32_t index)
{
	uint8_t level = frequency->level[index];
	return level < LEVELS_EXACT ? level : LEVELS_EXACT + frequency->more[index];
}

/* Many counters hold nothing: they are passed over eight at a time. */
static uint32_t end_of_zeroes(const struct frequency *frequency, uint32_t from)
{
	static const uint8_t nothing[8];
	while (from % 8 != 0 && frequency->level[from] == 0)
		from++;
	while (from % 8 == 0 && from < WEIGHT_COUNTERS &&
		memcmp(&frequency->level[from], nothing, sizeof(nothing)) == 0)
		from += 8;
	while (from < WEIGHT_COUNTERS && frequency->level[from] == 0)
		from++;
	return from;
}

void frequency_write(const struct frequency *frequency, struct buffer *out)
{
	static const uint8_t version[4] = {SNAPSHOT_VERSION};
	buffer_add(out, version, sizeof(version));
	buffer_add(out, &frequency->documents, sizeof(frequency->documents));
	buffer_add(out, &frequency->last, sizeof(frequency->last));
	uint8_t piece[4096];
	size_t size = 0;
	for (uint32_t i = 0; i < WEIGHT_COUNTERS;) {
		size += put_number(piece + size, count_of(frequency, i));
		uint32_t end = i + 1;
		if (frequency->level[i] == 0) {
			end = end_of_zeroes(frequency, i);
			size += put_number(piece + size, end - i - 1);
		}
		i = end;
		if (size > sizeof(piece) - 16) {
			buffer_add(out, piece, size);
			size = 0;
		}
	}
	buffer_add(out, piece, size);
}

void frequency_weights(
	const struct frequency *frequency, const struct campaign_weighting *weighting, struct weights *weights)
{
	memcpy(weights->own, frequency->level, WEIGHT_COUNTERS);
	weights->number = frequency->number + 1;
	weights->documents = frequency->documents;
	weigh(weights, weighting);
}

void frequency_published(struct frequency *frequency)
{
	frequency->number++;
	frequency->published_documents = frequency->documents;
}

static void set_counter(uint32_t index, uint32_t count, void *context)
{
	struct frequency *frequency = context;
	frequency->level[index] = level_of(&frequency->ladder, count);
	frequency->more[index] = count < LEVELS_EXACT ? 0 : count - LEVELS_EXACT;
}

bool frequency_resume(struct frequency *frequency, uint32_t number, struct bytes snapshot, struct id128 *last)
{
	struct header header;
	if (!read_header(&snapshot, &header))
		return false;
	memset(frequency, 0, sizeof(*frequency));
	ladder_init(&frequency->ladder);
	if (!read_counters(snapshot, set_counter, frequency))
		return false;
	frequency->documents = frequency->published_documents = header.documents;
	frequency->number = number;
	*last = frequency->last = header.last;
	return true;
}
