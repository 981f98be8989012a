/* codec_tree - a record with records inside of it, values, and fields that came later, for the
 * tests of the codecs. */
#ifndef CODEC_TREE_H
#define CODEC_TREE_H

#include "codec/schema.h"

struct tree_leaf {
    struct bx_str key;
    int64_t weight;
};
struct tree_branch {
    struct bx_str name;
    uint32_t count;
    struct bx_list leaves;
    uint8_t colour; /* later */
};
struct tree {
    uint64_t id;
    int64_t delta;
    uint64_t leader;
    struct tree_branch trunk, spare;
    struct bx_list branches;
    struct bx_str value;
    uint32_t hidden;
    /* Later. */
    struct bx_str note;
    uint8_t owner[16];
    uint32_t extra;
    struct tree_leaf last;
};

static const char *const tree_colours[] = {"none", "green", "brown", NULL};
static const struct bx_field tree_leaf_fields[] = {
    BX_FIELD(tree_leaf, key, BX_T_STR, .max = 20),
    BX_FIELD(tree_leaf, weight, BX_T_I64),
};
static const struct bx_schema tree_leaf_schema = BX_SCHEMA("leaf", 0, tree_leaf, tree_leaf_fields);

static const struct bx_field tree_branch_fields[] = {
    BX_FIELD(tree_branch, name, BX_T_STR, .max = 20, .nil = true),
    BX_FIELD(tree_branch, count, BX_T_U32),
    BX_FIELD(tree_branch, leaves, BX_T_LIST, .sub = &tree_leaf_schema, .max = 4),
    BX_FIELD(tree_branch, colour, BX_T_ENUM, .names = tree_colours, .since = 2),
};
static const struct bx_schema tree_branch_schema =
    BX_SCHEMA("branch", 0, tree_branch, tree_branch_fields);

#define TREE_FIRST_FIELDS                                                                          \
    BX_FIELD(tree, id, BX_T_U64), BX_FIELD(tree, delta, BX_T_I64),                                 \
        BX_FIELD(tree, leader, BX_T_U64, .nil = true),                                             \
        BX_FIELD(tree, trunk, BX_T_RECORD, .sub = &tree_branch_schema),                            \
        BX_FIELD(tree, spare, BX_T_RECORD, .sub = &tree_branch_schema, .nil = true),               \
        BX_FIELD(tree, branches, BX_T_LIST, .sub = &tree_branch_schema, .max = 3),                 \
        BX_FIELD(tree, value, BX_T_VALUE, .max = 40),                                              \
        BX_FIELD(tree, hidden, BX_T_U32, .omit = true)

/* As the first release had it, and as it is. */
static const struct bx_field tree_first_fields[] = {TREE_FIRST_FIELDS};
static const struct bx_schema tree_first_schema = BX_SCHEMA("tree", 8, tree, tree_first_fields);
static const struct bx_field tree_fields[] = {
    TREE_FIRST_FIELDS,
    BX_FIELD(tree, note, BX_T_STR, .max = 20, .since = 2),
    BX_FIELD(tree, owner, BX_T_UUID, .since = 2),
    BX_FIELD(tree, extra, BX_T_U32, .omit = true, .since = 2),
    BX_FIELD(tree, last, BX_T_RECORD, .sub = &tree_leaf_schema, .since = 2),
};
static const struct bx_schema tree_schema = BX_SCHEMA("tree", 8, tree, tree_fields);

static const struct tree_leaf tree_leaves[] = {
    {{"oak", 3}, -1}, {{NULL, 0}, 0}, {{"gr\xc3\xbcn", 5}, INT64_MIN}};
static const struct tree_branch tree_branches[] = {
    {{"north", 5}, 7, {tree_leaves, 3}, 1},
    {{NULL, 0}, 0, {NULL, 0}, 0},
    {{"south", 5}, 0, {tree_leaves + 2, 1}, 0},
};

/* Of the first release: no later field is used, but in the first branch. */
static inline struct tree tree_first_sample(void)
{
    return (struct tree){
        .id = 0x0102030405060708,
        .delta = -300,
        .trunk = {{"trunk", 5}, 70000, {tree_leaves, 1}, 0},
        .branches = {tree_branches, 3},
        .value = {"\x93\x01\xc0\xa3"
                  "abc",
                  7},
        .hidden = 9,
    };
}

static inline struct tree tree_sample(void)
{
    struct tree t = tree_first_sample();

    t.leader = 3;
    t.spare = tree_branches[0];
    t.note = (struct bx_str){"grown", 5};
    t.owner[0] = 0xab;
    t.last = tree_leaves[2];
    return t;
}

#endif
