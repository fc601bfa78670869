#include "services/deduplication/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A snapshot: version, three zero octets, documents (u64 LE), last id, then the counters in order as LEB128,
 * a zero counter followed by how many more zeroes. */
enum { SNAPSHOT_VERSION = 1, HEADER_SIZE = 4 + 8 + ID128_SIZE };
enum { FIRST_AFTER = 32, GROWTH_SHIFT = 3, INTERVAL_MAX = 65536 };

/* A level is 1/16 of ln((N + prior) / (df + 1)), and is worth that logarithm to the power of 2.5. The prior says how
 * many texts it takes until what came twice counts as rare; the floor keeps what stands in every text from being
 * nothing. README: how they were chosen. */
static const double level_steps = 16.0, prior_documents = 200.0, least_logarithm = 0.05, power = 2.5;

struct frequency {
	uint64_t documents, published_documents;
	uint32_t number;
	struct id128 last;
	uint32_t counter[WEIGHT_COUNTERS];
};

float weight_total(const struct weights *weights, const uint32_t *hashes, uint32_t count)
{
	float total = 0;
	for (uint32_t i = 0; i < count; i++)
		total += weight_of(weights, hashes[i]);
	return total;
}

static uint8_t level_of(uint64_t documents, uint64_t frequency)
{
	double level = level_steps * log(((double)documents + prior_documents) / ((double)frequency + 1.0));
	return level <= 0 ? 0 : level >= 255 ? 255 : (uint8_t)lround(level);
}

double weight_at_share(const struct weights *weights, double share)
{
	return (double)weights->worth[level_of(weights->documents, (uint64_t)(share * (double)weights->documents))];
}

static struct weights *weights_allocate(uint32_t number, uint64_t documents)
{
	struct weights *weights = malloc(sizeof(*weights));
	if (weights == NULL)
		return NULL;
	weights->number = number;
	weights->documents = documents;
	memset(weights->level, level_of(documents, 0), sizeof(weights->level));
	for (int level = 0; level < 256; level++) {
		double logarithm = fmax(least_logarithm, level / level_steps);
		weights->worth[level] = (float)pow(logarithm, power);
	}
	return weights;
}

struct weights *weights_new_empty(void)
{
	return weights_allocate(0, 0);
}

void weights_free(struct weights **weights)
{
	free(*weights);
	*weights = NULL;
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

/* The logarithm is asked for once a frequency, not once a counter: most counters hold a small number. */
struct levels {
	struct weights *weights;
	uint8_t small[4096];
};

static void set_level(uint32_t index, uint32_t frequency, void *context)
{
	struct levels *levels = context;
	levels->weights->level[index] = frequency < ARRAY_LENGTH(levels->small)
						? levels->small[frequency]
						: level_of(levels->weights->documents, frequency);
}

struct weights *weights_new(uint32_t number, struct bytes snapshot)
{
	struct header header;
	if (!read_header(&snapshot, &header))
		return NULL;
	struct levels levels = {.weights = weights_allocate(number, header.documents)};
	if (levels.weights == NULL)
		return NULL;
	for (uint32_t i = 0; i < ARRAY_LENGTH(levels.small); i++)
		levels.small[i] = level_of(header.documents, i);
	if (!read_counters(snapshot, set_level, &levels))
		weights_free(&levels.weights);
	return levels.weights;
}

/* Learning -------------------------------------------------------------------------------------------------------- */

struct frequency *frequency_new(void)
{
	return calloc(1, sizeof(struct frequency));
}

void frequency_free(struct frequency **frequency)
{
	free(*frequency);
	*frequency = NULL;
}

/* The counters lie in no cache: all are fetched before they are raised. Where two shingles of a text share a counter
 * it is raised twice, which happens to one shingle in some thousands. */
void frequency_learn(struct frequency *frequency, const uint32_t *hashes, uint32_t count, const struct id128 *id)
{
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&frequency->counter[hashes[i] % WEIGHT_COUNTERS], 1);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *counter = &frequency->counter[hashes[i] % WEIGHT_COUNTERS];
		*counter += *counter < UINT32_MAX;
	}
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

/* Most counters hold nothing: they are passed over four at a time. */
static uint32_t end_of_zeroes(const struct frequency *frequency, uint32_t from)
{
	static const uint32_t nothing[4];
	while (from % 4 != 0 && from < WEIGHT_COUNTERS && frequency->counter[from] == 0)
		from++;
	while (from % 4 == 0 && from < WEIGHT_COUNTERS &&
		memcmp(&frequency->counter[from], nothing, sizeof(nothing)) == 0)
		from += 4;
	while (from < WEIGHT_COUNTERS && frequency->counter[from] == 0)
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
		size += put_number(piece + size, frequency->counter[i]);
		uint32_t end = i + 1;
		if (frequency->counter[i] == 0) {
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

void frequency_published(struct frequency *frequency)
{
	frequency->number++;
	frequency->published_documents = frequency->documents;
}

static void set_counter(uint32_t index, uint32_t count, void *context)
{
	struct frequency *frequency = context;
	frequency->counter[index] = count;
}

bool frequency_resume(struct frequency *frequency, uint32_t number, struct bytes snapshot, struct id128 *last)
{
	struct header header;
	if (!read_header(&snapshot, &header))
		return false;
	memset(frequency, 0, sizeof(*frequency));
	if (!read_counters(snapshot, set_counter, frequency))
		return false;
	frequency->documents = frequency->published_documents = header.documents;
	frequency->number = number;
	*last = frequency->last = header.last;
	return true;
}
