/* nemesis_crowd - clients that mean harm, or know no better, and the table of sessions.
 *
 *   flood       one principal floods the hosts with requests that are refused, each under a session
 *               of its own. They may displace each other, and nothing of anybody else.
 *   full-table  as many principals as there are places carry out a request each. Until they end
 *               their sessions, new ones are told to wait; sessions that are there go on, and
 * nodes' own commands find room: so do those of a host that is restarted, and has to report that a
 * VM has ended.
 *   odd-ids     a session begins with a high sequence and goes on with low ones, each the floor of
 *               the next, for longer than outcomes are kept. Then a host loads the table from rows,
 *               and what it has must be what the others have (check.c).
 *   heirs       one name is deleted and created again and again, while requests for the VM that had
 *               it before are under way.
 *
 * At feature level 1 there is one table for all, and either would stop everything. */
#include "sim/nemesis.h"

#include "mem/alloc.h"
#include "sim/client.h"

#include <string.h>

#define BURST_MAX 120u
#define BURST_US (300 * SIM_MS)
#define CROWD SIM_SESSIONS_MAX
#define DRAINED_US (60 * SIM_S) /* the last of them are in no queue any more */
#define LASTS_MIN_US (5 * SIM_S)
#define LASTS_MAX_US (20 * SIM_S)
#define RESTART_US (SIM_S)   /* after the table is full */
#define GUEST_US (2 * SIM_S) /* after that */
#define AGAIN_US (SIM_S)
#define ODD_TTL_MAX_US (90 * SIM_S) /* longer ones do not fit a history */

_Static_assert(CROWD <= BX_SESSION_ENDS_MAX, "one command ends them");

struct crowd {
    uint64_t seed;
    unsigned n;
    uint64_t until;
    bool ended;
};

static void session_of(const struct crowd *c, unsigned i, uint8_t out[16])
{
    bx_put64(out, c->seed);
    bx_put64(out + 8, i + 1);
}

static struct bx_str principal_of(const struct crowd *c, unsigned i, char out[32])
{
    int n = snprintf(out, 32, "%x-%u", (unsigned)(c->seed & 0xffffff), i);

    return (struct bx_str){out, (uint32_t)n};
}

static bool may_suffer(const struct sim_host *h)
{
    return h->node != NULL && h->paused_until <= h->sim->now && bx_node_level(h->node) >= 2;
}

static uint64_t lasts(struct sim *s)
{
    uint64_t until = s->now + LASTS_MIN_US + nemesis_draw(s, LASTS_MAX_US - LASTS_MIN_US);

    if (s->crowded_until < until + DRAINED_US)
        s->crowded_until = until + DRAINED_US;
    return until;
}

/* ---- refusals ---- */

static void flood(struct sim_host *h, void *arg)
{
    const struct crowd *c = arg;
    struct bx_cmd_vm_delete body = {.vm = bx_str("nothing"), .uuid = {0xff}};
    struct bx_submit s = {.kind = BX_CMD_VM_DELETE,
                          .body = &body,
                          .sequence = 1,
                          .floor = 1,
                          .principal = bx_str("mallory"),
                          .deadline = sim_boot_ms(h) + 5000};

    for (unsigned i = 0; i < c->n; i++) {
        session_of(c, i, s.session);
        bx_node_submit(h->node, &s, NULL);
    }
}

static void on_burst(struct sim *s, struct sim_host *none, void *arg)
{
    struct crowd *c = arg, *next;
    struct sim_host *h = &s->hosts[rng_next(&c->seed) % s->n_hosts];

    (void)none;
    c->n = 1 + (unsigned)(rng_next(&c->seed) % BURST_MAX);
    if (may_suffer(h) && sim_enter(h, flood, c))
        sim_host_wake(h);
    if (s->now >= c->until || s->quiet)
        return;
    next = bx_must_alloc(sizeof *next);
    *next = *c;
    sim_at(s, s->now + BURST_US, NULL, on_burst, next);
}

bool nemesis_flood(struct sim *s)
{
    struct crowd *c;

    if (!may_suffer(nemesis_host(s)))
        return false;
    c = bx_must_alloc(sizeof *c);
    *c = (struct crowd){.seed = nemesis_draw(s, UINT64_MAX), .until = lasts(s)};
    sim_at(s, s->now, NULL, on_burst, c);
    return true;
}

/* ---- the full table ---- */

/* What changes nothing and is carried out all the same. */
static void fill(struct sim_host *h, void *arg)
{
    const struct crowd *c = arg;
    struct bx_cmd_session_end body = {{NULL, 0}};
    struct bx_submit s = {.kind = BX_CMD_SESSION_END,
                          .body = &body,
                          .sequence = 1,
                          .floor = 1,
                          .deadline = sim_boot_ms(h) + 5000};
    char name[32];

    for (unsigned i = 0; i < c->n; i++) {
        session_of(c, i, s.session);
        s.principal = principal_of(c, i, name);
        bx_node_submit(h->node, &s, NULL);
    }
}

static void on_ended(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct crowd *c = ctx;

    (void)err;
    c->ended = c->ended || (o != NULL && o->code == BX_OK);
}

static void end(struct sim_host *h, void *arg)
{
    struct crowd *c = arg;
    struct bx_session_end ends[CROWD];
    struct bx_cmd_session_end body = {{ends, c->n}};
    struct bx_submit s = {.kind = BX_CMD_SESSION_END,
                          .body = &body,
                          .principal = bx_str(BX_PRINCIPAL_NODE),
                          .deadline = sim_boot_ms(h) + 5000,
                          .done = on_ended,
                          .ctx = c};
    char name[32];

    for (unsigned i = 0; i < c->n; i++) {
        struct bx_str principal = principal_of(c, i, name);

        session_of(c, i, ends[i].session);
        ends[i].principal_hash = bx_hash(principal.p, principal.n);
    }
    bx_node_submit(h->node, &s, NULL);
}

/* Until it is done, by one host after the other. It is never freed: a host may answer yet. */
static void on_end(struct sim *s, struct sim_host *none, void *arg)
{
    struct crowd *c = *(struct crowd **)arg, **again;
    struct sim_host *h = &s->hosts[s->now / AGAIN_US % s->n_hosts];

    (void)none;
    if (c->ended) {
        sim_trace(s, NULL, "the table of sessions has room again");
        return;
    }
    if (may_suffer(h) && sim_enter(h, end, c))
        sim_host_wake(h);
    again = bx_must_alloc(sizeof(struct crowd *));
    *again = c;
    sim_at(s, s->now + AGAIN_US, NULL, on_end, again);
}

static void on_guest(struct sim *s, struct sim_host *h, void *arg)
{
    uint8_t vm[16];

    if (h->node == NULL || !sim_check_some_run(h, *(uint64_t *)arg, vm))
        return;
    (void)s;
    sim_host_end_guest(h, vm);
    sim_host_wake(h);
}

/* The process has no session yet when one of its VMs ends. */
static void on_restart(struct sim *s, struct sim_host *h, void *arg)
{
    uint64_t *which = bx_must_alloc(sizeof *which);

    *which = *(uint64_t *)arg;
    sim_host_kill(h, "killed while the table of sessions is full");
    sim_host_start(h);
    sim_at(s, s->now + GUEST_US, h, on_guest, which);
}

bool nemesis_full_table(struct sim *s)
{
    struct crowd *c = bx_must_alloc(sizeof *c), **arg;
    struct sim_host *h = nemesis_host(s), *other = &s->hosts[nemesis_draw(s, s->n_hosts)];
    uint64_t *which = bx_must_alloc(sizeof *which);

    *c = (struct crowd){.seed = nemesis_draw(s, UINT64_MAX), .n = CROWD, .until = lasts(s)};
    *which = nemesis_draw(s, 1000);
    if (!may_suffer(h) || other->node == NULL) {
        bx_free(c);
        bx_free(which);
        return false;
    }
    if (sim_enter(h, fill, c))
        sim_host_wake(h);
    arg = bx_must_alloc(sizeof(struct crowd *));
    *arg = c;
    sim_at(s, c->until, NULL, on_end, arg);
    sim_at(s, s->now + RESTART_US, other, on_restart, which);
    return true;
}

/* ---- odd sequences ---- */

#define ODD_FIRST 1000u
#define ODD_STEPS 4u /* two of them are shorter than outcomes are kept, three are not */

static void ask_oddly(struct sim_host *h, void *arg)
{
    const struct crowd *c = arg;
    struct bx_cmd_session_end body = {{NULL, 0}};
    uint64_t sequence = c->n == 0 ? ODD_FIRST : c->n;
    struct bx_submit s = {.kind = BX_CMD_SESSION_END,
                          .body = &body,
                          .sequence = sequence,
                          .floor = c->n == 0 ? 1 : sequence,
                          .principal = bx_str("odd"),
                          .deadline = sim_boot_ms(h) + 5000};

    session_of(c, 0, s.session);
    bx_node_submit(h->node, &s, NULL);
}

static void on_odd_step(struct sim *s, struct sim_host *none, void *arg)
{
    struct crowd *c = arg, *next;
    struct sim_host *h = &s->hosts[(c->seed >> 8 * c->n) % s->n_hosts];

    (void)none;
    if (c->n == ODD_STEPS) {
        if (h->node == NULL || h->paused_until > s->now || s->quiet)
            return;
        sim_host_kill(h, "killed, to load the table of sessions");
        sim_host_start(h);
        return;
    }
    if (may_suffer(h) && sim_enter(h, ask_oddly, c))
        sim_host_wake(h);
    if (s->quiet)
        return;
    next = bx_must_alloc(sizeof *next);
    *next = *c;
    next->n++;
    sim_at(s, s->now + s->session_ttl * 2 / 5, NULL, on_odd_step, next);
}

bool nemesis_odd_ids(struct sim *s)
{
    struct crowd *c;

    if (!may_suffer(nemesis_host(s)) || s->session_ttl > ODD_TTL_MAX_US)
        return false;
    c = bx_must_alloc(sizeof *c);
    *c = (struct crowd){.seed = nemesis_draw(s, UINT64_MAX)};
    sim_at(s, s->now, NULL, on_odd_step, c);
    return true;
}

/* ---- heirs ---- */

bool nemesis_heirs(struct sim *s)
{
    uint64_t number = nemesis_draw(s, UINT64_MAX),
             us = LASTS_MIN_US + nemesis_draw(s, LASTS_MAX_US);

    if (!may_suffer(nemesis_host(s)))
        return false;
    sim_clients_crowd(s, number, s->now + us);
    return true;
}
