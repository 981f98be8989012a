/* A VM's configuration, a list of them and a batch of creates: written, read whole, and checked
 * with one field read, in our three forms against JSON libraries. */
#include "bench.h"

#include "codec/flat.h"
#include "codec_forms.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

enum subject { CONFIG, LIST, BATCH };
enum operation { ENCODE, DECODE, ONE };

struct pairing {
    enum subject subject;
    enum operation operation;
    const struct form *own, *ref;
};

struct side {
    const struct form *form;
    struct bx_buf bytes; /* what the form makes of the document */
    uint64_t one;
};

struct codec {
    struct document d;
    enum operation operation;
    struct side own, ref;
    char (*names)[32];
};

static struct bx_vm_config config(const char *name)
{
    static const struct bx_pair labels[] = {
        {{"app", 3}, {"web", 3}}, {{"env", 3}, {"prod", 4}}, {{"tier", 4}, {"1", 1}}};
    struct bx_vm_config c;

    bx_vm_config_init(&c);
    c.name = bx_str(name);
    c.vcpus = 4;
    c.memory_mib = 8192;
    c.disk_gib = 40;
    c.kernel = bx_str("/srv/images/vmlinuz-6.1");
    c.initrd = bx_str("/srv/images/initrd.img-6.1");
    c.cmdline = bx_str("console=ttyS0 root=/dev/vda1 quiet");
    c.labels = (struct bx_pairs){labels, 3};
    c.restart = BX_RESTART_ON_FAILURE;
    return c;
}

static struct bx_cmd_header head(unsigned i)
{
    return (struct bx_cmd_header){.kind = BX_CMD_VM_CREATE,
                                  .level = 1,
                                  .session = {1, 2, 3, 4, 5, 6, 7, 8},
                                  .sequence = i + 1,
                                  .floor = i + 1,
                                  .trace = {9, 10, 11, 12},
                                  .principal = bx_str("operator"),
                                  .tenant = bx_str("default")};
}

static uint32_t field_of(const struct bx_schema *s, const char *name)
{
    uint32_t i = 0;

    while (strcmp(s->fields[i].name, name) != 0)
        i++;
    return i;
}

static void fill(struct document *d, enum subject subject, char (*names)[32])
{
    d->head = subject == BATCH ? &bx_cmd_header_schema : NULL;
    d->body = subject == BATCH ? bx_cmd_schema(BX_CMD_VM_CREATE) : &bx_vm_config_schema;
    d->vcpus = field_of(d->body, "vcpus");
    d->heads = bx_must_calloc(d->n, sizeof *d->heads);
    d->read_heads = bx_must_calloc(d->n, sizeof *d->read_heads);
    d->bodies = bx_must_calloc(d->n, d->body->size);
    d->read_bodies = bx_must_calloc(d->n, d->body->size);
    for (unsigned i = 0; i < d->n; i++) {
        struct bx_vm_config c;

        snprintf(names[i], sizeof names[i], "web-%u", i);
        c = config(names[i]);
        memcpy(document_body(d, d->bodies, i), &c, sizeof c);
        d->heads[i] = head(i);
    }
}

static void between(const struct form *f, bool begin)
{
    void (*fn)(void) = begin ? f->begin : f->end;

    if (fn != NULL)
        fn();
}

static void operate(struct codec *c, struct side *s, uint64_t n)
{
    between(s->form, true);
    while (n-- > 0) {
        if (c->operation == ENCODE)
            s->form->encode(&c->d, &s->bytes);
        else if (c->operation == DECODE)
            s->form->decode(&c->d, &s->bytes);
        else
            s->one = s->form->one(&c->d, &s->bytes);
        bench_use(s);
    }
    between(s->form, false);
}

static void run(void *ctx, uint64_t n)
{
    struct codec *c = ctx;

    operate(c, &c->own, n);
}

static void refer(void *ctx, uint64_t n)
{
    struct codec *c = ctx;

    operate(c, &c->ref, n);
}

static void *open_codec(const struct bench_case *k, unsigned size)
{
    const struct pairing *p = k->arg;
    struct codec *c = bx_must_calloc(1, sizeof *c);

    c->d.n = size;
    c->d.pack = bx_pack_create();
    bench_must(c->d.pack != NULL, "pack");
    c->names = bx_must_calloc(size, sizeof *c->names);
    fill(&c->d, p->subject, c->names);
    c->operation = ENCODE;
    c->own.form = p->own;
    c->ref.form = p->ref;
    if (p->operation != ENCODE) { /* something to read, in buffers that stay as they are */
        run(c, 1);
        refer(c, 1);
    }
    c->operation = p->operation;
    return c;
}

static void close_codec(void *ctx)
{
    struct codec *c = ctx;

    bx_free(c->d.heads);
    bx_free(c->d.read_heads);
    bx_free(c->d.bodies);
    bx_free(c->d.read_bodies);
    bx_free(c->names);
    bx_arena_close(&c->d.arena);
    bx_pack_destroy(c->d.pack);
    bx_buf_release(&c->d.scratch);
    bx_buf_release(&c->own.bytes);
    bx_buf_release(&c->ref.bytes);
    bx_free(c);
}

/* ---- the same? ---- */

static bool same_record(const struct bx_schema *s, const void *a, const void *b)
{
    size_t n = bx_flat_size(s, a);
    uint8_t *x, *y;
    bool same = n == bx_flat_size(s, b);

    if (!same)
        return false;
    x = bx_must_alloc(n);
    y = bx_must_alloc(n);
    bx_flat_write(s, a, x);
    bx_flat_write(s, b, y);
    same = memcmp(x, y, n) == 0;
    bx_free(x);
    bx_free(y);
    return same;
}

static bool reads_back(struct codec *c, struct side *s)
{
    struct document *d = &c->d;
    bool same = true;

    s->form->encode(d, &s->bytes);
    s->form->decode(d, &s->bytes);
    for (unsigned i = 0; same && i < d->n; i++) {
        same = same_record(d->body, document_body(d, d->bodies, i),
                           document_body(d, d->read_bodies, i));
        if (same && d->head != NULL)
            same = same_record(d->head, &d->heads[i], &d->read_heads[i]);
    }
    return same && s->form->one(d, &s->bytes) == 4;
}

static bool is_text(const struct side *s)
{
    return s->bytes.len > 0 && s->bytes.data[0] == '[';
}

/* Both give back what was written; and where both are JSON, they are the same text. */
static bool same_forms(void *ctx)
{
    struct codec *c = ctx;
    bool same;

    between(c->own.form, true);
    same = reads_back(c, &c->own);
    between(c->own.form, false);
    for (unsigned i = 0; i < c->d.n; i++)
        c->d.heads[i].body_hash &= ((uint64_t)1 << 48) - 1; /* what cJSON prints exactly */
    between(c->ref.form, true);
    same = same && reads_back(c, &c->ref);
    between(c->ref.form, false);
    c->own.form->encode(&c->d, &c->own.bytes);
    if (same && is_text(&c->own) && is_text(&c->ref))
        same = c->own.bytes.len == c->ref.bytes.len &&
               memcmp(c->own.bytes.data, c->ref.bytes.data, c->own.bytes.len) == 0;
    return same;
}

/* ---- the cases ---- */

#define CASE(subj, nam, count, oper, verb, mine, other, g)                                         \
    {                                                                                              \
        .name = "codec/" nam "/" verb "-" #mine, .reference = #other,                              \
        .arg = &(const struct pairing){subj, oper, &form_##mine, &form_##other}, .size = (count),  \
        .open = open_codec, .close = close_codec, .run = run, .refer = refer, .same = same_forms,  \
        .goal = (g)                                                                                \
    }
#define OPERATIONS(subj, nam, count, mine, other, e, o, d)                                         \
    CASE(subj, nam, count, ENCODE, "encode", mine, other, e),                                      \
        CASE(subj, nam, count, ONE, "check", mine, other, o),                                      \
        CASE(subj, nam, count, DECODE, "decode", mine, other, d)
#define SUBJECTS(mine, other, e, o, d)                                                             \
    OPERATIONS(CONFIG, "vm-config", 1, mine, other, e, o, d),                                      \
        OPERATIONS(LIST, "list-100", 100, mine, other, e, o, d),                                   \
        OPERATIONS(BATCH, "batch-64", 64, mine, other, e, o, d)

static const struct bench_case cases[] = {
    SUBJECTS(flat, jansson, 40, 100, 20),
    SUBJECTS(msgpack, jansson, 0, 0, 0),
    SUBJECTS(json, jansson, 0, 0, 0),
#ifdef HAVE_CJSON
    SUBJECTS(flat, cjson, 0, 0, 0),
#endif
};
const struct bench_group bench_codec = {cases, sizeof cases / sizeof cases[0]};
