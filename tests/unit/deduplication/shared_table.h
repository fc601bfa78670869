/* One folding table for all tests of a file, and texts as octets. */
#ifndef SANGKIEN_TESTS_SHARED_TABLE_H
#define SANGKIEN_TESTS_SHARED_TABLE_H

#include "services/deduplication/fold.h"

#include <string.h>

static struct fold_table *table;

static int open_table(void **state)
{
	(void)state;
	table = fold_table_new();
	return table == NULL;
}

static int close_table(void **state)
{
	(void)state;
	fold_table_free(&table);
	return 0;
}

static struct bytes text_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

#endif
