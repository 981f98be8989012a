/* blixardctl - find the command that was typed, and run it. */
#include "command.h"
#include "help.h"
#include "rec/names.h"
#include "rec/rec.h"
#include "record.h"
#include "run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 4u /* "help", and the longest name of a command */

static int help(struct run *r, const char *const *words, unsigned n)
{
    const struct command *c = command_find(words, n);

    if (c != NULL) {
        help_command(c);
        return 0;
    }
    for (unsigned i = 0; command_at(i) != NULL; i++) {
        if (!command_begins_with(command_at(i)->name, words, n))
            continue;
        help_list(words, n);
        return 0;
    }
    command_unknown(words, n, &r->err);
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

/* Words that name no command: help when it was asked for, else the first thing that is wrong. */
static int no_command(struct run *r, int argc, char **argv, const char *const *words, unsigned n)
{
    static const struct flag *const tables[] = {global_flags, NULL};

    if (asks_for_help(argc, argv))
        return help(r, words, n);
    if (n > 0 || args_parse(&r->args, argc, argv, tables, &r->err) == BX_OK)
        command_unknown(words, n, &r->err);
    return run_fail(r);
}

static int dispatch(struct run *r, int argc, char **argv)
{
    const char *words[DEPTH_MAX];
    unsigned n = command_words(argc, argv, words, DEPTH_MAX);
    const struct command *c = command_find(words, n);

    if (c != NULL)
        return run_command(r, c, argc, argv);
    if (n > 0 && strcmp(words[0], "help") == 0)
        return help(r, words + 1, n - 1);
    return no_command(r, argc, argv, words, n);
}

/* Data that was not written is a failure, however well the request went. */
static int flush(struct run *r, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return run_fail_with(r, BX_IO, "check that it is open and the disk is not full",
                         "cannot write to standard output");
}

/* A descriptor that was closed would be taken by the next socket, and output would go there.
 * Opened for the wrong direction, it fails as a closed one does. */
static bool open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd)
            return false;
    }
    return true;
}

static int run(struct run *r, int argc, char **argv)
{
    uint64_t from = record_now_ns();
    int code;

    if (record_open(&r->err) != BX_OK)
        return run_fail(r);
    code = flush(r, dispatch(r, argc, argv));
    BX_INFO("cli", "exit", "code", code, "duration_ns", record_now_ns() - from);
    record_close();
    return code;
}

static void on_interrupt(int sig)
{
    (void)sig;
    client_interrupted = 1;
}

int main(int argc, char **argv)
{
    static char version[] = "version";
    struct sigaction sa = {.sa_handler = on_interrupt};
    static struct run r;
    int rc;

    if (!open_standard_descriptors())
        return bx_code_exit(BX_FAILED);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    sigaction(SIGINT, &sa, NULL);
    if (bx_names_open(0, 0, NULL) == NULL)
        return bx_code_exit(BX_NO_MEMORY);
    rc = run(&r, argc, argv);
    bx_names_close();
    return rc;
}
