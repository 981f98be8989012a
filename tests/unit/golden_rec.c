#include "unit/golden_priv.h"

#include "mem/alloc.h"
#include "rec/recfile.h"

#define WORDS (6u * BX_RECEVENT_WORDS)
#define TIME_NS UINT64_C(1732885200123456789)

static struct bx_site connected = {
    .target = "node",
    .message = "connected",
    .file = "libcore/node/node.c",
    .line = 17,
    .id = 0,
    .level = BX_LEVEL_INFO,
    .n = 6,
    .fields = {{"node", BX_ARG_U64},
               {"address", BX_ARG_STR},
               {"again", BX_ARG_BOOL},
               {"lag", BX_ARG_I64},
               {"load", BX_ARG_F64},
               {"vm", BX_ARG_UUID}},
};
static struct bx_site line = {
    .target = "raft",
    .file = "libcore/rec/rec.c",
    .line = 90,
    .id = 1,
    .level = BX_LEVEL_WARNING,
    .n = 1,
    .fields = {{"msg", BX_ARG_STR}},
};
static struct bx_site *sites[] = {&connected, &line};

static int append(void *ctx, const void *p, size_t n)
{
    return bx_buf_append(ctx, p, n);
}

static size_t make_events(uint64_t *words)
{
    static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const char text[] = "a heartbeat, a heartbeat, a heartbeat, a heartbeat, a heartbeat";
    struct bx_recevent e = {.time_ns = TIME_NS, .thread = 3, .seq = 7, .trace = 0xabcdef};
    const struct bx_arg args[] = {bx_arg_u64(2),   bx_arg_text("127.0.0.1:7000"),
                                  bx_arg_u64(1),   bx_arg_i64(-5),
                                  bx_arg_f64(0.5), bx_arg_uuid(bx_uuid(uuid))};
    const struct bx_arg only = bx_arg_text(text);
    size_t n = bx_recevent_write(words, &connected, &e, args);

    e.time_ns++;
    e.seq++;
    e.trace = 0;
    return n + bx_recevent_write(words + n, &line, &e, &only);
}

static int make(struct bx_buf *out, enum bx_recfile_form form, struct bx_sites of,
                const uint64_t *words, size_t n)
{
    const struct bx_recfile_meta meta = {.program = bx_str("blixardd"),
                                         .version = bx_str("0.9.0"),
                                         .reason = bx_str("crash"),
                                         .host = bx_str("host1"),
                                         .build = {"\x01\x02\x03\x04", 4},
                                         .node = 3,
                                         .time_ns = TIME_NS + 2,
                                         .pid = 4711};
    const struct bx_recfile_thread t = {3, bx_str("loop"), 900, 898, 5, 1};
    struct bx_recfile_writer *w = bx_must_calloc(1, sizeof *w);
    int rc;

    w->write = append;
    w->ctx = out;
    w->form = form;
    w->sites = of;
    bx_recfile_begin(w, &meta);
    bx_recfile_put_thread(w, &t);
    bx_recfile_put_events(w, 3, words, n);
    rc = bx_recfile_end(w);
    bx_free(w);
    return rc;
}

static int make_two(struct bx_buf *out, enum bx_recfile_form form)
{
    static uint64_t words[WORDS];

    return make(out, form, (struct bx_sites){sites, 2}, words, make_events(words));
}

int golden_recorder_plain(struct bx_buf *out)
{
    return make_two(out, BX_RECFILE_PLAIN);
}

int golden_recorder_packed(struct bx_buf *out)
{
    return make_two(out, BX_RECFILE_PACKED);
}

int golden_recorder_archive(struct bx_buf *out)
{
    return make_two(out, BX_RECFILE_ARCHIVE);
}

/* ---- a crash ---- */

static struct bx_site began = {.target = "request",
                               .message = "began",
                               .file = "request.c",
                               .id = 0,
                               .level = BX_LEVEL_DEBUG,
                               .n = 2,
                               .fields = {{"span", BX_ARG_U64}, {"method", BX_ARG_STR}}};
static struct bx_site step = {.target = "request",
                              .message = "step",
                              .file = "request.c",
                              .id = 1,
                              .level = BX_LEVEL_DEBUG,
                              .n = 2,
                              .fields = {{"span", BX_ARG_U64}, {"step", BX_ARG_STR}}};
static struct bx_site ended = {.target = "request",
                               .message = "ended",
                               .file = "request.c",
                               .id = 2,
                               .level = BX_LEVEL_DEBUG,
                               .n = 2,
                               .fields = {{"span", BX_ARG_U64}, {"code", BX_ARG_I64}}};
static struct bx_site fatal = {.target = "crash",
                               .message = "fatal signal",
                               .file = "crash.c",
                               .id = 3,
                               .level = BX_LEVEL_ERROR,
                               .n = 2,
                               .fields = {{"signal", BX_ARG_I64}, {"address", BX_ARG_STR}}};
static struct bx_site frame = {.target = "stack",
                               .message = "frame",
                               .file = "stack.c",
                               .id = 4,
                               .level = BX_LEVEL_ERROR,
                               .n = 2,
                               .fields = {{"object", BX_ARG_STR}, {"offset", BX_ARG_STR}}};
static struct bx_site *crash_sites[] = {&began, &step, &ended, &fatal, &frame};

/* The request 2 has ended. */
int golden_crash(struct bx_buf *out)
{
    static uint64_t words[WORDS];
    const struct {
        const struct bx_site *site;
        struct bx_arg args[2];
    } events[] = {{&began, {bx_arg_u64(1), bx_arg_text("vm.create")}},
                  {&began, {bx_arg_u64(2), bx_arg_text("vm.list")}},
                  {&step, {bx_arg_u64(1), bx_arg_text("proposed")}},
                  {&ended, {bx_arg_u64(2), bx_arg_i64(0)}},
                  {&fatal, {bx_arg_i64(11), bx_arg_text("0x10")}},
                  {&frame, {bx_arg_text("blixardd"), bx_arg_text("0xabc")}}};
    size_t n = 0;

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct bx_recevent e = {
            .time_ns = TIME_NS + i, .thread = 3, .seq = (uint32_t)i, .trace = 9};

        n += bx_recevent_write(words + n, events[i].site, &e, events[i].args);
    }
    return make(out, BX_RECFILE_PLAIN, (struct bx_sites){crash_sites, 5}, words, n);
}

/* Not bytes of a format, but seeds of a fuzzer (fuzz_log_query). */
int golden_log_query(struct bx_buf *out)
{
    static const char text[] = "ftrace,raft=debug,vm=info,api=off,vm=web-1\n"
                               "wms<=-2.5\nwx>=0.5\nwvm~eb\nwvm!=web-2\nwmsg=started\n"
                               "t0123456789abcdef0123456789abcdef\n"
                               "s2024-11-29T13:00:00.123Z\ns90s\n"
                               "btarget,level,site,vm\n";

    return bx_buf_append(out, text, sizeof text - 1);
}

int golden_filter(struct bx_buf *out)
{
    static const char text[] = "info,raft=debug,api=off,vm=web1,vm=\"web 2\"";

    return bx_buf_append(out, text, sizeof text - 1);
}
