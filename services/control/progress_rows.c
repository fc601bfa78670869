#include "services/control/progress_rows.h"

#include "common/domain/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

const char *const PROGRESS_COLUMN_NAMES[PROGRESS_COLUMNS] = {"unit", "name", "period", "counts", "target",
	"parts_target", "target_mismatch", "counted", "people", "percent", "met", "days_left", "required_per_day",
	"pace_per_day", "projected"};

struct reading {
	struct buffer texts; /* each with its NUL */
	size_t *places;      /* of the cells in it: it moves while it grows */
	bool *is_child;
	size_t count, capacity;
	bool failed;
};

static void add_cell(struct reading *reading, enum progress_column column, const char *text)
{
	reading->places[reading->count * PROGRESS_COLUMNS + column] = reading->texts.size;
	buffer_add(&reading->texts, text, strlen(text) + 1);
}

static bool make_room(struct reading *reading)
{
	if (reading->count < reading->capacity)
		return true;
	size_t capacity = reading->capacity == 0 ? 64 : 2 * reading->capacity;
	size_t *places = realloc(reading->places, capacity * PROGRESS_COLUMNS * sizeof(*places));
	if (places != NULL)
		reading->places = places;
	bool *is_child = places == NULL ? NULL : realloc(reading->is_child, capacity * sizeof(*is_child));
	if (is_child == NULL)
		return false;
	reading->is_child = is_child;
	reading->capacity = capacity;
	return true;
}

/* Numbers as the answer wrote them; null and what is not there are empty. */
static const char *scalar_of(yajl_val object, const char *name)
{
	yajl_val value = yajl_tree_get(object, (const char *[]){name, NULL}, yajl_t_any);

	if (YAJL_IS_STRING(value))
		return YAJL_GET_STRING(value);
	if (YAJL_IS_NUMBER(value))
		return YAJL_GET_NUMBER(value);
	return YAJL_IS_TRUE(value) ? "true" : YAJL_IS_FALSE(value) ? "false" : "";
}

static void add_period(struct reading *reading, yajl_val entry)
{
	char name[32];
	const char *round = scalar_of(entry, "round"), *phase = scalar_of(entry, "phase");

	if (round[0] != '\0')
		snprintf(name, sizeof(name), "round_%.20s", round);
	else
		snprintf(name, sizeof(name), strcmp(phase, "all") == 0 ? "all" : "phase_%.20s", phase);
	add_cell(reading, PROGRESS_PERIOD, name);
}

static void add_entry(struct reading *reading, yajl_val unit, yajl_val entry, bool is_child)
{
	if (!make_room(reading)) {
		reading->failed = true;
		return;
	}
	add_cell(reading, PROGRESS_UNIT, scalar_of(unit, "unit"));
	add_cell(reading, PROGRESS_NAME, scalar_of(unit, "name"));
	add_period(reading, entry);
	for (enum progress_column column = PROGRESS_COUNTS; column < PROGRESS_COLUMNS; column++)
		add_cell(reading, column, scalar_of(entry, PROGRESS_COLUMN_NAMES[column]));
	reading->is_child[reading->count++] = is_child;
}

/* Length of a list in an object; it must be there. */
static size_t length_of(struct reading *reading, yajl_val object, const char *name, yajl_val **values)
{
	yajl_val list = yajl_tree_get(object, (const char *[]){name, NULL}, yajl_t_array);

	if (list == NULL) {
		reading->failed = true;
		return 0;
	}
	*values = list->u.array.values;
	return list->u.array.len;
}

static void add_unit(struct reading *reading, yajl_val unit, bool is_child)
{
	static const char *const LISTS[] = {"phases", "rounds"};
	yajl_val *entries = NULL;

	for (size_t list = 0; list < ARRAY_LENGTH(LISTS); list++)
		for (size_t i = 0, count = length_of(reading, unit, LISTS[list], &entries); i < count; i++)
			add_entry(reading, unit, entries[i], is_child);
}

static void read_tree(struct reading *reading, yajl_val tree)
{
	yajl_val *children = NULL;

	add_unit(reading, tree, false);
	for (size_t i = 0, count = length_of(reading, tree, "children", &children); i < count; i++)
		add_unit(reading, children[i], true);
}

static bool finish(struct reading *reading, struct progress_rows *rows)
{
	rows->lines = calloc(reading->count + 1, sizeof(*rows->lines));
	if (reading->failed || reading->texts.failed || reading->count == 0 || rows->lines == NULL)
		return false;
	rows->count = reading->count;
	rows->texts = (char *)reading->texts.data;
	reading->texts.data = NULL;
	for (size_t i = 0; i < rows->count; i++) {
		rows->lines[i].is_child = reading->is_child[i];
		for (size_t column = 0; column < PROGRESS_COLUMNS; column++)
			rows->lines[i].cells[column] = rows->texts + reading->places[i * PROGRESS_COLUMNS + column];
	}
	return true;
}

bool progress_rows_read(struct bytes json, struct progress_rows *rows)
{
	struct reading reading = {0};
	char *copy = strndup((const char *)json.data, json.size);
	yajl_val tree = copy == NULL ? NULL : yajl_tree_parse(copy, NULL, 0);

	*rows = (struct progress_rows){0};
	reading.failed = tree == NULL;
	if (tree != NULL)
		read_tree(&reading, tree);
	bool good = finish(&reading, rows);
	yajl_tree_free(tree);
	free(copy);
	buffer_deinit(&reading.texts);
	free(reading.places);
	free(reading.is_child);
	if (!good)
		progress_rows_free(rows);
	return good;
}

void progress_rows_free(struct progress_rows *rows)
{
	free(rows->lines);
	free(rows->texts);
	*rows = (struct progress_rows){0};
}

static bool any_target(const struct progress_rows *rows, const char *period)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->lines[i].is_child && strcmp(rows->lines[i].cells[PROGRESS_PERIOD], period) == 0 &&
			rows->lines[i].cells[PROGRESS_TARGET][0] != '\0')
			return true;
	return false;
}

const char *progress_rows_focus(const struct progress_rows *rows)
{
	for (size_t i = 0; i < rows->count && !rows->lines[i].is_child; i++) {
		const char *const *cells = rows->lines[i].cells;
		if (strncmp(cells[PROGRESS_PERIOD], "phase_", 6) == 0 && strcmp(cells[PROGRESS_DAYS_LEFT], "0") != 0)
			return any_target(rows, cells[PROGRESS_PERIOD]) ? cells[PROGRESS_PERIOD] : "all";
	}
	return "all";
}

/* CSV ------------------------------------------------------------------------------------------------------------- */

static void add_csv_cell(struct buffer *out, const char *text)
{
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;

	if (!formula && text[strcspn(text, ",\"\r\n")] == '\0') {
		buffer_text(out, text);
		return;
	}
	buffer_text(out, formula ? "\"'" : "\"");
	for (const char *at = text; *at != '\0'; at++)
		buffer_add(out, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
	buffer_text(out, "\"");
}

void progress_rows_csv(const struct progress_rows *rows, struct buffer *out)
{
	for (size_t i = 0; i <= rows->count; i++)
		for (size_t column = 0; column < PROGRESS_COLUMNS; column++) {
			add_csv_cell(out, i == 0 ? PROGRESS_COLUMN_NAMES[column] : rows->lines[i - 1].cells[column]);
			buffer_text(out, column + 1 < PROGRESS_COLUMNS ? "," : "\r\n");
		}
}

/* Table ----------------------------------------------------------------------------------------------------------- */

static const struct shown {
	const char *title;
	enum progress_column column;
	bool to_the_right;
} SHOWN[] = {
	{"unit", PROGRESS_UNIT, false},
	{"name", PROGRESS_NAME, false},
	{"period", PROGRESS_PERIOD, false},
	{"counted", PROGRESS_COUNTED, true},
	{"people", PROGRESS_PEOPLE, true},
	{"target", PROGRESS_TARGET, true},
	{"of parts", PROGRESS_PARTS, true},
	{"percent", PROGRESS_PERCENT, true},
	{"days left", PROGRESS_DAYS_LEFT, true},
	{"needs/day", PROGRESS_REQUIRED, true},
	{"pace/day", PROGRESS_PACE, true},
	{"projected", PROGRESS_PROJECTED, true},
};

static const char *shown_cell(const struct progress_line *line, size_t column, char *text, size_t size)
{
	const char *cell = line->cells[SHOWN[column].column];

	/* What the target counts, and a sum that does not fit, are marks in their cells. */
	if (SHOWN[column].column == PROGRESS_TARGET && strcmp(line->cells[PROGRESS_COUNTS], "people") == 0 &&
		cell[0] != '\0')
		snprintf(text, size, "%s people", cell);
	else if (SHOWN[column].column == PROGRESS_PARTS && strcmp(line->cells[PROGRESS_MISMATCH], "true") == 0)
		snprintf(text, size, "%s !", cell);
	else
		return cell[0] == '\0' ? "-" : cell;
	return text;
}

static size_t width_of(const char *text)
{
	return text_characters((struct bytes){(const uint8_t *)text, strlen(text)});
}

static void add_cell_of_table(struct buffer *out, const char *text, size_t width, bool to_the_right, bool last)
{
	size_t own = width_of(text);

	for (size_t i = own; to_the_right && i < width; i++)
		buffer_text(out, " ");
	buffer_text(out, text);
	for (size_t i = own; !to_the_right && i < width; i++)
		buffer_text(out, " ");
	buffer_text(out, last ? "\n" : "  ");
}

static bool is_shown(const struct progress_line *line, const char *period)
{
	return !line->is_child || strcmp(line->cells[PROGRESS_PERIOD], period) == 0;
}

void progress_rows_table(const struct progress_rows *rows, const char *period, struct buffer *out)
{
	size_t widths[ARRAY_LENGTH(SHOWN)];
	char text[64];
	bool children = false;

	for (size_t column = 0; column < ARRAY_LENGTH(SHOWN); column++) {
		widths[column] = width_of(SHOWN[column].title);
		for (size_t i = 0; i < rows->count; i++) {
			size_t width = width_of(shown_cell(&rows->lines[i], column, text, sizeof(text)));
			if (is_shown(&rows->lines[i], period) && width > widths[column])
				widths[column] = width;
		}
		add_cell_of_table(out, SHOWN[column].title, widths[column], SHOWN[column].to_the_right,
			column + 1 == ARRAY_LENGTH(SHOWN));
	}
	for (size_t i = 0; i < rows->count; i++) {
		if (!is_shown(&rows->lines[i], period))
			continue;
		if (rows->lines[i].is_child && !children)
			buffer_text(out, "\n");
		children |= rows->lines[i].is_child;
		for (size_t column = 0; column < ARRAY_LENGTH(SHOWN); column++)
			add_cell_of_table(out, shown_cell(&rows->lines[i], column, text, sizeof(text)), widths[column],
				SHOWN[column].to_the_right, column + 1 == ARRAY_LENGTH(SHOWN));
	}
}
