#include "services/control/officer_file.h"

#include "common/domain/phone.h"
#include "services/control/csv.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT_CODE, ADDRESS, LANGUAGE };
static const char *const columns[] = {"unit_code", "address", "language", NULL};

struct reading {
	const char *file;
	const struct unit_tree *tree;
	uint32_t campaign;
	const uint8_t *key;
	struct buffer *faults;
};

static void find_unit(const struct reading *it, const struct csv_row *row, struct officer *officer)
{
	const char *code = row->cells[UNIT_CODE];
	const struct unit *unit = unit_by_code(it->tree, code);

	if (unit == NULL)
		buffer_format(it->faults, "%s:%u: there is no unit \"%.60s\"; write a code of the campaign's tree\n",
			it->file, row->line, code);
	else if (unit->merged)
		buffer_format(it->faults, "%s:%u: the unit \"%s\" was merged into \"%s\"; write that code\n", it->file,
			row->line, code, unit_by_id(it->tree, unit->parent)->code);
	else
		officer->unit = unit->id;
}

static void find_address(const struct reading *it, const struct csv_row *row, struct officer *officer)
{
	const char *text = row->cells[ADDRESS];
	char phone[PHONE_SIZE];

	if (notice_mail_address(text))
		snprintf(officer->address, sizeof(officer->address), "%s", text);
	else if (phone_normalize((struct bytes){(const uint8_t *)text, strlen(text)}, phone))
		snprintf(officer->address, sizeof(officer->address), "%s", phone);
	else
		buffer_format(it->faults,
			"%s:%u: no address; write one of mail like name@example.vn, or a Vietnamese telephone number\n",
			it->file, row->line);
}

static void find_language(const struct reading *it, const struct csv_row *row, struct officer *officer)
{
	const char *text = row->cells[LANGUAGE];

	officer->english = strcmp(text, "en") == 0;
	if (!officer->english && strcmp(text, "vi") != 0 && text[0] != '\0')
		buffer_format(it->faults, "%s:%u: no language \"%.20s\"; write vi or en\n", it->file, row->line, text);
}

static void add_number(crypto_generichash_state *hash, uint32_t number)
{
	const uint8_t octets[] = {
		(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

	crypto_generichash_update(hash, octets, sizeof(octets));
}

static void hash_officer(
	const struct reading *it, const char *what, const struct officer *officer, uint32_t unit, struct id128 *hashed)
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, it->key, OFFICER_KEY_SIZE, ID128_SIZE);
	crypto_generichash_update(&hash, (const uint8_t *)what, strlen(what));
	add_number(&hash, it->campaign);
	add_number(&hash, unit);
	crypto_generichash_update(&hash, (const uint8_t *)officer->address, strlen(officer->address));
	crypto_generichash_final(&hash, hashed->octet, ID128_SIZE);
}

static void name_officer(const struct reading *it, struct officer *officer)
{
	hash_officer(it, "officer:", officer, officer->unit, &officer->id);
	hash_officer(it, "officer address:", officer, 0, &officer->address_hash);
}

static int compare_officers(const void *left, const void *right)
{
	const struct officer *a = left, *b = right;
	int order = memcmp(&a->id, &b->id, ID128_SIZE);

	return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void check_twice(const struct reading *it, const struct officers *officers)
{
	for (size_t i = 1; i < officers->count; i++)
		if (memcmp(&officers->rows[i - 1].id, &officers->rows[i].id, ID128_SIZE) == 0)
			buffer_format(it->faults, "%s:%u: the address of line %u again for the same unit; keep one\n",
				it->file, officers->rows[i].line, officers->rows[i - 1].line);
}

bool officers_read(const char *file, struct bytes text, const struct unit_tree *tree, uint32_t campaign,
	const uint8_t key[OFFICER_KEY_SIZE], struct officers *officers, struct buffer *faults)
{
	const struct reading it = {.file = file, .tree = tree, .campaign = campaign, .key = key, .faults = faults};
	struct csv csv CLEANUP(csv_free) = {0};

	if (!csv_read(file, text, columns, &csv))
		return false;
	officers->rows = calloc(csv.count + 1, sizeof(*officers->rows));
	assert(officers->rows != NULL);
	officers->count = csv.count;
	for (size_t i = 0; i < csv.count; i++) {
		struct officer *officer = &officers->rows[i];
		officer->line = csv.rows[i].line;
		find_unit(&it, &csv.rows[i], officer);
		find_address(&it, &csv.rows[i], officer);
		find_language(&it, &csv.rows[i], officer);
		name_officer(&it, officer);
	}
	if (faults->size == 0) {
		qsort(officers->rows, officers->count, sizeof(*officers->rows), compare_officers);
		check_twice(&it, officers);
	}
	return faults->size == 0 && !faults->failed;
}

void officers_free(struct officers *officers)
{
	if (officers->rows != NULL)
		sodium_memzero(officers->rows, officers->count * sizeof(*officers->rows));
	free(officers->rows);
	*officers = (struct officers){0};
}
