/* Words of a command line: "--name value", "--flag", and the rest in order. */
#ifndef SANGKIEN_CONTROL_ARGUMENTS_H
#define SANGKIEN_CONTROL_ARGUMENTS_H

#include "common/runtime/base.h"

struct argument {
	const char *name;  /* "--campaign"; NULL: the one word without a name */
	const char **text; /* where its value goes; */
	bool *flag;        /* or that it was given */
};

/* False with a line on stderr (then the command exits with EXIT_USAGE_BAD). */
bool arguments_parse(int argc, char **argv, const struct argument *arguments, size_t count) MUST_CHECK;

/* Was the value of a word that is needed given? False with a line on stderr. */
bool arguments_needed(const char *name, const char *text) MUST_CHECK;

/* The whole number that `text` begins with, within [least, most]; false where there is none. What follows is in *rest;
 * with `rest` NULL nothing may follow. */
bool number_read(const char *text, const char **rest, uint32_t least, uint32_t most, uint32_t *number) MUST_CHECK;

/* A number within [least, most], or `standard` where `text` is NULL; false with a line on stderr. */
bool arguments_number(
	const char *name, const char *text, double standard, double least, double most, double *number) MUST_CHECK;

#endif
