/* rotate - the methods about replacing the CA of the cluster. */
#include "api/priv.h"

#include "codec/digits.h"
#include "pki/pki.h"
#include "state/ca.h"
#include "state/user.h"
#include "wire/cluster.h"

#include <stdio.h>
#include <string.h>

/* ---- status ---- */

#define SUBJECT 96u

struct shown {
    char fingerprint[BX_CAS_SHOWN][2 * PKI_SHA256 + 1], subject[BX_CAS_SHOWN][SUBJECT];
    struct bx_ca_info_reply cas[BX_CAS_SHOWN];
};

static uint8_t state_of(const struct bx_view *v, const struct bx_ca *ca)
{
    if (ca == bx_view_ca(v))
        return BX_CA_SIGNS;
    return ca == bx_view_ca_new(v) ? BX_CA_SPREADS : BX_CA_ENDS;
}

static void show_ca(const struct bx_view *v, const struct bx_ca *ca, struct shown *s, uint32_t i)
{
    struct bx_ca_info_reply *r = &s->cas[i];
    struct pki_cert c;

    *r = (struct bx_ca_info_reply){.generation = ca->generation, .state = state_of(v, ca)};
    if (pki_cert_read((const uint8_t *)ca->certificate.p, ca->certificate.n, &c, NULL) != BX_OK)
        return;
    s->fingerprint[i][bx_digits_hex(s->fingerprint[i], c.fingerprint, sizeof c.fingerprint)] = '\0';
    snprintf(s->subject[i], SUBJECT, "Blixard CA %s", c.name);
    r->fingerprint = bx_str(s->fingerprint[i]);
    r->subject = bx_str(s->subject[i]);
    r->from_ms = c.not_before_ms;
    r->until_ms = c.not_after_ms;
}

static uint32_t show_nodes(const struct bx_view *v, struct bx_ca_node_reply *out)
{
    const struct bx_ca *new_one = bx_view_ca_new(v);
    uint32_t n = 0;

    for (uint32_t i = 0; i < bx_view_nodes(v); i++) {
        const struct bx_node_row *row = bx_view_node_at(v, i);

        if (row->info.pin.n == 0)
            continue;
        out[n++] =
            (struct bx_ca_node_reply){.id = row->info.id,
                                      .name = row->info.name,
                                      .taken = row->info.ca_taken,
                                      .shown = row->info.ca_shown,
                                      .waits = new_one != NULL && bx_ca_waits_for(new_one, row)};
    }
    return n;
}

/* Those that name the old CA. */
static uint64_t count_tokens(struct bx_node *node, const struct bx_view *v)
{
    const struct bx_ca *new_one = bx_view_ca_new(v);
    const struct bx_token *t;
    uint64_t n = 0;
    size_t pos = 0;

    while (new_one != NULL && (t = bx_view_next(v, BX_TABLE_TOKEN, &pos)) != NULL)
        n += t->created_index < new_one->created_index && bx_node_token_left_ms(node, t) > 0;
    return n;
}

static uint64_t count_certificates(const struct api *a, const struct bx_view *v)
{
    const struct bx_ca *new_one = bx_view_ca_new(v);
    const struct bx_user_token *t;
    uint64_t n = 0;
    size_t pos = 0;

    while (new_one != NULL && (t = bx_view_next(v, BX_TABLE_USER_TOKEN, &pos)) != NULL)
        n += t->certificate && t->created_index < new_one->created_index &&
             api_auth_left_ms(a, t) > 0;
    return n;
}

static void show(struct api_call *c)
{
    const struct bx_view *v = api_view(c);
    const struct bx_node_row *waits = bx_view_ca_waits(v);
    struct shown *s = api_alloc(c, sizeof *s);
    struct bx_ca_node_reply *nodes = api_alloc(c, (bx_view_nodes(v) + 1) * sizeof *nodes);
    struct bx_ca_status_reply r = {.rotating = bx_view_ca_new(v) != NULL,
                                   .tokens = count_tokens(c->api->node, v),
                                   .certificates = count_certificates(c->api, v),
                                   .nodes = {nodes, show_nodes(v, nodes)}};
    uint32_t n = 0;

    for (; n < BX_CAS_SHOWN && bx_view_ca_at(v, n) != NULL; n++)
        show_ca(v, bx_view_ca_at(v, n), s, n);
    r.cas = (struct bx_list){s->cas, n};
    if (waits != NULL)
        r.waits_for = waits->info.name;
    api_reply(c, &bx_ca_status_reply_schema, &r);
}

static void cluster_ca_status(struct api_call *c)
{
    api_read(c, show);
}

/* ---- rotate ---- */

static void propose(void *to, const struct bx_cmd_ca_rotate *body)
{
    api_write(to, BX_CMD_CA_ROTATE, body, bx_str("default"));
}

/* What can not be is refused by the state machine, which knows more than this node may. */
static void cluster_ca_rotate(struct api_call *c)
{
    const struct api_options *o = &c->api->o;
    struct bx_err err;

    if (o->make_ca(o->ctx, propose, c, &err) != BX_OK)
        api_fail(c, &err);
}

static void rotated(struct api_call *c, const struct bx_outcome *o)
{
    (void)o;
    show(c);
}

/* ---- the methods ---- */

const struct api_method api_cluster_ca_rotate = {.run = cluster_ca_rotate, .written = rotated};
const struct api_method api_cluster_ca_status = {.run = cluster_ca_status};
