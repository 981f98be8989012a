/* blixardctl - what operators type. */
#include "command.h"

#include "mem/alloc.h"
#include "wire/suggest.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define TIMEOUT_MS 10000u
#define WAIT_MS 60000u
#define WATCH_MS 2000

const struct command *const command_tables[] = {
    vm_commands,  node_commands,  cluster_commands, context_commands, mem_commands,
    sql_commands, other_commands, doctor_commands,  bench_commands,   completion_commands,
    NULL,
};
const struct flag read_flags[] = {
    {"watch", NULL, "again every two seconds, until Ctrl-C", NULL},
    {"w", NULL, "the same", "watch"},
    {0},
};

/* ---- errors ---- */

int run_fail(struct run *r)
{
    if (r->err.code == BX_INTERRUPTED) {
        if (r->request_id[0] != '\0') /* a write, and nobody has said yet that it is decided */
            fprintf(stderr,
                    "it was not answered and may have been carried out; to be sure, repeat "
                    "it with --request-id %s\n",
                    r->request_id);
        return 130;
    }
    printable(r->err.msg);
    printable(r->err.hint);
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

void run_read_params(struct run *r, struct params *p)
{
    const char *c = args_get(&r->args, "consistency", NULL);

    if (c != NULL)
        params_str(p, "consistency", c);
}

void run_random_id(char out[33])
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
        bx_err_set(&r->err, BX_INVALID, "--request-id: must be 32 digits, 0-9 and a-f");
        bx_err_hint(&r->err, "any will do; use the same again to repeat a request");
        return BX_INVALID;
    }
    if (id == NULL)
        run_random_id(r->request_id);
    for (unsigned i = 0; id != NULL && i <= 32; i++)
        r->request_id[i] = (char)tolower((unsigned char)id[i]);
    params_str(p, "request_id", r->request_id);
    return BX_OK;
}

int run_call(struct run *r, const char *method, const struct params *p, bx_val *result)
{
    int rc = client_call(&r->client, method, p, r->timeout_ms, result, &r->err);

    if (rc != BX_OK && bx_code_retryable(rc) && r->client.unknown && r->request_id[0] != '\0')
        bx_err_hint(&r->err,
                    "it may have been carried out; to be sure, repeat it with "
                    "--request-id %s",
                    r->request_id);
    return rc;
}

static void on_notification(void *ctx, struct bx_str method, bx_val value)
{
    struct run *r = ctx;
    uint64_t age = 0;

    if (r->quiet || !bx_str_eq(method, bx_str("stale")))
        return;
    bx_val_u64(bx_val_get(value, "age_ms"), &age);
    fprintf(stderr, "stale: %llu ms old\n", (unsigned long long)age);
}

/* ---- finding the command ---- */

static const struct command *find(const char *noun, const char *verb)
{
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (strcmp(c->noun, noun) == 0 &&
                (c->verb[0] == '\0' || (verb != NULL && strcmp(c->verb, verb) == 0)))
                return c;
        }
    }
    return NULL;
}

static bool is_noun(const char *noun)
{
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (c->fn != NULL && strcmp(c->noun, noun) == 0)
                return true;
        }
    }
    return false;
}

static int unknown_command(struct run *r, const char *noun, const char *verb)
{
    bool known = is_noun(noun);
    const char *words[64], *near;
    unsigned n = 0;

    if (known && verb == NULL) {
        bx_err_set(&r->err, BX_INVALID, "%s wants a verb", noun);
        bx_err_hint(&r->err, "blixardctl help %s shows them", noun);
        return run_fail(r);
    }
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL && n < 64; c++) {
            if (c->fn != NULL && (!known || strcmp(c->noun, noun) == 0))
                words[n++] = known ? c->verb : c->noun;
        }
    }
    near = bx_suggest(known ? verb : noun, strlen(known ? verb : noun), words, n);
    if (known)
        bx_err_set(&r->err, BX_INVALID, "%s: unknown command \"%.60s\"", noun, verb);
    else
        bx_err_set(&r->err, BX_INVALID, "unknown command \"%.60s\"", noun);
    if (near != NULL)
        bx_err_hint(&r->err, "did you mean \"%s%s%s\"?", known ? noun : "", known ? " " : "", near);
    else if (known)
        bx_err_hint(&r->err, "blixardctl help %s shows what there is", noun);
    else
        bx_err_hint(&r->err, "blixardctl help shows the commands");
    return run_fail(r);
}

static int not_yet(struct run *r, const struct command *c)
{
    return run_fail_with(r, BX_INVALID, "blixardctl help shows the commands there are",
                         "%s%s%s is not supported yet", c->noun, c->verb[0] ? " " : "", c->verb);
}

static bool wants_value(const struct flag *flags, const char *name)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (strcmp(flags->name, name) == 0)
            return flags->value != NULL;
    }
    return false;
}

/* Of any command: which one it is, is not known before its words are found. */
static bool takes_next(const char *name)
{
    if (wants_value(global_flags, name))
        return true;
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (wants_value(c->flags, name))
                return true;
        }
    }
    return false;
}

/* The nth argument, from 0, that is no flag nor the value of one: flags may stand before the
 * noun. */
static const char *find_word(int argc, char **argv, unsigned nth)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            i += takes_next(argv[i] + strspn(argv[i], "-"));
        else if (nth-- == 0)
            return argv[i];
    }
    return NULL;
}

/* ---- one run ---- */

static int exclude(struct run *r, const char *one, const char *other)
{
    if (!args_has(&r->args, one) || !args_has(&r->args, other))
        return BX_OK;
    bx_err_set(&r->err, BX_INVALID, "--%s and --%s exclude each other", one, other);
    bx_err_hint(&r->err, "leave one out");
    return BX_INVALID;
}

/* What is said here outweighs the environment, that outweighs what is kept in the file. */
static int choose_context(struct run *r, const char **addr, const char **output)
{
    const char *flag = args_get(&r->args, "context", NULL), *env = getenv("BLIXARD_CONTEXT");
    const struct context *x = NULL;
    int rc;

    if (strcmp(r->command->noun, "context") == 0 ||
        (flag == NULL && *addr != NULL && (*addr)[0] != '\0'))
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
    return rc;
}

static int setup(struct run *r)
{
    const char *addr = args_get(&r->args, "addr", getenv("BLIXARD_ADDR"));
    const char *output = args_get(&r->args, "output", getenv("BLIXARD_OUTPUT"));
    const char *timeout = args_get(&r->args, "timeout", NULL);
    const char *consistency = args_get(&r->args, "consistency", NULL);
    /* In the order of enum format. */
    static const char *const outputs[] = {"table", "wide", "csv", "json", "yaml", "name", NULL};
    static const char *const consistencies[] = {"linearizable", "stale", NULL};
    uint8_t choice = 0;
    int rc = choose_context(r, &addr, &output);

    r->timeout_ms = TIMEOUT_MS;
    r->wait_ms = WAIT_MS;
    r->headers = !args_has(&r->args, "no-headers");
    r->quiet = args_has(&r->args, "quiet");
    r->color =
        isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && !args_has(&r->args, "no-color");
    if (rc == BX_OK)
        rc = exclude(r, "wait", "no-wait");
    if (rc == BX_OK)
        rc = exclude(r, "start", "no-start");
    if (rc == BX_OK && output != NULL)
        rc = parse_choice(output, "--output", outputs, &choice, &r->err);
    r->format = (enum format)choice;
    if (rc == BX_OK)
        rc = result_columns(r);
    if (rc == BX_OK && consistency != NULL)
        rc = parse_choice(consistency, "--consistency", consistencies, &choice, &r->err);
    if (rc == BX_OK && timeout != NULL && strcmp(r->command->verb, "stop") != 0) {
        rc = parse_duration(timeout, "--timeout", &r->wait_ms, &r->err);
        if (rc == BX_OK && (r->wait_ms == 0 || r->wait_ms > 600000)) {
            rc = bx_err_set(&r->err, BX_INVALID, "--timeout: must be 1ms to 10m");
            bx_err_hint(&r->err, "write it like 30s");
        }
        r->timeout_ms = r->wait_ms;
    }
    r->addr = addr == NULL || addr[0] == '\0' ? DEFAULT_ADDR : addr;
    if (rc == BX_OK)
        rc = client_init(&r->client, r->addr, &r->err);
    r->client.verbose = args_has(&r->args, "verbose");
    r->client.notify = on_notification;
    r->client.ctx = r;
    return rc;
}

static int check_words(struct run *r, unsigned skip)
{
    const struct command *c = r->command;

    r->words = r->args.words + skip;
    r->n = r->args.n_words - skip;
    if (r->n >= c->min && r->n <= c->max)
        return BX_OK;
    if (r->n < c->min)
        bx_err_set(&r->err, BX_INVALID, "%s%s%s wants %s", c->noun, c->verb[0] ? " " : "", c->verb,
                   c->words);
    else
        bx_err_set(&r->err, BX_INVALID, "\"%.60s\" is one word too many", r->words[c->max]);
    bx_err_hint(&r->err, "blixardctl %s%s%s%s%s", c->noun, c->verb[0] ? " " : "", c->verb,
                c->words[0] ? " " : "", c->words);
    return BX_INVALID;
}

/* What passes, like a lost leader, does not end it. */
static int watch(struct run *r)
{
    for (;;) {
        int code;

        if (isatty(STDOUT_FILENO))
            printf("\033[H\033[2J");
        memset(&r->err, 0, sizeof r->err);
        code = r->command->fn(r);
        if (client_interrupted)
            return 130;
        if (fflush(stdout) != 0 || (code != 0 && !bx_code_retryable(r->err.code)))
            return code;
        poll(NULL, 0, WATCH_MS);
        if (client_interrupted)
            return 130; /* with the last answer still on the screen */
    }
}

static int invoke(struct run *r, int argc, char **argv, const char *noun, const char *verb)
{
    int rc, code;

    r->command = find(noun, verb);
    if (r->command == NULL)
        return unknown_command(r, noun, verb);
    if (r->command->fn == NULL)
        return not_yet(r, r->command);
    rc = args_parse(&r->args, argc, argv, r->command->flags, &r->err);
    if (rc == BX_OK && args_has(&r->args, "help")) {
        help_command(r->command);
        return 0;
    }
    if (rc == BX_OK)
        rc = check_words(r, r->command->verb[0] == '\0' ? 1 : 2);
    if (rc == BX_OK)
        rc = setup(r);
    if (rc != BX_OK)
        code = run_fail(r);
    else
        code = args_has(&r->args, "watch") ? watch(r) : r->command->fn(r);
    client_close(&r->client);
    contexts_close(&r->contexts);
    return code;
}

/* help, help NOUN, help NOUN VERB; the same as --help after those words. */
static int help(struct run *r, const char *noun, const char *verb)
{
    const struct command *c = noun == NULL ? NULL : find(noun, verb);

    if (c != NULL && c->fn == NULL)
        return not_yet(r, c);
    if (c != NULL) {
        help_command(c);
    } else if (noun != NULL && (verb != NULL || !is_noun(noun))) {
        return unknown_command(r, noun, verb);
    } else {
        help_list(noun);
    }
    return 0;
}

/* Data that did not arrive is a failure, however well the request went. */
static int finish(struct run *r, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    bx_err_set(&r->err, BX_IO, "can not write to standard output");
    bx_err_hint(&r->err, "is it closed, or the disk full?");
    return run_fail(r);
}

static void on_interrupt(int sig)
{
    (void)sig;
    client_interrupted = 1;
}

/* Without a noun: help when it was asked for, else the first thing that is wrong. */
static int no_command(struct run *r, int argc, char **argv)
{
    int rc = args_parse(&r->args, argc, argv, NULL, &r->err);

    if (rc == BX_OK && args_has(&r->args, "help"))
        return help(r, NULL, NULL);
    if (rc == BX_OK) {
        bx_err_set(&r->err, BX_INVALID, "no command");
        bx_err_hint(&r->err, "blixardctl help shows the commands");
    }
    return run_fail(r);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

/* A descriptor that was closed is taken by the next socket, and what is printed would go there.
 * Opened the wrong way round, it fails as a closed one does. */
static bool keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static char version[] = "version";
    struct sigaction sa = {.sa_handler = on_interrupt};
    const char *noun, *verb;
    struct run r;
    int code;

    if (!keep_standard_descriptors())
        return bx_code_exit(BX_FAILED);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        argv[1] = version; /* as people try with every program */
    noun = find_word(argc, argv, 0);
    verb = find_word(argc, argv, 1);
    memset(&r, 0, sizeof r);
    r.client.fd = -1;
    sigaction(SIGINT, &sa, NULL);
    if (noun == NULL)
        code = no_command(&r, argc, argv);
    else if (strcmp(noun, "help") == 0)
        code = help(&r, verb, find_word(argc, argv, 2));
    else if (verb == NULL && is_noun(noun) && asks_for_help(argc, argv))
        code = help(&r, noun, NULL);
    else
        code = invoke(&r, argc, argv, noun, verb);
    return finish(&r, code);
}
