/* verdict - the history of all clients, when it is complete: whether anything explains it. */
#include "sim/client.h"

#include "sim/linear.h"

static void tell(const struct sim_op *op)
{
    char text[256];

    sim_history_tell(op, text, sizeof text);
    printf("%s\n", text);
}

/* What else was done to that name until then, and what nothing explains. */
static _Noreturn void unexplained(struct sim *s, const struct sim_history *h, size_t at,
                                  const char *what)
{
    char text[256];

    for (size_t i = 0; i < h->n; i++) {
        if (h->ops[i].name == h->ops[at].name && i != at && h->ops[i].start <= h->ops[at].end)
            tell(&h->ops[i]);
    }
    sim_history_tell(&h->ops[at], text, sizeof text);
    sim_violation(s, "%s: %s", what, text);
}

/* What every host has at last is read once more: nothing that was acknowledged is lost on any. */
static void read_everything(struct sim *s, struct sim_history *h, unsigned names)
{
    struct sim_op like = {.client = SIM_CLIENTS_MAX, .start = s->now, .end = s->now};
    struct sim_op rows[SIM_NAMES_MAX];

    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (s->hosts[i].node == NULL)
            continue;
        sim_request_rows(&s->hosts[i], names, &like, rows);
        for (unsigned j = 0; j < names; j++)
            sim_history_add(h, &rows[j]);
    }
}

static void check_replay(struct sim *s, const struct sim_history *h, unsigned names)
{
    struct sim_wrong wrong;

    if (sim_history_good(h, names, &wrong))
        return;
    if (wrong.op == SIZE_MAX)
        sim_violation(s, "revision %llu: %s", (unsigned long long)wrong.revision, wrong.what);
    unexplained(s, h, wrong.op, wrong.what);
}

void sim_client_verdict(struct sim *s, struct sim_history *h, unsigned names)
{
    read_everything(s, h, names);
    if (sim_check_changes(s, h))
        check_replay(s, h, names);
    for (unsigned name = 0; name < names; name++) {
        size_t at = 0;
        enum linear_verdict v = linear_check(h, name, &at);

        if (v != LINEAR_GOOD)
            unexplained(s, h, at,
                        v == LINEAR_BAD ? "no order of the requests explains this answer"
                                        : "too many requests on one name to look through");
    }
}
