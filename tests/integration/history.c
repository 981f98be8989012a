/* history - clients of a real cluster, and the simulator's checker of what they were told.
 *
 *   history FILE CLIENTS ADDRESS[,ADDRESS]...
 *
 * CLIENTS processes create, start, stop, restart, delete and read VMs of a few names as long as
 * FILE is there, each through all of the addresses. Then the program looks for an order of the
 * requests that explains every answer (sim/linear.h), and prints how many there were, or the first
 * one that nothing explains with all that was done to its name. Exit code 0 or 1.
 *
 * A request whose answer never came, or that may still be carried out, counts as one that may have
 * happened. Of a delete whose answer does not tell the VM, which is gone, the history knows it by
 * the revisions: it was the last one of this name that was created before. */
#include "sim/linear.h"

#include "client.h"
#include "mem/alloc.h"
#include "model/vm.h"
#include "record.h"
#include "wire/vm.h"

#include "lib/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES 6u
#define CLIENTS_MAX 32u
#define TIMEOUT_MS 4000u

/* What a client tells of a request, through a pipe. */
struct told {
    struct sim_op op;
    uint64_t created; /* revision that created the VM; 0: not told */
};
_Static_assert(sizeof(struct told) <= 512, "a pipe takes it at once");

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- a client ---- */

static const struct {
    enum sim_op_kind kind;
    const char *method;
    unsigned weight;
} choices[] = {
    {SIM_OP_CREATE, "vm.create", 30}, {SIM_OP_CREATE_STOPPED, "vm.create", 6},
    {SIM_OP_DELETE, "vm.delete", 18}, {SIM_OP_START, "vm.start", 12},
    {SIM_OP_STOP, "vm.stop", 12},     {SIM_OP_RESTART, "vm.restart", 6},
    {SIM_OP_READ, "vm.show", 16},
};
#define CHOICES (sizeof choices / sizeof choices[0])

static size_t choose(uint64_t *rng)
{
    uint64_t n = 0, at;
    size_t i = 0;

    for (size_t k = 0; k < CHOICES; k++)
        n += choices[k].weight;
    for (at = rng_below(rng, n); at >= choices[i].weight; i++)
        at -= choices[i].weight;
    return i;
}

static void ask_for(struct params *p, struct sim_op *op, uint64_t *rng, char id[33])
{
    char name[16];

    snprintf(name, sizeof name, "vm-%u", op->name);
    params_str(p, sim_op_creates(op->kind) ? "name" : "vm", name);
    if (sim_op_creates(op->kind)) {
        op->if_not_exists = rng_below(rng, 2) == 0;
        op->restart = BX_RESTART_ALWAYS;
        params_u64(p, "memory_mib", 1);
        params_u64(p, "disk_gib", 0);
        params_bool(p, "if_not_exists", op->if_not_exists);
        params_bool(p, "stopped", op->kind == SIM_OP_CREATE_STOPPED);
    }
    if (op->kind == SIM_OP_STOP || op->kind == SIM_OP_RESTART) {
        op->force = rng_below(rng, 2) == 0;
        params_bool(p, "force", op->force);
    }
    if (op->kind == SIM_OP_READ)
        return;
    snprintf(id, 33, "%016llx%016llx", (unsigned long long)rng_next(rng),
             (unsigned long long)rng_next(rng));
    params_request_id(p, id);
}

/* The number of a text in a NULL-terminated list; its length, if it is not there. */
static uint8_t number_in(const char *const *names, bx_val text)
{
    struct bx_str s = {"", 0};
    uint8_t i = 0;

    bx_val_str(text, &s);
    while (names[i] != NULL && !bx_str_eq(s, bx_str(names[i])))
        i++;
    return i;
}

static void read_vm(struct told *t, bx_val vm)
{
    struct bx_str uuid = {"", 0};
    uint8_t phase = number_in(bx_shown_phase_names, bx_val_get(vm, "phase"));

    if (bx_val_str(bx_val_get(vm, "uuid"), &uuid))
        (void)bx_uuid_parse(uuid.p, uuid.n, t->op.uuid);
    bx_val_u64(bx_val_get(vm, "created_index"), &t->created);
    if (phase == BX_SHOWN_UNKNOWN)
        phase = number_in(bx_shown_phase_names, bx_val_get(vm, "last_phase"));
    t->op.phase = phase == BX_SHOWN_BACKOFF ? BX_PHASE_CREATING : phase;
    t->op.desired = number_in(bx_desired_names, bx_val_get(vm, "desired"));
}

static void read_answer(struct told *t, bx_val answer)
{
    if (t->op.kind == SIM_OP_READ) {
        read_vm(t, answer);
        return;
    }
    bx_val_u64(bx_val_get(answer, "revision"), &t->op.revision);
    bx_val_bool(bx_val_get(answer, "existed"), &t->op.existed);
    if (bx_val_type(bx_val_get(answer, "vm")) == BX_V_MAP)
        read_vm(t, bx_val_get(answer, "vm"));
}

/* Whether a code is the state's answer, and not that of a node that could not ask for it. */
static bool is_decided(int code)
{
    return code == BX_OK || code == BX_EXISTS || code == BX_NOT_FOUND || code == BX_CONFLICT ||
           code == BX_UNPLACEABLE;
}

static struct told request(struct client *c, uint64_t *rng, unsigned number)
{
    size_t choice = choose(rng);
    struct told t = {.op = {.kind = choices[choice].kind,
                            .client = number,
                            .name = (unsigned)rng_below(rng, NAMES)}};
    struct params p = {0};
    struct bx_err err = {0};
    bx_val answer = NULL;
    char id[33];
    int rc;

    ask_for(&p, &t.op, rng, id);
    t.op.start = now_us();
    rc = client_call(c, choices[choice].method, &p, TIMEOUT_MS, &answer, &err);
    t.op.end = now_us();
    t.op.code = (uint16_t)rc;
    t.op.gone = rc == BX_NOT_FOUND && !sim_op_creates(t.op.kind);
    if (rc == BX_OK)
        read_answer(&t, answer);
    if (!is_decided(rc)) {
        t.op.given_up = t.op.end;
        t.op.end = SIM_OP_UNANSWERED;
    }
    params_close(&p);
    return t;
}

static _Noreturn void be_client(const char *file, unsigned number, const char *addresses, int to)
{
    uint64_t rng = now_us() + number;
    struct client c;
    struct bx_err err = {0};

    if (record_open(&err) != BX_OK || client_init(&c, addresses, &err) != BX_OK) {
        fprintf(stderr, "history: %s\n", err.msg);
        _exit(1);
    }
    c.current = number % c.n;
    while (access(file, F_OK) == 0) {
        struct told t = request(&c, &rng, number);

        if (write(to, &t, sizeof t) != (ssize_t)sizeof t)
            _exit(1);
        if (rng_below(&rng, 4) == 0)
            client_next_address(&c);
    }
    client_close(&c);
    record_close();
    _exit(0);
}

/* ---- the history ---- */

struct seen { /* a VM, and when it was created */
    uint64_t created;
    unsigned name;
    uint8_t uuid[16];
};

static struct sim_history history;
static struct seen *seen;
static size_t n_seen, seen_cap;

static const uint8_t nobody[16];

static void note_vm(const struct told *t)
{
    if (t->created == 0 || memcmp(t->op.uuid, nobody, 16) == 0)
        return;
    if (n_seen == seen_cap) {
        seen_cap = seen_cap == 0 ? 1024 : seen_cap * 2;
        seen = bx_must_realloc(seen, seen_cap * sizeof *seen);
    }
    seen[n_seen] = (struct seen){.created = t->created, .name = t->op.name};
    memcpy(seen[n_seen++].uuid, t->op.uuid, 16);
}

/* A create that nobody has an answer of may be in between, and then the history can not tell. */
static void name_deleted(struct sim_op *op)
{
    const struct seen *last = NULL;

    if (op->end == SIM_OP_UNANSWERED || op->code != BX_OK || memcmp(op->uuid, nobody, 16) != 0)
        return;
    for (size_t i = 0; i < n_seen; i++) {
        if (seen[i].name == op->name && seen[i].created <= op->revision &&
            (last == NULL || seen[i].created > last->created))
            last = &seen[i];
    }
    for (size_t i = 0; i < history.n && last != NULL; i++) {
        const struct sim_op *x = &history.ops[i];

        if (x->name == op->name && x->end == SIM_OP_UNANSWERED && sim_op_creates(x->kind) &&
            x->start < op->end)
            last = NULL;
    }
    if (last != NULL) {
        memcpy(op->uuid, last->uuid, 16);
        return;
    }
    op->given_up = op->end;
    op->end = SIM_OP_UNANSWERED;
}

static int order_of_answers(const void *a, const void *b)
{
    const struct sim_op *x = a, *y = b;

    return x->end < y->end ? -1 : x->end > y->end;
}

static void complete(void)
{
    for (size_t i = 0; i < history.n; i++)
        name_deleted(&history.ops[i]);
    qsort(history.ops, history.n, sizeof *history.ops, order_of_answers);
}

static void tell(const struct sim_op *op)
{
    char text[256];

    sim_history_tell(op, text, sizeof text);
    printf("%s\n", text);
}

static bool check(void)
{
    size_t unanswered = 0;

    for (size_t i = 0; i < history.n; i++)
        unanswered += history.ops[i].end == SIM_OP_UNANSWERED;
    printf("%zu requests, %zu without an answer\n", history.n, unanswered);
    for (unsigned name = 0; name < NAMES; name++) {
        size_t at = 0;
        enum linear_verdict v = linear_check(&history, name, &at);

        if (v == LINEAR_GOOD)
            continue;
        for (size_t i = 0; i < history.n; i++) {
            if (history.ops[i].name == name && history.ops[i].start <= history.ops[at].end)
                tell(&history.ops[i]);
        }
        printf("%s:\n", v == LINEAR_BAD ? "no order of the requests explains this answer"
                                        : "too many requests on one name to look through");
        tell(&history.ops[at]);
        return false;
    }
    return history.n > 0;
}

/* ---- all of them ---- */

/* The reading end of the pipe that all clients write to; -1: they could not be started. */
static int start(const char *file, unsigned clients, const char *addresses)
{
    int ends[2];

    if (pipe(ends) != 0)
        return -1;
    for (unsigned i = 0; i < clients; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return -1;
        if (pid == 0) {
            close(ends[0]);
            be_client(file, i, addresses, ends[1]);
        }
    }
    close(ends[1]);
    return ends[0];
}

static void collect(int from)
{
    struct told t;

    for (;;) {
        ssize_t n = read(from, &t, sizeof t);

        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof t)
            return;
        note_vm(&t);
        sim_history_add(&history, &t.op);
    }
}

int main(int argc, char **argv)
{
    unsigned clients = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    bool good = true;
    int from, status;

    if (clients == 0 || clients > CLIENTS_MAX) {
        fprintf(stderr, "usage: history FILE CLIENTS ADDRESS[,ADDRESS]...\n");
        return 2;
    }
    from = start(argv[1], clients, argv[3]);
    if (from < 0) {
        perror("history");
        return 1;
    }
    collect(from);
    while (wait(&status) > 0)
        good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    complete();
    good = check() && good;
    bx_free(history.ops);
    bx_free(seen);
    return good ? 0 : 1;
}
