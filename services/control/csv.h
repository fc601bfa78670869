/* A CSV file (RFC 4180) with a header, read whole. */
#ifndef SANGKIEN_CONTROL_CSV_H
#define SANGKIEN_CONTROL_CSV_H

#include "common/runtime/base.h"

enum { CSV_COLUMNS_MAX = 16 };

struct csv_row {
	uint32_t line; /* of the file, where the row begins */
	const char *cells[CSV_COLUMNS_MAX];
};
struct csv {
	struct csv_row *rows;
	size_t count;
	char *text; /* what the cells point into */
};

/* The cells of a row stand in the order of `columns` (ends with NULL), whatever the file's order is. False with
 * "NAME:LINE: what is wrong" on stderr: another header, a row of another length, a NUL, an open quote. */
bool csv_read(const char *name, struct bytes content, const char *const *columns, struct csv *csv) MUST_CHECK;
void csv_free(struct csv *csv); /* tolerates zeroed memory */

#endif
