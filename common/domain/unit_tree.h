/* The unit tree of one campaign, immutable once built (R1). Units are numbered; 0 is never a unit. */
#ifndef SANGKIEN_DOMAIN_UNIT_TREE_H
#define SANGKIEN_DOMAIN_UNIT_TREE_H

#include "common/domain/status.h"

enum unit_level {
	UNIT_NATION = 0,
	UNIT_TOP = 1 /* province or central branch */,
	UNIT_UPPER = 2,
	UNIT_GRASSROOTS = 3,
	UNIT_SECTION = 4
};
enum { UNIT_DEPTH_MAX = 8, UNIT_CODE_MAX = 32 /* with NUL */ };

struct unit {
	uint32_t id;
	uint32_t parent; /* 0: the root */
	const char *code;
	const char *name;
	const char *name_folded; /* for search, text_fold_search() */
	enum unit_level level;
	enum submission_block block;
	bool accepts_submissions;
	bool merged;       /* into its parent: submissions name it, boards do not (see unit_children) */
	uint32_t children; /* how many, without merged ones */
};

struct unit_tree;

struct unit_row { /* as loaded */
	uint32_t id, parent;
	const char *code, *name;
	enum unit_level level;
	enum submission_block block;
	bool accepts_submissions;
	bool merged;
	uint32_t scope_top; /* unit_top_of() it and what is below it, whatever its place is now; 0: by its place */
};
/* Copies all. NULL with a word in `fault` (cycle, two roots, unknown parent, repeated code). */
struct unit_tree *unit_tree_new(const struct unit_row *rows, size_t count, const char **fault) MUST_CHECK;
void unit_tree_free(struct unit_tree **tree);

size_t unit_tree_count(const struct unit_tree *tree);
const struct unit *unit_tree_root(const struct unit_tree *tree);
const struct unit *unit_by_id(const struct unit_tree *tree, uint32_t id); /* NULL: none */
const struct unit *unit_by_code(const struct unit_tree *tree, const char *code);
/* Ordered by code. Without units that were merged into it: they are among its unit_merged(). */
const struct unit *const *unit_children(const struct unit_tree *tree, uint32_t parent, size_t *count);
const struct unit *const *unit_merged(const struct unit_tree *tree, uint32_t into, size_t *count);
/* The unit itself, its parent, … the root; at most UNIT_DEPTH_MAX. */
size_t unit_ancestors(const struct unit_tree *tree, uint32_t id, uint32_t *out);
bool unit_is_below(const struct unit_tree *tree, uint32_t id, uint32_t ancestor); /* or equal */
/* The ancestor at UNIT_TOP (itself if it is one); 0 for the root. For a unit that moved, or is below one that did,
 * the one before the first move: it bounds copies, and what was a copy stays one. */
uint32_t unit_top_of(const struct unit_tree *tree, uint32_t id);
/* Units, but merged ones, whose folded name holds the folded query, best first (prefix before inside, shallow before
 * deep). */
size_t unit_search(const struct unit_tree *tree, const char *query, const struct unit **out, size_t most);

#endif
