#include "common/domain/unit_tree.h"

#include "common/domain/text.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	UNIT_ID_MAX = 1 << 24, /* the table by id stays below 64 MiB */
	QUERY_BYTES_MAX = 256,
};

struct node {
	struct unit unit;
	uint32_t top;         /* unit_top_of(), 0: none */
	uint32_t scope_top;   /* as loaded */
	uint32_t merged;      /* units merged into it; they stand behind its children */
	uint32_t depth;       /* 1: the root; 0: not reached from it */
	uint32_t first_child; /* in by_parent */
};

struct unit_tree {
	struct node *nodes; /* ascending by id */
	size_t count;
	uint32_t *index_of_id; /* index in nodes + 1; 0: no such id */
	uint32_t id_max;
	uint32_t *by_code; /* open addressing: index in nodes + 1 */
	size_t by_code_mask;
	const struct unit **by_parent; /* ordered by parent, then code */
	struct node *root;
	char *texts; /* every code, name and folded name, each with its NUL */
};

static struct node *node_of(const struct unit_tree *tree, uint32_t id)
{
	if (id == 0 || id > tree->id_max || tree->index_of_id[id] == 0)
		return NULL;
	return &tree->nodes[tree->index_of_id[id] - 1];
}

static size_t slot_of(const struct unit_tree *tree, const char *code)
{
	return XXH3_64bits(code, strlen(code)) & tree->by_code_mask;
}

static int compare_nodes_by_id(const void *a, const void *b)
{
	uint32_t left = ((const struct node *)a)->unit.id, right = ((const struct node *)b)->unit.id;

	return (left > right) - (left < right);
}

static int compare_by_parent_and_code(const void *a, const void *b)
{
	const struct unit *left = *(const struct unit *const *)a, *right = *(const struct unit *const *)b;

	if (left->parent != right->parent)
		return left->parent < right->parent ? -1 : 1;
	if (left->merged != right->merged)
		return left->merged ? 1 : -1;
	return strcmp(left->code, right->code);
}

static void fill_node(struct node *node, const struct unit_row *row, const char *folded, char **texts)
{
	const char *from[] = {row->code, row->name, folded};
	char *to[ARRAY_LENGTH(from)];

	for (size_t i = 0; i < ARRAY_LENGTH(from); i++) {
		size_t size = strlen(from[i]) + 1;
		to[i] = memcpy(*texts, from[i], size);
		*texts += size;
	}
	node->unit = (struct unit){
		.id = row->id,
		.parent = row->parent,
		.code = to[0],
		.name = to[1],
		.name_folded = to[2],
		.level = row->level,
		.block = row->block,
		.accepts_submissions = row->accepts_submissions,
		.merged = row->merged,
	};
	node->scope_top = row->scope_top;
}

/* Folded names one after the other, each with its NUL. */
static bool fold_names(const struct unit_row *rows, size_t count, struct buffer *folded)
{
	for (size_t i = 0; i < count; i++) {
		struct bytes name = {(const uint8_t *)rows[i].name, strlen(rows[i].name)};
		text_fold_search(name, folded);
		buffer_add(folded, "", 1);
	}
	return !folded->failed;
}

static bool copy_rows(struct unit_tree *tree, const struct unit_row *rows, size_t count)
{
	CLEANUP(buffer_deinit) struct buffer folded = {.limit = (size_t)1 << 30};

	if (!fold_names(rows, count, &folded))
		return false;
	size_t size = folded.size;
	for (size_t i = 0; i < count; i++)
		size += strlen(rows[i].code) + strlen(rows[i].name) + 2;
	tree->texts = malloc(size);
	tree->nodes = calloc(count, sizeof(*tree->nodes));
	if (tree->texts == NULL || tree->nodes == NULL)
		return false;

	char *texts = tree->texts;
	const char *fold = (const char *)folded.data;
	for (size_t i = 0; i < count; i++, fold += strlen(fold) + 1)
		fill_node(&tree->nodes[i], &rows[i], fold, &texts);
	tree->count = count;
	qsort(tree->nodes, count, sizeof(*tree->nodes), compare_nodes_by_id);
	return true;
}

static bool make_tables(struct unit_tree *tree)
{
	size_t slots = 16;

	while (slots < tree->count * 2)
		slots *= 2;
	tree->by_code_mask = slots - 1;
	tree->id_max = tree->nodes[tree->count - 1].unit.id;
	tree->by_code = calloc(slots, sizeof(*tree->by_code));
	tree->index_of_id = calloc((size_t)tree->id_max + 1, sizeof(*tree->index_of_id));
	tree->by_parent = calloc(tree->count, sizeof(*tree->by_parent));
	return tree->by_code != NULL && tree->index_of_id != NULL && tree->by_parent != NULL;
}

static bool index_code(struct unit_tree *tree, uint32_t index)
{
	const char *code = tree->nodes[index].unit.code;
	size_t slot = slot_of(tree, code);

	for (; tree->by_code[slot] != 0; slot = (slot + 1) & tree->by_code_mask)
		if (strcmp(tree->nodes[tree->by_code[slot] - 1].unit.code, code) == 0)
			return false;
	tree->by_code[slot] = index + 1;
	return true;
}

static const char *index_nodes(struct unit_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		struct unit *unit = &tree->nodes[i].unit;

		if (tree->index_of_id[unit->id] != 0)
			return "repeated id";
		tree->index_of_id[unit->id] = i + 1;
		if (!index_code(tree, i))
			return "repeated code";
		if (unit->parent == 0 && tree->root != NULL)
			return "two roots";
		if (unit->parent == 0)
			tree->root = &tree->nodes[i];
		tree->by_parent[i] = unit;
	}
	return tree->root == NULL ? "no root" : NULL;
}

static const char *link_children(struct unit_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct unit *unit = &tree->nodes[i].unit;
		struct node *parent = node_of(tree, unit->parent);

		if (unit->parent != 0 && parent == NULL)
			return "unknown parent";
		if (parent == NULL && unit->merged)
			return "the root is merged";
		if (parent != NULL && unit->merged)
			parent->merged++;
		else if (parent != NULL)
			parent->unit.children++;
	}
	qsort(tree->by_parent, tree->count, sizeof(*tree->by_parent), compare_by_parent_and_code);
	for (size_t i = tree->count; i-- > 0;)
		if (tree->by_parent[i]->parent != 0)
			node_of(tree, tree->by_parent[i]->parent)->first_child = (uint32_t)i;
	return NULL;
}

/* Depth and top of one unit by a walk to the root. A walk that does not end in UNIT_DEPTH_MAX steps is a cycle or
 * too deep; a cycle never ends. */
static const char *place(struct unit_tree *tree, struct node *node)
{
	size_t steps = 1;

	uint32_t before_moves = 0;

	for (const struct node *at = node; at->unit.parent != 0; at = node_of(tree, at->unit.parent)) {
		if (at->unit.level == UNIT_TOP)
			node->top = at->unit.id;
		if (before_moves == 0)
			before_moves = at->scope_top;
		if (++steps > tree->count)
			return "cycle";
	}
	if (steps > UNIT_DEPTH_MAX)
		return "too deep";
	if (before_moves != 0)
		node->top = before_moves;
	node->depth = (uint32_t)steps;
	return NULL;
}

static const char *row_fault(const struct unit_row *row)
{
	size_t code_size = strlen(row->code);

	if (row->id == 0 || row->id > UNIT_ID_MAX)
		return "id out of range";
	if (code_size == 0 || code_size >= UNIT_CODE_MAX)
		return "code empty or too long";
	if (row->name[0] == '\0')
		return "no name";
	if ((unsigned)row->level > UNIT_SECTION || (unsigned)row->block > BLOCK_PUBLIC)
		return "level or block unknown";
	return NULL;
}

static const char *build(struct unit_tree *tree, const struct unit_row *rows, size_t count)
{
	const char *fault = count == 0 ? "no root" : NULL;

	for (size_t i = 0; i < count && fault == NULL; i++)
		fault = row_fault(&rows[i]);
	if (fault == NULL && (!copy_rows(tree, rows, count) || !make_tables(tree)))
		fault = "out of memory";
	if (fault == NULL)
		fault = index_nodes(tree);
	if (fault == NULL)
		fault = link_children(tree);
	for (size_t i = 0; i < tree->count && fault == NULL; i++)
		fault = place(tree, &tree->nodes[i]);
	return fault;
}

struct unit_tree *unit_tree_new(const struct unit_row *rows, size_t count, const char **fault)
{
	struct unit_tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL) {
		*fault = "out of memory";
		return NULL;
	}
	*fault = build(tree, rows, count);
	if (*fault != NULL)
		unit_tree_free(&tree);
	return tree;
}

void unit_tree_free(struct unit_tree **tree)
{
	if (*tree == NULL)
		return;
	free((*tree)->nodes);
	free((*tree)->index_of_id);
	free((*tree)->by_code);
	free((void *)(*tree)->by_parent);
	free((*tree)->texts);
	free(*tree);
	*tree = NULL;
}

size_t unit_tree_count(const struct unit_tree *tree)
{
	return tree->count;
}

const struct unit *unit_tree_root(const struct unit_tree *tree)
{
	return &tree->root->unit;
}

const struct unit *unit_by_id(const struct unit_tree *tree, uint32_t id)
{
	const struct node *node = node_of(tree, id);

	return node == NULL ? NULL : &node->unit;
}

const struct unit *unit_by_code(const struct unit_tree *tree, const char *code)
{
	for (size_t slot = slot_of(tree, code); tree->by_code[slot] != 0; slot = (slot + 1) & tree->by_code_mask) {
		const struct unit *unit = &tree->nodes[tree->by_code[slot] - 1].unit;
		if (strcmp(unit->code, code) == 0)
			return unit;
	}
	return NULL;
}

const struct unit *const *unit_children(const struct unit_tree *tree, uint32_t parent, size_t *count)
{
	const struct node *node = node_of(tree, parent);

	*count = node == NULL ? 0 : node->unit.children;
	return *count == 0 ? NULL : tree->by_parent + node->first_child;
}

const struct unit *const *unit_merged(const struct unit_tree *tree, uint32_t into, size_t *count)
{
	const struct node *node = node_of(tree, into);

	*count = node == NULL ? 0 : node->merged;
	return *count == 0 ? NULL : tree->by_parent + node->first_child + node->unit.children;
}

size_t unit_ancestors(const struct unit_tree *tree, uint32_t id, uint32_t *out)
{
	size_t count = 0;

	for (const struct node *node = node_of(tree, id); node != NULL; node = node_of(tree, node->unit.parent)) {
		assert(count < UNIT_DEPTH_MAX);
		out[count++] = node->unit.id;
	}
	return count;
}

bool unit_is_below(const struct unit_tree *tree, uint32_t id, uint32_t ancestor)
{
	for (const struct node *node = node_of(tree, id); node != NULL; node = node_of(tree, node->unit.parent))
		if (node->unit.id == ancestor)
			return true;
	return false;
}

uint32_t unit_top_of(const struct unit_tree *tree, uint32_t id)
{
	const struct node *node = node_of(tree, id);

	return node == NULL ? 0 : node->top;
}

/* Less is better; UINT32_MAX: does not match. */
static uint32_t search_rank(const struct node *node, const char *query)
{
	const char *found = strstr(node->unit.name_folded, query);

	if (found == NULL || node->unit.merged)
		return UINT32_MAX;
	return (found == node->unit.name_folded ? 0 : UNIT_DEPTH_MAX + 1) + node->depth;
}

struct search {
	const struct unit **out;
	size_t count, most;
	uint32_t *ranks;
};

/* Keeps the best `most` in order; of equal rank the lesser code stands first. */
static void search_take(struct search *search, const struct unit *unit, uint32_t rank)
{
	size_t at = search->count;

	while (at > 0 && (search->ranks[at - 1] > rank ||
				 (search->ranks[at - 1] == rank && strcmp(search->out[at - 1]->code, unit->code) > 0)))
		at--;
	if (at == search->most)
		return;
	size_t kept = search->count < search->most ? search->count : search->most - 1;
	memmove(search->out + at + 1, search->out + at, (kept - at) * sizeof(*search->out));
	memmove(search->ranks + at + 1, search->ranks + at, (kept - at) * sizeof(*search->ranks));
	search->out[at] = unit;
	search->ranks[at] = rank;
	search->count = kept + 1;
}

size_t unit_search(const struct unit_tree *tree, const char *query, const struct unit **out, size_t most)
{
	CLEANUP(buffer_deinit) struct buffer folded = {.limit = QUERY_BYTES_MAX};
	struct search search = {.out = out, .most = most};

	text_fold_search((struct bytes){(const uint8_t *)query, strlen(query)}, &folded);
	buffer_add(&folded, "", 1);
	search.ranks = calloc(most == 0 ? 1 : most, sizeof(*search.ranks));
	if (most > 0 && search.ranks != NULL && !folded.failed)
		for (size_t i = 0; i < tree->count; i++) {
			uint32_t rank = search_rank(&tree->nodes[i], (const char *)folded.data);
			if (rank != UINT32_MAX)
				search_take(&search, &tree->nodes[i].unit, rank);
		}
	free(search.ranks);
	return search.count;
}
