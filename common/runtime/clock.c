#include "common/runtime/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum {
	SECOND_US = 1000000,
	DAY_SECONDS = 86400,
	VIETNAM_OFFSET_SECONDS = 7 * 3600,
	AHEAD_MAX_US = SECOND_US,
};

static int64_t now_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return now_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_receipt_us(void)
{
	/* The only state of this file: what makes two receipts of one process differ. */
	static _Atomic int64_t last_us;
	int64_t last = atomic_load(&last_us);
	int64_t next;
	do {
		int64_t now = clock_now_us();
		/* What is far ahead was stamped by a clock that has been put back since: nobody may hold on to it. */
		next = now > last || last - now > AHEAD_MAX_US ? now : last + 1;
	} while (!atomic_compare_exchange_weak(&last_us, &last, next));
	return next;
}

/* Division that rounds down, also before 1970. */
static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
	return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

/* Proleptic Gregorian calendar, in eras of 400 years that begin on 1 March (Hinnant, "chrono-compatible
 * low-level date algorithms"). */
static int64_t day_of_date(int64_t year, int month, int day)
{
	year -= month <= 2 ? 1 : 0;
	int64_t era = floor_divide(year, 400);
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

struct date {
	int64_t year;
	int month, day;
};

static struct date date_of_day(int64_t day)
{
	day += 719468;
	int64_t era = floor_divide(day, 146097);
	int64_t day_of_era = day - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month_from_march = (int)((5 * day_of_year + 2) / 153);
	struct date date = {
		.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
		.month = month_from_march + (month_from_march < 10 ? 3 : -9),
	};
	date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
	return date;
}

/* Reads exactly `count` digits; NULL when there are fewer. Moves on in the text. */
static const char *read_digits(const char *text, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, text++) {
		if (*text < '0' || *text > '9')
			return NULL;
		*value = *value * 10 + (*text - '0');
	}
	return text;
}

static const char *read_literal(const char *text, char literal)
{
	return text != NULL && *text == literal ? text + 1 : NULL;
}

/* Two digits up to `most`, after `separator` where that is not NUL. */
static const char *read_pair(const char *text, char separator, int most, int *value)
{
	if (separator != '\0')
		text = read_literal(text, separator);
	if (text == NULL)
		return NULL;
	text = read_digits(text, 2, value);
	return text != NULL && *value <= most ? text : NULL;
}

static const char *read_day(const char *text, int64_t *day)
{
	int year, month, day_of_month;
	text = read_digits(text, 4, &year);
	text = read_pair(text, '-', 12, &month);
	text = read_pair(text, '-', 31, &day_of_month);
	if (text == NULL || month < 1 || day_of_month < 1)
		return NULL;
	*day = day_of_date(year, month, day_of_month);
	/* 30 February is a day of March: there is no such day when the way back leads elsewhere. */
	struct date back = date_of_day(*day);
	return back.month == month && back.day == day_of_month ? text : NULL;
}

/* Leap seconds are refused: instants have no place for them. */
static const char *read_time(const char *text, int64_t *seconds, int64_t *microseconds)
{
	int hour, minute, second;
	text = read_pair(text, '\0', 23, &hour);
	text = read_pair(text, ':', 59, &minute);
	text = read_pair(text, ':', 59, &second);
	if (text == NULL)
		return NULL;
	*seconds = hour * 3600 + minute * 60 + second;
	*microseconds = 0;
	if (*text != '.')
		return text;
	const char *digit = text + 1;
	for (int64_t unit = SECOND_US / 10; *digit >= '0' && *digit <= '9'; digit++, unit /= 10)
		*microseconds += unit * (*digit - '0');
	return digit == text + 1 ? NULL : digit;
}

static const char *read_offset(const char *text, int64_t *seconds)
{
	*seconds = 0;
	if (*text == 'Z' || *text == 'z')
		return text + 1;
	if (*text != '+' && *text != '-')
		return NULL;
	int sign = *text == '-' ? -1 : 1;
	int hour, minute;
	text = read_pair(text + 1, '\0', 23, &hour);
	text = read_pair(text, ':', 59, &minute);
	if (text != NULL)
		*seconds = (int64_t)sign * (hour * 60 + minute) * 60;
	return text;
}

bool clock_parse_instant(const char *text, int64_t *instant_us)
{
	int64_t day, seconds, microseconds, offset;
	text = read_day(text, &day);
	if (text == NULL || (*text != 'T' && *text != 't'))
		return false;
	text = read_time(text + 1, &seconds, &microseconds);
	if (text == NULL)
		return false;
	text = read_offset(text, &offset);
	if (text == NULL || *text != '\0')
		return false;
	*instant_us = (day * DAY_SECONDS + seconds - offset) * SECOND_US + microseconds;
	return true;
}

bool clock_parse_day(const char *text, int32_t *day)
{
	int64_t wide;
	text = read_day(text, &wide);
	if (text == NULL || *text != '\0')
		return false;
	*day = (int32_t)wide;
	return true;
}

void clock_format_instant(int64_t instant_us, char *text)
{
	int64_t seconds = floor_divide(instant_us, SECOND_US);
	int microseconds = (int)((instant_us % SECOND_US + SECOND_US) % SECOND_US);
	seconds += VIETNAM_OFFSET_SECONDS;
	int64_t day = floor_divide(seconds, DAY_SECONDS);
	int of_day = (int)(seconds - day * DAY_SECONDS);
	struct date date = date_of_day(day);
	char fraction[16] = "";
	if (microseconds != 0)
		snprintf(fraction, sizeof(fraction), ".%06d", microseconds);
	int length = snprintf(text, CLOCK_TEXT_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d%s+07:00", (long long)date.year,
		date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60, fraction);
	assert(length < CLOCK_TEXT_SIZE);
}

void clock_format_day(int32_t day, char *text)
{
	struct date date = date_of_day(day);
	snprintf(text, CLOCK_TEXT_SIZE, "%04lld-%02d-%02d", (long long)date.year, date.month, date.day);
}

int32_t clock_vietnam_day(int64_t instant_us)
{
	int64_t seconds = floor_divide(instant_us, SECOND_US) + VIETNAM_OFFSET_SECONDS;
	return (int32_t)floor_divide(seconds, DAY_SECONDS);
}

int64_t clock_vietnam_midnight(int32_t day)
{
	return ((int64_t)day * DAY_SECONDS - VIETNAM_OFFSET_SECONDS) * SECOND_US;
}
