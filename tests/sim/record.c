/* What the nodes record, on virtual time, each in a recorder of its own. With --trace each event is
 * a line; one is a violation; and a history that goes wrong leaves the newest ones of each node in
 * a file, as a daemon does that dies. */
#include "sim/sim.h"

#include "rec/recfile.h"
#include "rec/text.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define RING 8192u /* words: some 1,500 events of each node */
#define QUEUE 4096u

static struct bx_rec_thread threads[SIM_HOSTS_MAX], world; /* world: outside of all nodes */
static struct sim *recorded;                               /* one at a time in a process */

static uint64_t now_ns(void)
{
    return recorded->now * (1000000000u / SIM_S);
}

/* Behind the time, which sim_trace puts there, too. */
static void show(const struct sim_host *h, const struct bx_recevent *e)
{
    struct bx_buf b = {0};
    const char *text;

    bx_text_event(&b, BX_TEXT_CONSOLE, e);
    bx_must_ok(bx_buf_append(&b, "", 1));
    text = strchr((const char *)b.data, ' ') + 1;
    sim_trace(recorded, h, "%.*s", (int)strcspn(text, "\n"), text);
    bx_buf_release(&b);
}

static void check(const struct sim_host *h, const struct bx_recevent *e)
{
    bool own = strcmp(e->site->target, "propose") == 0 && e->level == BX_LEVEL_WARNING;

    if (own && h != NULL && h->node != NULL && bx_node_level(h->node) >= 2 &&
        bx_str_eq((struct bx_str){e->args[1].p, (uint32_t)e->args[1].n}, bx_str("busy")))
        sim_violation(recorded, "%s found no room for its own command: %.*s", h->name,
                      (int)e->args[2].n, (const char *)e->args[2].p);
}

static void take(void)
{
    uint64_t words[QUEUE];
    size_t n = bx_ring_take(&bx_rec_used()->queue, words, QUEUE);

    for (size_t at = 0; at < n;) {
        struct bx_recevent e;
        size_t size = bx_recevent_read(words + at, n - at, bx_sites(), &e);

        if (size == 0)
            sim_violation(recorded, "a record of the recorder is damaged");
        if (recorded->o.trace)
            show(recorded->inside, &e);
        check(recorded->inside, &e);
        at += size;
    }
}

/* ---- files ---- */

static int write_all(void *ctx, const void *p, size_t n)
{
    return write(*(int *)ctx, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

static void write_file(const struct sim_host *h, const struct bx_rec_thread *t)
{
    static struct bx_recfile_writer w;
    static uint64_t words[RING];
    const struct bx_recfile_meta meta = {.program = bx_str("blixard-sim"),
                                         .version = bx_str("1"),
                                         .reason = bx_str("a violation, or a failed assertion"),
                                         .host = bx_str(h->name),
                                         .node = h->identity.node,
                                         .time_ns = now_ns()};
    const struct bx_recfile_thread about = {.index = t->index,
                                            .name = bx_str(t->name),
                                            .events = t->ring.in.records,
                                            .overwritten = t->ring.in.lost};
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%.400s/sim-%llu-%s.bxr", recorded->o.record,
             (unsigned long long)recorded->o.seed, h->name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    w = (struct bx_recfile_writer){.write = write_all, .ctx = &fd};
    bx_recfile_begin(&w, &meta);
    bx_recfile_put_thread(&w, &about);
    bx_recfile_put_events(&w, t->index, words, bx_ring_copy(&t->ring, words, RING));
    bx_recfile_end(&w);
    close(fd);
    printf("recorded in %s\n", path);
}

void sim_record_write(void)
{
    if (recorded == NULL || recorded->o.record == NULL)
        return;
    for (unsigned i = 0; i < recorded->n_hosts; i++)
        write_file(&recorded->hosts[i], &threads[i]);
    fflush(stdout);
}

static void on_abort(int sig)
{
    signal(sig, SIG_DFL);
    sim_record_write();
    raise(sig);
}

/* ---- open and close ---- */

static void open_thread(struct bx_rec_thread *t, const char *name, uint16_t index)
{
    bx_must_ok(bx_rec_thread_open(t, name, index, RING, QUEUE, now_ns));
    t->wake = take;
}

void sim_record_open(struct sim *s)
{
    struct bx_filter f, ring;

    recorded = s;
    bx_must_ok(bx_filter_parse(&f, s->o.trace ? "debug" : "off,propose=warning", NULL));
    bx_must_ok(bx_filter_parse(&ring, "debug", NULL));
    open_thread(&world, "world", SIM_HOSTS_MAX);
    for (unsigned i = 0; i < SIM_HOSTS_MAX; i++)
        open_thread(&threads[i], s->hosts[i].name, (uint16_t)i);
    bx_rec_filter_ring(&ring);
    bx_rec_filter_queue((const struct bx_filter *[]){&f}, 1);
    bx_rec_use(&world);
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
}

void sim_record_use(const struct sim_host *h)
{
    bx_rec_use(h == NULL ? &world : &threads[h - recorded->hosts]);
}

void sim_record_close(void)
{
    bx_rec_use(NULL);
    bx_rec_thread_close(&world);
    for (unsigned i = 0; i < SIM_HOSTS_MAX; i++)
        bx_rec_thread_close(&threads[i]);
    recorded = NULL;
}
