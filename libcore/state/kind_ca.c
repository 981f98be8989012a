/* kind_ca - the certificate authorities. Nothing of them is shown to users' queries. */
#include "state/rows.h"
#include "wire/cluster.h"

static const struct bx_field ca_fields[] = {
    BX_FIELD(bx_ca, generation, BX_T_U64),
    BX_FIELD(bx_ca, certificate, BX_T_BYTES, .max = BX_CA_CERTIFICATE_MAX),
    BX_FIELD(bx_ca, key, BX_T_BYTES, .max = BX_CA_KEY_MAX, .secret = true),
    BX_FIELD(bx_ca, created_index, BX_T_U64),
    BX_FIELD(bx_ca, shares, BX_T_BYTES, .max = BX_CA_SHARES_MAX, .omit = true, .since = 3,
             .secret = true),
    BX_FIELD(bx_ca, active, BX_T_BOOL, .omit = true, .since = 3),
};
static const struct bx_schema ca_schema = BX_SCHEMA("CA row", 205, bx_ca, ca_fields);

static const struct bx_column ca_columns[] = {
    BX_COLUMN(generation, U64, bx_ca, generation, .key = true),
};

const struct bx_ca *bx_view_ca_at(const struct bx_view *v, uint32_t i)
{
    return i >= bx_view_count(v, BX_TABLE_CA) ? NULL
                                              : bx_row_as_ca(bx_view_row_at(v, BX_TABLE_CA, i));
}

const struct bx_ca *bx_view_ca_new(const struct bx_view *v)
{
    return bx_view_ca_at(v, 1);
}

const struct bx_ca *bx_view_ca(const struct bx_view *v)
{
    const struct bx_ca *new_one = bx_view_ca_new(v);

    return new_one != NULL && new_one->active ? new_one : bx_view_ca_at(v, 0);
}

bool bx_ca_waits_for(const struct bx_ca *new_one, const struct bx_node_row *n)
{
    uint64_t told = new_one->active ? n->info.ca_shown : n->info.ca_taken;

    return told < new_one->generation;
}

const struct bx_node_row *bx_view_ca_waits(const struct bx_view *v)
{
    const struct bx_ca *new_one = bx_view_ca_new(v);

    for (uint32_t i = 0; new_one != NULL && i < bx_view_nodes(v); i++) {
        if (bx_ca_waits_for(new_one, bx_view_node_at(v, i)))
            return bx_view_node_at(v, i);
    }
    return NULL;
}

BX_KIND(ca, bx_ca, BX_KEY_U64, generation, "cas", .ordered = true);
