/* Random trees and numbers for quota's tests; the seed is printed by a failing assertion's caller. */
#ifndef SANGKIEN_TESTS_QUOTA_WORLD_H
#define SANGKIEN_TESTS_QUOTA_WORLD_H

#include "common/domain/unit_tree.h"
#include "tests/unit/chance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Units 1 … count, at most UNIT_SECTION deep; every unit but the root takes submissions. */
static inline struct unit_tree *random_tree(uint64_t *seed, uint32_t count)
{
	struct unit_row *rows = calloc(count, sizeof(*rows));
	char(*codes)[16] = calloc(count, sizeof(*codes));
	const char *fault = NULL;
	struct unit_tree *tree;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t parent = i == 0 ? 0 : 1 + below(seed, i);

		while (parent > 1 && rows[parent - 1].level == UNIT_SECTION)
			parent = rows[parent - 1].parent;
		snprintf(codes[i], sizeof(codes[i]), "U%u", i + 1);
		rows[i] = (struct unit_row){.id = i + 1,
			.parent = parent,
			.code = codes[i],
			.name = codes[i],
			.level = parent == 0 ? UNIT_NATION : rows[parent - 1].level + 1,
			.accepts_submissions = parent != 0};
	}
	tree = unit_tree_new(rows, count, &fault);
	if (fault != NULL)
		print_error("no tree: %s\n", fault);
	free(rows);
	free(codes);
	return tree;
}

#endif
