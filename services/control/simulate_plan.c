#include "services/control/simulate_plan.h"

#include <math.h>

/* Places 2-7, above Bắc Giang; the real figures of those provinces are not in the source. */
static const uint32_t ABOVE[] = {120000, 105000, 92000, 80000, 70000, 62000};
/* The smallest branch; between it and place 9 the figures sink as the fourth power, as steeply as the known ones do. */
enum { SMALLEST = 100 };

static uint32_t scaled(double value, double scale)
{
	return (uint32_t)lround(value * scale);
}

static double steepness(size_t place, size_t places)
{
	return pow(1.0 - (double)place / (double)places, 4);
}

/* Places 9 and later, which together make `rest`. */
static double behind(size_t place, size_t places, double rest)
{
	double sum = 0;
	for (size_t i = 0; i < places; i++)
		sum += steepness(i, places);
	return SMALLEST + (rest - SMALLEST * (double)places) * steepness(place, places) / sum;
}

/* The largest unit takes what rounding left over. */
static void settle(struct simulate_share *shares, size_t count, size_t first, uint32_t initiatives, uint32_t people)
{
	uint64_t initiative_sum = 0, people_sum = 0;
	for (size_t i = 0; i < count; i++) {
		initiative_sum += shares[i].initiatives;
		people_sum += shares[i].people;
	}
	shares[first].initiatives += (uint32_t)(initiatives - initiative_sum);
	shares[first].people += (uint32_t)(people - people_sum);
}

void simulate_plan(struct simulate_share *shares, size_t count, size_t first, size_t eighth, double scale)
{
	assert(count > ARRAY_LENGTH(ABOVE) + 2 && first < count && eighth < count && first != eighth);
	double largest = 0.3 * REPLAY_INITIATIVES, rest = REPLAY_INITIATIVES - largest - REPLAY_BAC_GIANG_INITIATIVES;
	double people_each =
		(double)(REPLAY_PEOPLE - REPLAY_BAC_GIANG_PEOPLE) / (REPLAY_INITIATIVES - REPLAY_BAC_GIANG_INITIATIVES);
	size_t place = 0, places = count - 2 - ARRAY_LENGTH(ABOVE);
	for (size_t i = 0; i < ARRAY_LENGTH(ABOVE); i++)
		rest -= ABOVE[i];
	for (size_t i = 0; i < count; i++) {
		double initiatives = largest;
		if (i == eighth)
			initiatives = REPLAY_BAC_GIANG_INITIATIVES;
		else if (i != first) {
			initiatives = place < ARRAY_LENGTH(ABOVE) ? ABOVE[place]
								  : behind(place - ARRAY_LENGTH(ABOVE), places, rest);
			place++;
		}
		double people = i == eighth ? REPLAY_BAC_GIANG_PEOPLE : initiatives * people_each;
		shares[i].initiatives = scaled(initiatives, scale);
		shares[i].people = scaled(people, scale);
		if (shares[i].people == 0 && shares[i].initiatives > 0)
			shares[i].people = 1;
	}
	settle(shares, count, first, scaled(REPLAY_INITIATIVES, scale), scaled(REPLAY_PEOPLE, scale));
}
