/* kind_cluster - the cluster itself. There is always exactly one row; it is not stored until the
 * cluster is created. */
#include "state/rows.h"

static const struct bx_field cluster_fields[] = {
    BX_FIELD(bx_cluster_row, id, BX_T_UUID),
    BX_FIELD(bx_cluster_row, history, BX_T_UUID),
    BX_FIELD(bx_cluster_row, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_cluster_row, next_node, BX_T_U64),
    BX_FIELD(bx_cluster_row, level, BX_T_U32),
    BX_FIELD(bx_cluster_row, created, BX_T_BOOL),
};
static const struct bx_schema cluster_schema =
    BX_SCHEMA("cluster row", 203, bx_cluster_row, cluster_fields);

static const struct bx_column cluster_columns[] = {
    BX_COLUMN(one, ONE, bx_cluster_row, id, .key = true),
    BX_COLUMN(name, TEXT, bx_cluster_row, name),
};

/* What nodes hold is derived from the VMs, by a rule of the level. */
static void swapped(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    if (old != NULL && with != NULL)
        bx_view_level_changed(v, bx_row_as_cluster(old)->level, bx_row_as_cluster(with)->level);
}

BX_KIND(cluster, bx_cluster_row, BX_KEY_NONE, id, "cluster", .ordered = true, .swapped = swapped);

void bx_view_cluster(const struct bx_view *v, struct bx_cluster_info *out)
{
    const struct bx_cluster_row *c = bx_row_as_cluster(bx_view_cluster_row(v));

    memset(out, 0, sizeof *out);
    memcpy(out->id, c->id, 16);
    memcpy(out->history, c->history, 16);
    out->name = c->name;
    out->created = c->created;
    out->level = c->level;
    out->next_node = c->next_node;
    out->revision = v->revision;
    out->digest = v->digest;
    out->time_ms = v->time_ms;
}
