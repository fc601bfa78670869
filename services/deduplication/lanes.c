#include "services/deduplication/lanes.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The finaliser of MurmurHash3 over a window; the upper half of the product is the well mixed one. */
#define WINDOW_FIRST UINT64_C(0xFF51AFD7ED558CCD)
#define WINDOW_SECOND UINT64_C(0xC4CEB9FE1A85EC53)
#define WINDOW_MASK ((UINT64_C(1) << (8 * SHINGLE_BYTES)) - 1)
/* How lucky a shingle is and where it falls are two independent hashes of it. */
#define LUCK_SALT 0x5BD1E995u
#define PLACE_SALT 0x9E3779B9u
#define MIX_FIRST 0x7FEB352Du
#define MIX_SECOND 0x846CA68Bu
/* log2(1 + m) on [0, 1) to about 1e-4: enough to order clocks. */
#define TERM_1 1.4425449F
#define TERM_2 (-0.7181452F)
#define TERM_3 0.4575485F
#define TERM_4 (-0.2779042F)
#define TERM_5 0.0959601F

/* Plain C --------------------------------------------------------------------------------------------------------- */

static uint64_t window_at(const uint8_t *at, size_t readable)
{
	uint64_t window = 0;
	if (readable >= sizeof(window))
		memcpy(&window, at, sizeof(window));
	else
		memcpy(&window, at, readable);
	return window & WINDOW_MASK;
}

static uint32_t hash_window(uint64_t window)
{
	window *= WINDOW_FIRST;
	window ^= window >> 33;
	window *= WINDOW_SECOND;
	uint32_t hash = (uint32_t)(window >> 32);
	return hash == 0 ? 1 : hash;
}

static void plain_hash_windows(const uint8_t *text, size_t readable, size_t count, uint32_t *hash)
{
	for (size_t i = 0; i < count; i++)
		hash[i] = hash_window(window_at(text + i, readable - i));
}

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= MIX_FIRST;
	x ^= x >> 15;
	x *= MIX_SECOND;
	return x ^ x >> 16;
}

static float minus_log2(float number)
{
	union {
		float real;
		uint32_t bits;
	} parts = {.real = number};
	float exponent = (float)((int32_t)(parts.bits >> 23) - 127);
	parts.bits = (parts.bits & 0x007FFFFFu) | 0x3F800000u;
	float m = parts.real - 1.0F;
	float log2 = m * (TERM_1 + m * (TERM_2 + m * (TERM_3 + m * (TERM_4 + m * TERM_5))));
	return -(exponent + log2);
}

static void plain_run_clocks(const uint32_t *hash, const float *weight, size_t count, float *rings, uint32_t *place)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t luck = mix(hash[i] ^ LUCK_SALT) >> 8;
		rings[i] = minus_log2((float)(int32_t)(luck + 1) * 0x1p-24F) / weight[i];
		place[i] = (mix(hash[i] + PLACE_SALT) >> 16) * LANES_PLACES >> 16;
	}
}

static void plain_weigh(const uint8_t *level, const float *worth, const uint32_t *hash, size_t count, float *weight)
{
	for (size_t i = 0; i < count; i++)
		weight[i] = worth[level[hash[i] % LANES_COUNTERS]];
}

static uint32_t plain_keys_shared(const uint8_t *a, const uint8_t *b, struct lanes_places places)
{
	uint32_t shared = 0;
	for (uint32_t place = 0; place < LANES_PLACES; place++) {
		uint32_t bit = 3 * place;
		bool asked = (bit < 64 ? places.low >> bit : places.high >> (bit - 64)) & 1;
		shared += asked && memcmp(a + bit, b + bit, 3) == 0;
	}
	return shared;
}

static bool is_in(const struct shingle_slots *table, uint32_t hash)
{
	uint32_t at = hash >> table->shift;
	while (table->slot[at] != 0 && table->slot[at] != hash)
		at = (at + 1) & table->mask;
	return table->slot[at] != 0;
}

static void plain_overlap(const struct shingle_slots *table, const uint32_t *hash, const float *weight, size_t count,
	struct lanes_overlap *sum)
{
	for (size_t i = 0; i < count; i++) {
		bool in = is_in(table, hash[i]);
		sum->all[i % LANES_SUMS] += weight[i];
		sum->both[i % LANES_SUMS] += in ? weight[i] : 0;
		sum->common += in;
	}
}

const struct lanes LANES_PLAIN = {
	"plain", plain_hash_windows, plain_weigh, plain_run_clocks, plain_keys_shared, plain_overlap};

/* AVX2 ------------------------------------------------------------------------------------------------------------ */

#if defined(__x86_64__)
#define WITH_AVX2 __attribute__((target("avx2,popcnt")))

/* The lower halves of four products of 64 bits: AVX2 multiplies only 32 by 32. */
WITH_AVX2 static inline __m256i multiply(__m256i a, uint64_t by)
{
	const __m256i low = _mm256_set1_epi64x((int64_t)(by & UINT32_MAX)),
		      high = _mm256_set1_epi64x((int64_t)(by >> 32));
	__m256i crossed = _mm256_add_epi64(_mm256_mul_epu32(a, high), _mm256_mul_epu32(_mm256_srli_epi64(a, 32), low));
	return _mm256_add_epi64(_mm256_mul_epu32(a, low), _mm256_slli_epi64(crossed, 32));
}

/* Four windows in the upper halves of four numbers. */
WITH_AVX2 static inline __m256i hash_four(__m256i windows)
{
	windows = multiply(windows, WINDOW_FIRST);
	windows = _mm256_xor_si256(windows, _mm256_srli_epi64(windows, 33));
	return multiply(windows, WINDOW_SECOND);
}

/* Eight windows begin in the sixteen octets that are read. */
WITH_AVX2 static void avx2_hash_windows(const uint8_t *text, size_t readable, size_t count, uint32_t *hash)
{
	const __m256i spread = _mm256_setr_epi8(0, 1, 2, 3, 4, -1, -1, -1, 1, 2, 3, 4, 5, -1, -1, -1, 2, 3, 4, 5, 6, -1,
		-1, -1, 3, 4, 5, 6, 7, -1, -1, -1);
	const __m256i halves = _mm256_setr_epi32(1, 3, 5, 7, 0, 2, 4, 6);
	size_t i = 0;
	for (; i + 8 <= count && i + 16 <= readable; i += 8) {
		__m128i octets = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		__m256i first = _mm256_broadcastsi128_si256(octets);
		__m256i second = _mm256_broadcastsi128_si256(_mm_srli_si128(octets, 4));
		first = _mm256_permutevar8x32_epi32(hash_four(_mm256_shuffle_epi8(first, spread)), halves);
		second = _mm256_permutevar8x32_epi32(hash_four(_mm256_shuffle_epi8(second, spread)), halves);
		__m256i all = _mm256_permute2x128_si256(first, second, 0x20);
		all = _mm256_sub_epi32(all, _mm256_cmpeq_epi32(all, _mm256_setzero_si256())); /* 0 becomes 1 */
		_mm256_storeu_si256((__m256i *)(void *)(hash + i), all);
	}
	plain_hash_windows(text + i, readable - i, count - i, hash + i);
}

WITH_AVX2 static inline __m256i mix_eight(__m256i x)
{
	x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
	x = _mm256_mullo_epi32(x, _mm256_set1_epi32((int32_t)MIX_FIRST));
	x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 15));
	x = _mm256_mullo_epi32(x, _mm256_set1_epi32((int32_t)MIX_SECOND));
	return _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
}

/* Without fused multiply and add, which would round otherwise than plain C. */
WITH_AVX2 static inline __m256 log2_of_eight(__m256 number)
{
	__m256i bits = _mm256_castps_si256(number);
	__m256 exponent = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127)));
	bits = _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x007FFFFF)), _mm256_set1_epi32(0x3F800000));
	__m256 m = _mm256_sub_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(1.0F));
	__m256 sum = _mm256_set1_ps(TERM_5);
	sum = _mm256_add_ps(_mm256_set1_ps(TERM_4), _mm256_mul_ps(m, sum));
	sum = _mm256_add_ps(_mm256_set1_ps(TERM_3), _mm256_mul_ps(m, sum));
	sum = _mm256_add_ps(_mm256_set1_ps(TERM_2), _mm256_mul_ps(m, sum));
	sum = _mm256_add_ps(_mm256_set1_ps(TERM_1), _mm256_mul_ps(m, sum));
	return _mm256_add_ps(exponent, _mm256_mul_ps(m, sum));
}

WITH_AVX2 static void avx2_run_clocks(
	const uint32_t *hash, const float *weight, size_t count, float *rings, uint32_t *place)
{
	const __m256 sign = _mm256_set1_ps(-0.0F);
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		__m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(hash + i));
		__m256i luck = mix_eight(_mm256_xor_si256(eight, _mm256_set1_epi32((int32_t)LUCK_SALT)));
		luck = _mm256_add_epi32(_mm256_srli_epi32(luck, 8), _mm256_set1_epi32(1));
		__m256 chance = _mm256_mul_ps(_mm256_cvtepi32_ps(luck), _mm256_set1_ps(0x1p-24F));
		__m256 time = _mm256_xor_ps(log2_of_eight(chance), sign);
		_mm256_storeu_ps(rings + i, _mm256_div_ps(time, _mm256_loadu_ps(weight + i)));
		__m256i fall = mix_eight(_mm256_add_epi32(eight, _mm256_set1_epi32((int32_t)PLACE_SALT)));
		fall = _mm256_mullo_epi32(_mm256_srli_epi32(fall, 16), _mm256_set1_epi32(LANES_PLACES));
		_mm256_storeu_si256((__m256i *)(void *)(place + i), _mm256_srli_epi32(fall, 16));
	}
	plain_run_clocks(hash + i, weight + i, count - i, rings + i, place + i);
}

WITH_AVX2 static inline uint64_t octets_equal(const uint8_t *a, const uint8_t *b)
{
	const __m256i *left = (const __m256i *)(const void *)a, *right = (const __m256i *)(const void *)b;
	uint32_t low =
		(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_loadu_si256(left), _mm256_loadu_si256(right)));
	uint32_t high = (uint32_t)_mm256_movemask_epi8(
		_mm256_cmpeq_epi8(_mm256_loadu_si256(left + 1), _mm256_loadu_si256(right + 1)));
	return low | (uint64_t)high << 32;
}

/* Three equal octets in a row, where a place begins. */
WITH_AVX2 static uint32_t avx2_keys_shared(const uint8_t *a, const uint8_t *b, struct lanes_places places)
{
	uint64_t low = octets_equal(a, b), high = octets_equal(a + 64, b + 64);
	uint64_t low_thrice = low & (low >> 1 | high << 63) & (low >> 2 | high << 62);
	uint64_t high_thrice = high & high >> 1 & high >> 2;
	return (uint32_t)(__builtin_popcountll(low_thrice & places.low) +
			  __builtin_popcountll(high_thrice & places.high));
}

/* Four octets are read at each level, of which the lowest is it. */
WITH_AVX2 static void avx2_weigh(
	const uint8_t *level, const float *worth, const uint32_t *hash, size_t count, float *weight)
{
	const __m256i counters = _mm256_set1_epi32(LANES_COUNTERS - 1), octet = _mm256_set1_epi32(0xFF);
	const int *from = (const int *)(const void *)level;
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		__m256i at = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)(hash + i)), counters);
		__m256i levels = _mm256_and_si256(_mm256_i32gather_epi32(from, at, 1), octet);
		_mm256_storeu_ps(weight + i, _mm256_i32gather_ps(worth, levels, 4));
	}
	plain_weigh(level, worth, hash + i, count - i, weight + i);
}

/* Eight hashes go from slot to slot until each has found itself or a free one. All ones where it found itself. */
WITH_AVX2 static inline __m256i are_in(const struct shingle_slots *table, __m256i hashes)
{
	const __m256i nothing = _mm256_setzero_si256(), mask = _mm256_set1_epi32((int32_t)table->mask);
	const int *slot = (const int *)(const void *)table->slot;
	__m256i at = _mm256_srl_epi32(hashes, _mm_cvtsi32_si128((int32_t)table->shift));
	__m256i found = nothing, open = _mm256_set1_epi32(-1);
	do {
		__m256i here = _mm256_mask_i32gather_epi32(nothing, slot, at, open, 4);
		__m256i equal = _mm256_cmpeq_epi32(here, hashes); /* never where the slot was not read: no hash is 0 */
		found = _mm256_or_si256(found, equal);
		open = _mm256_andnot_si256(_mm256_or_si256(equal, _mm256_cmpeq_epi32(here, nothing)), open);
		at = _mm256_and_si256(_mm256_sub_epi32(at, _mm256_set1_epi32(-1)), mask);
	} while (_mm256_movemask_epi8(open) != 0);
	return found;
}

WITH_AVX2 static void avx2_overlap(const struct shingle_slots *table, const uint32_t *hash, const float *weight,
	size_t count, struct lanes_overlap *sum)
{
	__m256 both = _mm256_loadu_ps(sum->both), all = _mm256_loadu_ps(sum->all);
	size_t i = 0;
	for (; i + 8 <= count; i += 8) {
		__m256i in = are_in(table, _mm256_loadu_si256((const __m256i *)(const void *)(hash + i)));
		__m256 weights = _mm256_loadu_ps(weight + i), shared = _mm256_castsi256_ps(in);
		all = _mm256_add_ps(all, weights);
		both = _mm256_add_ps(both, _mm256_and_ps(shared, weights));
		sum->common += (uint32_t)__builtin_popcount((unsigned)_mm256_movemask_ps(shared));
	}
	_mm256_storeu_ps(sum->both, both);
	_mm256_storeu_ps(sum->all, all);
	plain_overlap(table, hash + i, weight + i, count - i, sum);
}

static const struct lanes avx2 = {
	"avx2", avx2_hash_windows, avx2_weigh, avx2_run_clocks, avx2_keys_shared, avx2_overlap};

const struct lanes *lanes_avx2(void)
{
	return &avx2;
}
#else
const struct lanes *lanes_avx2(void)
{
	return NULL;
}
#endif

/* The choice ------------------------------------------------------------------------------------------------------ */

const struct lanes *lanes_best(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
		return &avx2;
#endif
	return &LANES_PLAIN;
}
