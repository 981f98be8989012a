#include "run.h"

#include "help.h"
#include "parse.h"
#include "rec/rec.h"
#include "secret.h"
#include "tls.h"

#include <ctype.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define TIMEOUT_MS 10000u
#define WAIT_MS 60000u
#define WAIT_MAX_MS 600000u /* what the server accepts */
#define WATCH_MS 2000
#define WHAT_SIZE 1024u

/* ---- errors ---- */

int run_fail(struct run *r)
{
    if (r->err.code == BX_INTERRUPTED) {
        r->done = false;
        if (r->request_id[0] != '\0') /* a write without an answer */
            fprintf(stderr,
                    "interrupted: the request may have been carried out; to make sure, "
                    "repeat it with --request-id %s\n",
                    r->request_id);
        return bx_code_exit(BX_INTERRUPTED);
    }
    value_make_printable(r->err.msg);
    value_make_printable(r->err.hint);
    fprintf(stderr, "error: %s\n", r->err.msg);
    if (r->err.hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", r->err.hint);
    return bx_code_exit(r->err.code);
}

int run_fail_with(struct run *r, int code, const char *hint, const char *fmt, ...)
{
    char text[BX_ERR_MSG];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    bx_err_set(&r->err, code, "%s", text);
    bx_err_hint(&r->err, "%s", hint);
    return run_fail(r);
}

/* ---- requests ---- */

const char *run_tenant(const struct run *r)
{
    if (args_has(&r->args, "all-tenants"))
        return NULL;
    return args_get(&r->args, "tenant", r->tenant);
}

void run_tenant_params(struct run *r, struct params *p)
{
    const char *tenant = run_tenant(r);

    if (r->command->of_tenants && tenant != NULL) /* not known to older daemons */
        params_str(p, "tenant", tenant);
}

void run_read_params(struct run *r, struct params *p)
{
    const char *c = args_get(&r->args, "consistency", NULL);

    if (c != NULL)
        params_str(p, "consistency", c);
}

void run_random_id(char out[REQUEST_ID_SIZE])
{
    uuid_t id;

    uuid_generate_random(id);
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}

int run_write_params(struct run *r, struct params *p)
{
    const char *id = args_get(&r->args, "request-id", NULL);

    if (id != NULL && (strlen(id) != 32 || strspn(id, "0123456789abcdefABCDEF") != 32)) {
        bx_err_set(&r->err, BX_INVALID, "--request-id: must be 32 hex digits");
        bx_err_hint(&r->err, "use a random one, and the same one to repeat the request");
        return BX_INVALID;
    }
    if (id == NULL && r->request_id[0] == '\0')
        run_random_id(r->request_id);
    for (unsigned i = 0; id != NULL && i <= 32; i++)
        r->request_id[i] = (char)tolower((unsigned char)id[i]);
    params_request_id(p, r->request_id);
    return BX_OK;
}

int run_call(struct run *r, const char *method, const struct params *p, bx_val *result)
{
    int rc = client_call(&r->client, method, p, r->timeout_ms, result, &r->err);

    if (client_mutates(method)) {
        r->unclear |= r->client.sent != 1 || rc == BX_INTERRUPTED || bx_code_retryable(rc);
        r->done = r->request_id[0] != '\0' && !args_has(&r->args, "request-id") && !r->unclear;
    }
    if (r->request_id[0] == '\0')
        return rc;
    if (rc == BX_NO_LEADER || rc == BX_SHUTDOWN)
        bx_err_hint(&r->err, "to make sure, repeat it with --request-id %s", r->request_id);
    else if (rc != BX_OK && bx_code_retryable(rc) && r->client.unknown)
        bx_err_hint(&r->err,
                    "the request may have been carried out; to make sure, repeat it with "
                    "--request-id %s",
                    r->request_id);
    return rc;
}

int run_read(struct run *r, const char *method, const char *key, bx_val *result)
{
    struct params p = {0};
    int rc;

    if (key != NULL)
        params_str(&p, key, r->arguments[0]);
    run_tenant_params(r, &p);
    run_read_params(r, &p);
    rc = run_call(r, method, &p, result);
    params_close(&p);
    return rc;
}

bool run_waits(const struct run *r)
{
    return !args_has(&r->args, "no-wait");
}

static void on_notification(void *ctx, struct bx_str method, bx_val value)
{
    struct run *r = ctx;
    uint64_t age = 0;

    if (r->quiet || r->stale || !bx_str_eq(method, bx_str("stale")))
        return;
    r->stale = true;
    bx_val_u64(bx_val_get(value, "age_ms"), &age);
    fprintf(stderr, "stale: %llu ms old\n", (unsigned long long)age);
}

/* ---- setting up ---- */

/* As an empty value of a flag, an empty argument is what a script passes whose variable is not set.
 * "diag delete ''" must not be "diag delete" of everything. */
static int check_words(struct run *r)
{
    for (unsigned i = 0; i < r->n_arguments; i++) {
        if (r->arguments[i][0] != '\0')
            continue;
        bx_err_set(&r->err, BX_INVALID, "%s: argument %u is empty", r->command->name, i + 1);
        bx_err_hint(&r->err, "is a variable of a script not set?");
        return BX_INVALID;
    }
    return BX_OK;
}

static int set_arguments(struct run *r)
{
    const struct command *c = r->command;
    unsigned depth = command_depth(c), min = 0, max = 0;
    bool many = false;
    char usage[128];

    r->arguments = r->args.words + depth;
    r->n_arguments = r->args.n_words - depth;
    for (; c->arguments[max].name != NULL; max++)
        min +=
            !c->arguments[max].optional && !(c->arguments[max].many && args_has(&r->args, "all"));
    many = max > 0 && c->arguments[max - 1].many;
    if (many)
        max = ARGS_MAX;
    if (r->n_arguments >= min && r->n_arguments <= max)
        return check_words(r);
    if (r->n_arguments < min)
        bx_err_set(&r->err, BX_INVALID, "%s: missing argument %s", c->name,
                   c->arguments[r->n_arguments].name);
    else
        bx_err_set(&r->err, BX_INVALID, "%s: unexpected argument \"%.60s\"", c->name,
                   r->arguments[max]);
    command_usage(c, usage, sizeof usage);
    bx_err_hint(&r->err, "usage: blixardctl %s%s", usage, many ? ", or --all" : "");
    return BX_INVALID;
}

/* A flag overrides the environment, which overrides the context. */
static int choose_context(struct run *r, const char **addr, const char **output,
                          const struct context **chosen)
{
    const char *flag = args_get(&r->args, "context", NULL), *env = getenv("BLIXARD_CONTEXT");
    const struct context *x = NULL;
    int rc;

    if (r->command->offline || (flag == NULL && *addr != NULL && (*addr)[0] != '\0'))
        return BX_OK;
    if (env != NULL && env[0] == '\0')
        env = NULL;
    rc = contexts_load(&r->contexts, &r->err);
    if (rc == BX_OK)
        rc = contexts_find(&r->contexts, flag != NULL ? flag : env, &x, &r->err);
    if (x == NULL)
        return rc;
    if (!args_has(&r->args, "addr"))
        *addr = x->addr;
    if (*output == NULL)
        *output = x->output;
    *chosen = x;
    r->tenant = x->tenant;
    return rc;
}

static int set_output(struct run *r, const char *output)
{
    const char *columns = args_get(&r->args, "columns", NULL);
    uint8_t choice = OUTPUT_TABLE;
    int rc = BX_OK;

    r->quiet = args_has(&r->args, "quiet");
    r->out.headers = !args_has(&r->args, "no-headers");
    r->out.color =
        isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && !args_has(&r->args, "no-color");
    if (output != NULL)
        rc = parse_choice(output, "--output", output_format_names, &choice, &r->err);
    r->out.format = (enum output_format)choice;
    return rc == BX_OK ? output_choose_columns(&r->out, r->command->columns, columns, &r->err) : rc;
}

/* --timeout is of the request and of the wait, unless the command has one of its own. */
static int set_timeouts(struct run *r)
{
    uint64_t ms = 0;
    int rc;

    r->timeout_ms = TIMEOUT_MS;
    r->wait_ms = WAIT_MS;
    if (flag_find(r->command->flags, "timeout", strlen("timeout")) != NULL ||
        !args_has(&r->args, "timeout"))
        return BX_OK;
    rc = args_duration(&r->args, "timeout", &ms, &r->err);
    if (rc == BX_OK && (ms == 0 || ms > WAIT_MAX_MS)) {
        rc = bx_err_set(&r->err, BX_INVALID, "--timeout: must be between 1ms and 10m");
        bx_err_hint(&r->err, "for example --timeout 30s");
    }
    r->timeout_ms = r->wait_ms = ms;
    return rc;
}

static bool uses_tcp(const struct client *c)
{
    unsigned i = 0;

    while (i < c->n && connect_is_local(c->addresses[i]))
        i++;
    return i < c->n;
}

static int set_client(struct run *r, const char *addr, const struct context *x)
{
    int rc;

    r->addr = addr == NULL || addr[0] == '\0' ? DEFAULT_ADDR : addr;
    rc = client_init(&r->client, r->addr, &r->err);
    if (rc == BX_INVALID && !args_has(&r->args, "addr")) /* of the environment or a context */
        rc = r->err.code = BX_UNREACHABLE;
    bx_rec_trace(r->client.traced);
    BX_DEBUG("cli", "running", "command", r->command->name, "addr", r->addr, "trace_id",
             r->client.trace);
    r->client.verbose = args_has(&r->args, "verbose");
    if (r->client.verbose)
        fprintf(stderr, "trace id: %s\n", r->client.trace);
    r->client.notify = on_notification;
    r->client.ctx = r;
    if (rc == BX_OK && !r->command->offline && uses_tcp(&r->client))
        rc = secret_choose_tls(r, x, &r->tls);
    r->client.tls = r->tls;
    return rc;
}

static int set_up(struct run *r)
{
    const char *addr = args_get(&r->args, "addr", getenv("BLIXARD_ADDR"));
    const char *output = args_get(&r->args, "output", getenv("BLIXARD_OUTPUT"));
    const struct context *x = NULL;
    char token[SECRET_TEXT] = "";
    uint8_t consistency;
    int rc = set_arguments(r);

    if (rc == BX_OK)
        rc = choose_context(r, &addr, &output, &x);
    if (rc == BX_OK)
        rc = args_exclude(&r->args, "wait", "no-wait", &r->err);
    if (rc == BX_OK)
        rc = args_exclude(&r->args, "tenant", "all-tenants", &r->err);
    if (rc == BX_OK)
        rc = set_output(r, output);
    if (rc == BX_OK)
        rc = args_choice(&r->args, "consistency", &consistency, &r->err);
    if (rc == BX_OK)
        rc = set_timeouts(r);
    if (rc == BX_OK && !r->command->offline)
        rc = secret_choose(r, x == NULL ? NULL : x->token_file, token);
    if (rc == BX_OK)
        rc = set_client(r, addr, x);
    memcpy(r->client.token, token, sizeof token);
    return rc;
}

/* ---- running ---- */

int run_client(const struct run *r, struct client *c, const char *addresses, struct bx_err *err)
{
    int rc = client_init(c, addresses, err);

    memcpy(c->token, r->client.token, sizeof c->token);
    c->tls = r->tls;
    return rc;
}

int run_confirm(struct run *r, const char *what)
{
    const char *verb = strrchr(r->command->name, ' ') + 1;
    char answer[16] = "";

    if (!r->command->destructive || args_has(&r->args, "yes"))
        return BX_OK;
    fprintf(stderr, "%s %s? [y/N] ", verb, what);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return BX_OK;
    if (client_interrupted)
        return bx_err_set(&r->err, BX_INTERRUPTED, "interrupted");
    return bx_err_set(&r->err, BX_FAILED, "not confirmed: nothing was changed");
}

/* Ask before something is destroyed; "vm delete web-1 web-2" asks "delete web-1, web-2?". With
 * --all the command asks, once it knows what it is about. */
static int confirm(struct run *r)
{
    char what[WHAT_SIZE] = "";
    size_t at = 0;

    if (!r->command->destructive || args_has(&r->args, "yes"))
        return BX_OK;
    if (!isatty(STDIN_FILENO)) {
        bx_err_set(&r->err, BX_INVALID, "standard input is not a terminal: pass --yes");
        bx_err_hint(&r->err, "blixardctl %s ... --yes", r->command->name);
        return BX_INVALID;
    }
    for (unsigned i = 0; i < r->n_arguments && at < sizeof what; i++)
        at += (size_t)snprintf(what + at, sizeof what - at, "%s%.64s", i == 0 ? "" : ", ",
                               r->arguments[i]);
    return r->n_arguments == 0 ? BX_OK : run_confirm(r, what);
}

/* An error that may pass, such as a lost leader, does not end it. */
static int watch(struct run *r)
{
    for (;;) {
        int code;

        if (isatty(STDOUT_FILENO))
            printf("\033[H\033[2J");
        memset(&r->err, 0, sizeof r->err);
        r->stale = false;
        code = r->command->run(r);
        if (client_interrupted)
            return bx_code_exit(BX_INTERRUPTED);
        if (fflush(stdout) != 0 || (code != 0 && !bx_code_retryable(r->err.code)))
            return code;
        poll(NULL, 0, WATCH_MS);
        if (client_interrupted)
            return bx_code_exit(BX_INTERRUPTED); /* the last answer stays on the screen */
    }
}

/* The id was made up for this call, and will not be used again: its outcome need not be kept. */
static void end_request(struct run *r)
{
    struct params p = {0};

    if (!r->done)
        return;
    params_request_id(&p, r->request_id);
    client_post(&r->client, "sys.done", &p);
    params_close(&p);
}

int run_command(struct run *r, const struct command *c, int argc, char **argv)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];
    int rc, code;

    r->command = c;
    r->client.conn.fd = -1;
    command_flags(c, tables);
    rc = args_parse(&r->args, argc, argv, tables, &r->err);
    if (rc == BX_OK && args_has(&r->args, "help")) {
        help_command(c);
        return 0;
    }
    if (rc == BX_OK)
        rc = set_up(r);
    if (rc == BX_OK)
        rc = confirm(r);
    if (rc != BX_OK)
        code = run_fail(r);
    else
        code = args_has(&r->args, "watch") ? watch(r) : c->run(r);
    end_request(r);
    client_close(&r->client);
    client_tls_destroy(r->tls);
    r->tls = NULL;
    contexts_close(&r->contexts);
    return code;
}
