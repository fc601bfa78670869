#include "services/control/csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *name;
	char *at; /* the next character; the text is rewritten in place, cell by cell */
	uint32_t line;
	size_t columns;
	size_t place[CSV_COLUMNS_MAX]; /* of the file's columns among the wanted ones */
};

PRINTF_LIKE(3, 4) static bool complain(const struct reader *reader, uint32_t line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%u: ", reader->name, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return false;
}

/* A quoted cell; `at` stands behind the opening quote. Doubled quotes stand for one. */
static char *quoted_end(struct reader *reader)
{
	char *to = reader->at;

	for (char *from = reader->at; *from != '\0'; from++) {
		reader->line += *from == '\n';
		if (*from != '"') {
			*to++ = *from;
		} else if (from[1] == '"') {
			*to++ = *from++;
		} else {
			*to = '\0';
			return from + 1;
		}
	}
	return NULL;
}

/* One cell, ended with NUL; *last where it ends the row. NULL: an open quote or text behind a quoted cell. */
static const char *next_cell(struct reader *reader, bool *last)
{
	char *cell = reader->at, *end;

	if (*cell == '"') {
		cell = ++reader->at;
		end = quoted_end(reader);
		if (end == NULL || strchr(",\r\n", *end) == NULL)
			return NULL;
	} else {
		end = cell + strcspn(cell, ",\r\n");
	}
	*last = *end != ',';
	reader->at = end;
	if (*end == '\r' && end[1] == '\n')
		reader->at++;
	if (*reader->at != '\0') {
		reader->line += *reader->at == '\n';
		reader->at++;
	}
	*end = '\0';
	return cell;
}

static bool read_row(struct reader *reader, const char **cells, size_t *count)
{
	uint32_t line = reader->line;
	bool last = false;

	for (*count = 0; !last; (*count)++) {
		if (*count == CSV_COLUMNS_MAX)
			return complain(reader, line,
				"more columns than any file of ours has; remove those that the README does not name");
		cells[*count] = next_cell(reader, &last);
		if (cells[*count] == NULL)
			return complain(reader, line,
				"a quote that does not end, or text behind it; write \"\" for a quote within a cell");
	}
	return true;
}

static bool read_header(struct reader *reader, const char *const *columns)
{
	const char *cells[CSV_COLUMNS_MAX];
	size_t count, wanted = 0;

	if (!read_row(reader, cells, &count))
		return false;
	while (columns[wanted] != NULL)
		wanted++;
	for (size_t i = 0; i < count; i++) {
		reader->place[i] = wanted;
		for (size_t k = 0; k < wanted; k++)
			if (strcmp(cells[i], columns[k]) == 0)
				reader->place[i] = k;
		if (reader->place[i] == wanted)
			return complain(reader, 1, "the column \"%.40s\" is not known; remove it or correct its name",
				cells[i]);
		for (size_t k = 0; k < i; k++)
			if (reader->place[k] == reader->place[i])
				return complain(reader, 1, "the column \"%.40s\" stands twice; keep one", cells[i]);
	}
	reader->columns = count;
	if (count == wanted)
		return true;
	for (size_t k = 0, i; k < wanted; k++) {
		for (i = 0; i < count && reader->place[i] != k; i++)
			;
		if (i == count)
			return complain(reader, 1, "the header has no column \"%s\"; add it", columns[k]);
	}
	return false;
}

static bool read_rows(struct reader *reader, struct csv *csv)
{
	size_t capacity = 0;

	while (*reader->at != '\0') {
		const char *cells[CSV_COLUMNS_MAX];
		struct csv_row row = {.line = reader->line};
		size_t count;

		if (!read_row(reader, cells, &count))
			return false;
		if (count == 1 && cells[0][0] == '\0')
			continue; /* an empty line */
		if (count != reader->columns)
			return complain(reader, row.line,
				"another number of cells than the header: %zu cells, and the header has %zu; leave "
				"those without a value empty",
				count, reader->columns);
		for (size_t i = 0; i < count; i++)
			row.cells[reader->place[i]] = cells[i];
		if (csv->count == capacity) {
			capacity = capacity == 0 ? 256 : 2 * capacity;
			csv->rows = realloc(csv->rows, capacity * sizeof(*csv->rows));
			assert(csv->rows != NULL);
		}
		csv->rows[csv->count++] = row;
	}
	return true;
}

bool csv_read(const char *name, struct bytes content, const char *const *columns, struct csv *csv)
{
	static const char mark[] = "\xef\xbb\xbf"; /* what Excel writes before UTF-8 */
	struct reader reader = {.name = name, .line = 1};

	*csv = (struct csv){.text = malloc(content.size + 1)};
	assert(csv->text != NULL);
	if (content.size > 0)
		memcpy(csv->text, content.data, content.size);
	csv->text[content.size] = '\0';
	reader.at = csv->text;
	if (strlen(csv->text) != content.size)
		return complain(&reader, 1, "a NUL within the text; save the file as CSV in UTF-8");
	if (strncmp(reader.at, mark, strlen(mark)) == 0)
		reader.at += strlen(mark);
	return read_header(&reader, columns) && read_rows(&reader, csv);
}

void csv_free(struct csv *csv)
{
	free(csv->rows);
	free(csv->text);
	*csv = (struct csv){0};
}
