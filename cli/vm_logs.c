/* vm_logs - the console of a VM: its end, or all of it as it comes.
 *
 * An answer of vm.logs has the place in the console where it ends, and the next question asks for
 * what follows. Questions are stale reads, which cost the cluster nothing: a console belongs to one
 * node, whatever the others know. */
#include "vm.h"

#include <poll.h>
#include <stdio.h>

#define PAUSE_MS 250
#define PLENTY (32u << 10) /* so much at once: there is more */

const struct flag vm_logs_flags[] = {
    {.name = "bytes", .value = "N", .help = "print at most the last N bytes (64KiB)"},
    {.name = "previous",
     .help = "print the console of the previous run; repeat it for earlier ones"},
    {.name = "follow",
     .letter = 'f',
     .help = "go on with what the guest writes, until it ends or Ctrl-C"},
    {0},
};

static size_t print_text(bx_val result)
{
    struct bx_str text = {"", 0};

    bx_val_str(bx_val_get(result, "text"), &text);
    fwrite(text.p, 1, text.n, stdout);
    return text.n;
}

/* ---- what comes ---- */

struct follower {
    struct run *r;
    char uuid[40];
    uint64_t epoch, file, offset; /* the place after the last answer; epoch 0: there is none */
};

static int ask(const struct follower *f, uint64_t bytes, bx_val *result)
{
    struct run *r = f->r;
    struct params p = {0};
    int rc;

    params_str(&p, "vm", f->uuid);
    params_u64(&p, "bytes", bytes);
    params_bool(&p, "follow", true);
    params_u64(&p, "epoch", f->epoch);
    params_u64(&p, "file", f->file);
    params_u64(&p, "offset", f->offset);
    params_str(&p, "consistency", args_get(&r->args, "consistency", "stale"));
    rc = run_call(r, "vm.logs", &p, result);
    params_close(&p);
    return rc;
}

/* The VM was not found, or is on no node. A node that is behind may only not know it yet. */
static int check_gone(const struct follower *f, bool *gone)
{
    struct params p = {0};
    struct bx_str node;
    bx_val result;
    int rc;

    params_str(&p, "vm", f->uuid);
    rc = run_call(f->r, "vm.show", &p, &result);
    params_close(&p);
    *gone = rc == BX_NOT_FOUND || (rc == BX_OK && !bx_val_str(bx_val_get(result, "node"), &node));
    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

/* Print an answer; true when the run has ended and that was all. */
static bool print_answer(struct follower *f, bx_val result, bool *plenty)
{
    bool ended = false, skipped = false;

    bx_val_u64(bx_val_get(result, "epoch"), &f->epoch);
    bx_val_u64(bx_val_get(result, "file"), &f->file);
    f->offset = 0;
    bx_val_u64(bx_val_get(result, "offset"), &f->offset);
    bx_val_bool(bx_val_get(result, "ended"), &ended);
    bx_val_bool(bx_val_get(result, "skipped"), &skipped);
    if (skipped && !f->r->quiet)
        fprintf(stderr, "some output was skipped\n");
    *plenty = print_text(result) >= PLENTY;
    return fflush(stdout) != 0 || ended;
}

static int follow(struct follower *f, uint64_t bytes)
{
    bool over = false;

    while (!over) {
        bool plenty = false;
        bx_val result = NULL;
        int rc = ask(f, bytes, &result);

        if (rc == BX_OK)
            over = print_answer(f, result, &plenty);
        else if (rc == BX_NOT_FOUND && f->epoch > 0)
            rc = check_gone(f, &over);
        if (rc != BX_OK)
            return run_fail(f->r);
        bytes = 0; /* what the server gives at most */
        if (!over && !plenty)
            poll(NULL, 0, PAUSE_MS);
        if (client_interrupted)
            return bx_code_exit(BX_INTERRUPTED);
    }
    return 0;
}

static int begin_to_follow(struct run *r, uint64_t bytes)
{
    struct follower f = {.r = r};
    bx_val vm;

    if (args_exclude(&r->args, "follow", "previous", &r->err) != BX_OK ||
        args_exclude(&r->args, "follow", "watch", &r->err) != BX_OK)
        return run_fail(r);
    if (r->out.format == OUTPUT_JSON || r->out.format == OUTPUT_YAML)
        return run_fail_with(r, BX_INVALID, "omit --output", "--follow prints text only");
    if (run_read(r, "vm.show", "vm", &vm) != BX_OK)
        return run_fail(r);
    value_text(bx_val_get(vm, "uuid"), VALUE_TEXT, f.uuid, sizeof f.uuid);
    r->stale = true; /* how old the answers are is of no interest */
    return follow(&f, bytes);
}

/* ---- the end of it ---- */

/* The console as it is; as an object only where one was asked for. */
static int print_end(struct run *r, uint64_t bytes)
{
    struct params p = {0};
    unsigned previous = 0;
    bx_val result;
    int rc;

    params_str(&p, "vm", r->arguments[0]);
    params_u64(&p, "bytes", bytes);
    while (args_nth(&r->args, "previous", previous) != NULL)
        previous++;
    if (previous > 0)
        params_u64(&p, "previous", previous);
    run_tenant_params(r, &p);
    run_read_params(r, &p);
    rc = run_call(r, "vm.logs", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (r->out.format == OUTPUT_JSON || r->out.format == OUTPUT_YAML)
        return result_print(r, result);
    print_text(result);
    return 0;
}

int vm_logs(struct run *r)
{
    uint64_t bytes = 0; /* what the server gives at most */

    if (args_size(&r->args, "bytes", 1, &bytes, &r->err) != BX_OK)
        return run_fail(r);
    if (args_has(&r->args, "bytes") && bytes == 0)
        return run_fail_with(r, BX_INVALID, "for example --bytes 16KiB",
                             "--bytes: must be at least 1");
    return args_has(&r->args, "follow") ? begin_to_follow(r, bytes) : print_end(r, bytes);
}
