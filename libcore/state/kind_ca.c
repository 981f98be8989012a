/* kind_ca - the certificate authorities. Nothing of them is shown to users' queries. */
#include "state/rows.h"
#include "wire/cluster.h"

static const struct bx_field ca_fields[] = {
    BX_FIELD(bx_ca, generation, BX_T_U64),
    BX_FIELD(bx_ca, certificate, BX_T_BYTES, .max = BX_CA_CERTIFICATE_MAX),
    BX_FIELD(bx_ca, key, BX_T_BYTES, .max = BX_CA_KEY_MAX, .secret = true),
    BX_FIELD(bx_ca, created_index, BX_T_U64),
};
static const struct bx_schema ca_schema = BX_SCHEMA("CA row", 205, bx_ca, ca_fields);

static const struct bx_column ca_columns[] = {
    BX_COLUMN(generation, U64, bx_ca, generation, .key = true),
};

const struct bx_ca *bx_view_ca(const struct bx_view *v)
{
    size_t n = bx_view_count(v, BX_TABLE_CA);

    return n == 0 ? NULL : bx_row_as_ca(bx_view_row_at(v, BX_TABLE_CA, (uint32_t)n - 1));
}

BX_KIND(ca, bx_ca, BX_KEY_U64, generation, "cas", .ordered = true);
