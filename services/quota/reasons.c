#include "services/quota/reasons.h"

#include <string.h>

static bool is_word(const char *word, bool may_be_empty)
{
	size_t length = strlen(word);

	if (length == 0)
		return may_be_empty;
	return length <= REASON_WORD_MAX &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

bool reasons_to_text(Sangkien__Message__Reason *const *reasons, size_t count, struct arena *arena, struct bytes *text)
{
	char *start, *at;

	*text = (struct bytes){0};
	if (count == 0)
		return true;
	if (count > REASONS_MAX)
		return false;
	start = at = arena_alloc(arena, count * (2 * REASON_WORD_MAX + 2) + 1);
	if (start == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!is_word(reasons[i]->code, false) || !is_word(reasons[i]->field, true))
			return false;
		if (i > 0)
			*at++ = ';';
		at = stpcpy(at, reasons[i]->code);
		if (reasons[i]->field[0] != '\0') {
			*at++ = ' ';
			at = stpcpy(at, reasons[i]->field);
		}
	}
	*text = (struct bytes){.data = (const uint8_t *)start, .size = (size_t)(at - start)};
	return true;
}

static Sangkien__Message__Reason *reason_of(char *words, struct arena *arena)
{
	Sangkien__Message__Reason *reason = arena_alloc(arena, sizeof(*reason));
	char *space = strchr(words, ' ');

	if (reason == NULL)
		return NULL;
	sangkien__message__reason__init(reason);
	reason->code = words;
	if (space != NULL) {
		*space = '\0';
		reason->field = space + 1;
	}
	return reason;
}

Sangkien__Message__Reason **reasons_from_text(struct bytes text, struct arena *arena, size_t *count)
{
	Sangkien__Message__Reason **reasons = arena_alloc(arena, REASONS_MAX * sizeof(*reasons));
	char *words = arena_text(arena, text), *rest = words;

	*count = 0;
	if (reasons == NULL || words == NULL)
		return NULL;
	while (*count < REASONS_MAX && (words = strsep(&rest, ";")) != NULL) {
		if (words[0] == '\0')
			continue;
		reasons[*count] = reason_of(words, arena);
		if (reasons[*count] == NULL)
			return NULL;
		(*count)++;
	}
	return reasons;
}
