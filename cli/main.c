/* blixardctl - what operators type. */
#include "command.h"

#include "config.h"
#include "codec/json.h"
#include "mem/alloc.h"
#include "wire/near.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_ADDR "unix:/run/blixard/blixard.sock"
#define TIMEOUT_MS 10000u
#define WAIT_MS 60000u

static const struct command *const tables[] = {vm_commands, node_commands, cluster_commands,
                                               other_commands};
#define TABLES (sizeof tables / sizeof tables[0])

/* ---- errors ---- */

int run_fail(struct run *r)
{
    if (r->err.code == BX_INTERRUPTED)
        return 130;
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

int run_write_params(struct run *r, struct params *p)
{
    const char *id = args_get(&r->args, "request-id", NULL);
    uint8_t random[16];
    char text[33];

    if (id == NULL) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return bx_err_set(&r->err, BX_FAILED, "no randomness");
        for (int i = 0; i < 16; i++)
            snprintf(text + 2 * i, 3, "%02x", random[i]);
        id = text;
    }
    params_str(p, "request_id", id);
    return BX_OK;
}

int run_call(struct run *r, const char *method, const struct params *p, bx_val *result)
{
    return client_call(&r->client, method, p, r->timeout_ms, result, &r->err);
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

/* ---- help ---- */

static void help_flags(const struct flag *f)
{
    for (; f != NULL && f->name != NULL; f++) {
        char name[64];

        if (f->alias != NULL)
            continue;
        snprintf(name, sizeof name, "--%s%s%s", f->name, f->value == NULL ? "" : " ",
                 f->value == NULL ? "" : f->value);
        printf("  %-28s %s\n", name, f->about);
    }
}

static void help_command(const struct command *c)
{
    printf("usage: blixardctl %s%s%s%s%s [flags]\n\n%s\n", c->noun, c->verb[0] ? " " : "", c->verb,
           c->words[0] ? " " : "", c->words, c->about);
    if (c->flags != NULL) {
        printf("\nflags:\n");
        help_flags(c->flags);
    }
    printf("\nflags of every command:\n");
    help_flags(global_flags);
}

static void help_all(void)
{
    printf("usage: blixardctl NOUN VERB [words] [flags]\n\n");
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->noun != NULL; c++) {
            char text[80];

            snprintf(text, sizeof text, "%s%s%s%s%s", c->noun, c->verb[0] ? " " : "", c->verb,
                     c->words[0] ? " " : "", c->words);
            printf("  %-32s %s\n", text, c->about);
        }
    }
    printf("\nflags of every command:\n");
    help_flags(global_flags);
    printf("\nblixardctl help NOUN VERB shows the flags of one. The address comes from --addr,\n"
           "else BLIXARD_ADDR, else %s.\n", DEFAULT_ADDR);
}

/* ---- finding the command ---- */

static const struct command *find(const char *noun, const char *verb)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->noun != NULL; c++) {
            if (strcmp(c->noun, noun) == 0 &&
                (c->verb[0] == '\0' || (verb != NULL && strcmp(c->verb, verb) == 0)))
                return c;
        }
    }
    return NULL;
}

static int unknown_command(struct run *r, const char *noun, const char *verb)
{
    const char *words[64], *near;
    bool known = false;
    unsigned n = 0;

    for (size_t t = 0; t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->noun != NULL; c++)
            known = known || strcmp(c->noun, noun) == 0;
    }
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->noun != NULL && n < 64; c++) {
            if (!known || strcmp(c->noun, noun) == 0)
                words[n++] = known ? c->verb : c->noun;
        }
    }
    if (known && verb == NULL)
        return run_fail_with(r, BX_INVALID, "blixardctl help shows what it can do",
                             "%s: what about it?", noun);
    near = bx_near_find(known ? verb : noun, strlen(known ? verb : noun), words, n);
    bx_err_set(&r->err, BX_INVALID, known ? "%s: unknown command \"%.60s\"" :
               "unknown command \"%.60s\"", known ? noun : noun, known ? verb : "");
    if (!known)
        bx_err_set(&r->err, BX_INVALID, "unknown command \"%.60s\"", noun);
    if (near != NULL)
        bx_err_hint(&r->err, "did you mean \"%s%s%s\"?", known ? noun : "", known ? " " : "", near);
    else
        bx_err_hint(&r->err, "blixardctl help shows the commands");
    return run_fail(r);
}

/* The first two arguments that are no flags nor values of flags: flags may stand before the noun. */
static void find_words(int argc, char **argv, const char **noun, const char **verb)
{
    *noun = *verb = NULL;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + strspn(argv[i], "-");

        if (argv[i][0] != '-') {
            if (*noun == NULL) {
                *noun = argv[i];
            } else {
                *verb = argv[i];
                return;
            }
            continue;
        }
        for (const struct flag *f = global_flags; f->name != NULL; f++) {
            if (strcmp(f->name, name) == 0 && f->value != NULL)
                i++;
        }
    }
}

/* ---- one run ---- */

static int setup(struct run *r)
{
    const char *addr = args_get(&r->args, "addr", getenv("BLIXARD_ADDR"));
    const char *output = args_get(&r->args, "output", getenv("BLIXARD_OUTPUT"));
    const char *timeout = args_get(&r->args, "timeout", NULL);
    const char *consistency = args_get(&r->args, "consistency", NULL);
    static const char *const outputs[] = {"table", "json", NULL};
    static const char *const consistencies[] = {"linearizable", "stale", NULL};
    uint8_t choice = 0;
    int rc = BX_OK;

    r->timeout_ms = TIMEOUT_MS;
    r->wait_ms = WAIT_MS;
    r->headers = !args_has(&r->args, "no-headers");
    r->quiet = args_has(&r->args, "quiet");
    if (output != NULL)
        rc = parse_choice(output, "--output", outputs, &choice, &r->err);
    r->json = choice == 1;
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
    if (rc == BX_OK)
        rc = client_init(&r->client, addr == NULL || addr[0] == '\0' ? DEFAULT_ADDR : addr,
                         &r->err);
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
        bx_err_set(&r->err, BX_INVALID, "%s %s wants %s", c->noun, c->verb, c->words);
    else
        bx_err_set(&r->err, BX_INVALID, "\"%.60s\" is one word too many", r->words[c->max]);
    bx_err_hint(&r->err, "blixardctl %s%s%s %s", c->noun, c->verb[0] ? " " : "", c->verb, c->words);
    return BX_INVALID;
}

static int invoke(struct run *r, int argc, char **argv, const char *noun, const char *verb)
{
    int rc, code;

    r->command = find(noun, verb);
    if (r->command == NULL)
        return unknown_command(r, noun, verb);
    rc = args_parse(&r->args, argc, argv, r->command->flags, &r->err);
    if (rc == BX_OK && args_has(&r->args, "help")) {
        help_command(r->command);
        return 0;
    }
    if (rc == BX_OK)
        rc = check_words(r, r->command->verb[0] == '\0' ? 1 : 2);
    if (rc == BX_OK)
        rc = setup(r);
    code = rc == BX_OK ? r->command->fn(r) : run_fail(r);
    client_close(&r->client);
    return code;
}

static int help(int argc, char **argv)
{
    const struct command *c = argc > 2 ? find(argv[2], argc > 3 ? argv[3] : NULL) : NULL;

    if (c != NULL)
        help_command(c);
    else
        help_all();
    return 0;
}

static void on_interrupt(int sig)
{
    (void)sig;
    client_interrupted = 1;
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = on_interrupt};
    const char *noun, *verb;
    struct run r;

    memset(&r, 0, sizeof r);
    r.client.fd = -1;
    sigaction(SIGINT, &sa, NULL);
    find_words(argc, argv, &noun, &verb);
    if (noun == NULL) {
        bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

        if (asked || argc == 1)
            help_all();
        if (argc > 1 && !asked) {
            if (args_parse(&r.args, argc, argv, NULL, &r.err) == BX_OK) {
                bx_err_set(&r.err, BX_INVALID, "no command");
                bx_err_hint(&r.err, "blixardctl help shows the commands");
            }
            return run_fail(&r);
        }
        return asked ? 0 : 2;
    }
    if (strcmp(noun, "help") == 0)
        return help(argc, argv);
    return invoke(&r, argc, argv, noun, verb);
}
