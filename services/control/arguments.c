#include "services/control/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct argument *find(const struct argument *arguments, size_t count, const char *word)
{
	bool is_name = strncmp(word, "--", 2) == 0;
	for (size_t i = 0; i < count; i++) {
		if (is_name && arguments[i].name != NULL && strcmp(arguments[i].name, word) == 0)
			return &arguments[i];
		if (!is_name && arguments[i].name == NULL && *arguments[i].text == NULL)
			return &arguments[i];
	}
	return NULL;
}

bool arguments_parse(int argc, char **argv, const struct argument *arguments, size_t count)
{
	for (int i = 0; i < argc; i++) {
		const struct argument *argument = find(arguments, count, argv[i]);
		if (argument == NULL) {
			fprintf(stderr, "sangkien: '%s' is not understood here; --help tells what is\n", argv[i]);
			return false;
		}
		if (argument->flag != NULL) {
			*argument->flag = true;
		} else if (argument->name == NULL) {
			*argument->text = argv[i];
		} else if (i + 1 < argc) {
			*argument->text = argv[++i];
		} else {
			fprintf(stderr, "sangkien: %s wants a value\n", argument->name);
			return false;
		}
	}
	return true;
}

bool arguments_needed(const char *name, const char *text)
{
	if (text == NULL)
		fprintf(stderr, "sangkien: %s is missing; --help tells more\n", name);
	return text != NULL;
}

bool number_read(const char *text, const char **rest, uint32_t least, uint32_t most, uint32_t *number)
{
	char *end = NULL;
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || value < least || value > most || (rest == NULL && *end != '\0'))
		return false;
	*number = (uint32_t)value;
	if (rest != NULL)
		*rest = end;
	return true;
}

bool arguments_number(const char *name, const char *text, double standard, double least, double most, double *number)
{
	char *end = NULL;
	*number = standard;
	if (text == NULL)
		return true;
	*number = strtod(text, &end);
	if (end != text && *end == '\0' && *number >= least && *number <= most)
		return true;
	fprintf(stderr, "sangkien: %s must be a number from %g to %g, not '%s'\n", name, least, most, text);
	return false;
}
