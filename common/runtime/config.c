#include "common/runtime/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool read_u32(const char *text, const struct config_field *field, uint32_t *value)
{
	uint64_t number = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++)
		number = number * 10 + (uint64_t)(*at - '0');
	if (at == text || *at != '\0' || number > UINT32_MAX)
		return false;
	*value = (uint32_t)number;
	return *value >= field->least && (field->most == 0 || *value <= field->most);
}

static bool read_bool(const char *text, bool *value)
{
	*value = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
	return *value || strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
}

/* What a terminal or a log may be shown of a value: one line of bounded length. */
static void print_text(const char *text, FILE *out)
{
	enum { SHOWN_MAX = 200 };
	size_t shown = 0;
	for (; text[shown] != '\0' && shown < SHOWN_MAX; shown++)
		fputc((uint8_t)text[shown] < 0x20 || text[shown] == 0x7F ? '?' : text[shown], out);
	if (text[shown] != '\0')
		fputs("...", out);
}

static void complain_u32(const struct config_field *field, const char *text, FILE *complaints)
{
	uint32_t most = field->most != 0 ? field->most : UINT32_MAX;
	fprintf(complaints, "%s: \"", field->name);
	print_text(text, complaints);
	fprintf(complaints, "\" is not a whole number from %" PRIu32 " to %" PRIu32 " (%s)\n", field->least, most,
		field->help);
}

static void complain_bool(const struct config_field *field, const char *text, FILE *complaints)
{
	fprintf(complaints, "%s: \"", field->name);
	print_text(text, complaints);
	fprintf(complaints, "\" is neither 0, 1, false nor true (%s)\n", field->help);
}

static bool load_field(const struct config_field *field, void *settings, FILE *complaints)
{
	void *place = (uint8_t *)settings + field->offset;
	const char *given = getenv(field->name);
	/* An empty value where one must be given is a forgotten one. */
	if (field->standard == NULL && (given == NULL || given[0] == '\0')) {
		fprintf(complaints, "%s: must be given (%s)\n", field->name, field->help);
		return false;
	}
	const char *text = given != NULL ? given : field->standard;
	switch (field->type) {
	case CONFIG_TEXT:
		*(const char **)place = text;
		return true;
	case CONFIG_U32:
		if (read_u32(text, field, place))
			return true;
		complain_u32(field, text, complaints);
		return false;
	case CONFIG_BOOL:
		if (read_bool(text, place))
			return true;
		complain_bool(field, text, complaints);
		return false;
	}
	assert(!"a config type that does not exist");
	return false;
}

bool config_load(const struct config_field *fields, size_t count, void *settings, FILE *complaints)
{
	bool good = true;
	/* All bad values at once: nobody likes to start a service five times to learn of five mistakes. */
	for (size_t i = 0; i < count; i++)
		good &= load_field(&fields[i], settings, complaints);
	return good;
}

static void print_value(const struct config_field *field, const void *settings, FILE *out)
{
	const void *place = (const uint8_t *)settings + field->offset;
	switch (field->type) {
	case CONFIG_TEXT:
		if (*(const char *const *)place != NULL)
			print_text(*(const char *const *)place, out);
		break;
	case CONFIG_U32:
		fprintf(out, "%" PRIu32, *(const uint32_t *)place);
		break;
	case CONFIG_BOOL:
		fputs(*(const bool *)place ? "true" : "false", out);
		break;
	}
}

void config_print(const struct config_field *fields, size_t count, const void *settings, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s\t%s\t", fields[i].name,
			fields[i].standard != NULL ? fields[i].standard : "(required)");
		print_value(&fields[i], settings, out);
		fprintf(out, "\t%s\n", fields[i].help);
	}
}
