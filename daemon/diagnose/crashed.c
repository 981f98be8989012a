/* crashed - the envelope of a crash, or of an error that ended the daemon, made by its next start.
 *
 * The handler of a crash only writes the recorder's rings (sys/crash.h). Requests record when they
 * begin, take a step and end (request.c); those of them that have not ended were in flight, and
 * what they and the events of their trace tell are the breadcrumbs of the event. A supervisor of a
 * VM has no requests: all that it recorded are the breadcrumbs of its crash. The file itself is
 * attached, and its last events are a list of log lines. */
#include "diagnose/priv.h"

#include "mem/alloc.h"
#include "mem/map.h"
#include "rec/recfile.h"
#include "rec/text.h"
#include "sys/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS 2048u
#define LOG_NS 10000000u /* log lines are those of so long before the crash, */
#define LOG_LINES 100u   /* and the last so many */
#define VALUE 256u       /* bytes of a value */

struct flight {
    uint64_t span, trace;
    struct bx_scope *scope;
    char method[64];
};

struct crash {
    struct bx_recfile file;
    struct bx_scopes scopes;
    struct flight *flights; /* those behind the last one have empty scopes, or none yet */
    uint32_t n_flights;
    uint64_t frames[BX_REPORT_FRAMES], newest_ns;
    uint64_t times[LOG_LINES]; /* of the newest events */
    uint32_t n_times, oldest;  /* which of them */
    uint32_t n_frames;
    int64_t signal;
    char code[32];          /* of the error that ended it; empty: a signal did */
    char cause[BX_ERR_MSG]; /* of the signal: an address, or a process; or the error's text */
    bool nameless;
    bool supervisor; /* blixard-vm, whose events are one flight */
    char text[BX_CRUMB_TEXT];
};

/* ---- what the events tell ---- */

static const struct bx_arg *field(const struct bx_recevent *e, const char *key)
{
    for (uint8_t i = 0; i < e->n; i++)
        if (strcmp(e->site->fields[i].key, key) == 0)
            return &e->args[i];
    return NULL;
}

static struct bx_str text_field(const struct bx_recevent *e, const char *key)
{
    for (uint8_t i = 0; i < e->n; i++)
        if (strcmp(e->site->fields[i].key, key) == 0 && e->site->fields[i].type == BX_ARG_STR)
            return (struct bx_str){e->args[i].p, (uint32_t)e->args[i].n};
    return (struct bx_str){"", 0};
}

static bool is(const struct bx_recevent *e, const char *target, const char *message)
{
    return strcmp(e->site->target, target) == 0 && e->site->message != NULL &&
           strcmp(e->site->message, message) == 0;
}

static struct flight *find_span(struct crash *c, uint64_t span)
{
    for (uint32_t i = c->n_flights; i-- > 0;)
        if (c->flights[i].span == span)
            return &c->flights[i];
    return NULL;
}

/* A request whose beginning was overwritten is known by its steps. */
static struct flight *flight_of(struct crash *c, uint64_t span)
{
    struct flight *f = find_span(c, span);

    if (f == NULL && c->n_flights < FLIGHTS) {
        f = &c->flights[c->n_flights++];
        *f = (struct flight){.span = span, .scope = f->scope};
        if (f->scope == NULL)
            f->scope = bx_scope_push(&c->scopes, NULL);
    }
    return f;
}

static void end_flight(struct crash *c, uint64_t span)
{
    struct flight *f = find_span(c, span), ended;

    if (f == NULL)
        return;
    ended = *f;
    *f = c->flights[--c->n_flights];
    bx_scope_clear(ended.scope);
    c->flights[c->n_flights] = ended;
}

static void add_crumb(struct flight *f, const struct bx_recevent *e, struct bx_str category,
                      struct bx_str message)
{
    struct bx_crumb crumb = {.time_ns = e->time_ns,
                             .level = e->level <= BX_LEVEL_ERROR     ? BX_SEVERITY_ERROR
                                      : e->level <= BX_LEVEL_WARNING ? BX_SEVERITY_WARNING
                                      : e->level <= BX_LEVEL_INFO    ? BX_SEVERITY_INFO
                                                                     : BX_SEVERITY_DEBUG,
                             .category = category,
                             .message = message};

    bx_scope_crumbs(f->scope, &crumb, 1);
}

static void take_request(struct crash *c, const struct bx_recevent *e)
{
    const struct bx_arg *span = field(e, "span");
    struct bx_str method = text_field(e, "method"), step = text_field(e, "step");
    struct flight *f;

    if (span == NULL)
        return;
    if (is(e, "request", "ended")) {
        end_flight(c, span->u);
        return;
    }
    f = flight_of(c, span->u);
    if (f == NULL)
        return;
    if (e->trace != 0)
        f->trace = e->trace;
    if (method.n > 0)
        snprintf(f->method, sizeof f->method, "%.*s", (int)method.n, method.p);
    add_crumb(f, e, bx_str("request"), step.n > 0 ? step : bx_str("began"));
}

static struct bx_str message_of(const struct bx_recevent *e)
{
    if (e->site->message != NULL)
        return bx_str(e->site->message);
    return e->n == 0 ? bx_str("") : (struct bx_str){e->args[0].p, (uint32_t)e->args[0].n};
}

/* Frames that came before are those of a stall. */
static void take_signal(struct crash *c, const struct bx_recevent *e)
{
    const struct bx_arg *signal = field(e, "signal"), *sender = field(e, "sender");
    struct bx_str address = text_field(e, "address");

    c->signal = signal == NULL ? 0 : signal->i;
    c->n_frames = 0;
    if (address.n > 0)
        snprintf(c->cause, sizeof c->cause, "address " BX_STR_FMT, BX_STR_ARG(address));
    else if (sender != NULL)
        snprintf(c->cause, sizeof c->cause, "sent by process %lld", (long long)sender->i);
}

static void take_fatal(struct crash *c, const struct bx_recevent *e)
{
    struct bx_str code = text_field(e, "code"), text = text_field(e, "err");

    c->n_frames = 0;
    snprintf(c->code, sizeof c->code, BX_STR_FMT, BX_STR_ARG(code));
    snprintf(c->cause, sizeof c->cause, BX_STR_FMT, BX_STR_ARG(text));
}

/* The build id of the envelope is the program's, so offsets in other objects have no meaning there;
 * the attached file has them. */
static void take_frame(struct crash *c, const struct bx_recevent *e)
{
    struct bx_str offset = text_field(e, "offset");
    char text[24];

    if (!bx_str_eq(text_field(e, "object"), c->file.meta.program) ||
        c->n_frames == BX_REPORT_FRAMES)
        return;
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(offset));
    c->frames[c->n_frames++] = strtoull(text, NULL, 16);
}

/* The file has the events of one thread after those of another. */
static void note_time(struct crash *c, uint64_t time_ns)
{
    if (c->n_times == LOG_LINES && time_ns <= c->times[c->oldest])
        return;
    c->times[c->n_times < LOG_LINES ? c->n_times++ : c->oldest] = time_ns;
    for (uint32_t i = 0; i < c->n_times; i++)
        c->oldest = c->times[i] < c->times[c->oldest] ? i : c->oldest;
}

/* A text that is not the program's own may name anything. */
static void take_step(struct crash *c, const struct bx_recevent *e)
{
    struct flight *f = flight_of(c, 0);

    if (f != NULL && (e->site->message != NULL || !c->nameless))
        add_crumb(f, e, bx_str(e->site->target), message_of(e));
}

static void take_event(struct crash *c, const struct bx_recevent *e)
{
    if (e->time_ns > c->newest_ns)
        c->newest_ns = e->time_ns;
    note_time(c, e->time_ns);
    if (is(e, "crash", "fatal signal")) {
        take_signal(c, e);
    } else if (is(e, "crash", "fatal error")) {
        take_fatal(c, e);
    } else if (is(e, "stack", "frame")) {
        take_frame(c, e);
    } else if (strcmp(e->site->target, "crash") == 0 || strcmp(e->site->target, "stack") == 0) {
        return; /* more of the same, which is no breadcrumb */
    } else if (c->supervisor) {
        take_step(c, e);
    } else if (strcmp(e->site->target, "request") == 0) {
        take_request(c, e);
    } else if (e->trace != 0 && (e->site->message != NULL || !c->nameless)) {
        for (uint32_t i = 0; i < c->n_flights; i++)
            if (c->flights[i].trace == e->trace)
                add_crumb(&c->flights[i], e, bx_str(e->site->target), message_of(e));
    }
}

/* Damage is passed over; f->damaged counts it. */
static int next_event(struct bx_recfile *f, struct bx_recevent *e)
{
    int rc;

    do
        rc = bx_recfile_next(f, e, NULL);
    while (rc == BX_CORRUPT);
    return rc;
}

/* ---- the envelope ---- */

static int by_time(const void *a, const void *b)
{
    const struct bx_crumb *x = a, *y = b;

    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* The breadcrumbs of all requests in flight, in the order of time. */
static void merge_crumbs(struct crash *c, struct bx_scope *into)
{
    struct bx_crumb *all;
    struct bx_pair *pairs, ignored[BX_CRUMB_PAIRS];
    char(*spans)[17];
    uint32_t n = 0, max = 0;

    for (uint32_t i = 0; i < c->n_flights; i++)
        max += bx_crumbs_n(c->flights[i].scope->crumbs);
    all = bx_must_calloc(max, sizeof *all);
    pairs = bx_must_calloc(2 * (size_t)max, sizeof *pairs);
    spans = bx_must_calloc(c->n_flights, sizeof *spans);
    for (uint32_t i = 0; i < c->n_flights; i++) {
        const struct flight *f = &c->flights[i];

        snprintf(spans[i], sizeof spans[i], "%016llx", (unsigned long long)f->span);
        for (uint32_t k = 0; k < bx_crumbs_n(f->scope->crumbs); k++, n++) {
            all[n] = bx_crumbs_get(f->scope->crumbs, k, ignored);
            pairs[2 * n] = (struct bx_pair){bx_str("span"), bx_str(spans[i])};
            pairs[2 * n + 1] = (struct bx_pair){bx_str("method"), bx_str(f->method)};
            all[n].data = &pairs[2 * n];
            all[n].n = c->supervisor ? 0 : f->method[0] == '\0' ? 1 : 2;
            all[n].fixed = false;
        }
    }
    qsort(all, n, sizeof *all, by_time);
    bx_scope_crumbs(into, all, n);
    bx_free(spans);
    bx_free(pairs);
    bx_free(all);
}

static struct bx_log_attribute attribute(const struct bx_site_field *f, const struct bx_arg *arg,
                                         char text[VALUE])
{
    struct bx_log_attribute a = {.key = bx_str(f->key)};

    bx_text_value(text, VALUE, f->type, arg);
    a.value = bx_str(text);
    a.type = f->type == BX_ARG_BOOL                           ? BX_LOG_BOOLEAN
             : f->type == BX_ARG_I64 || f->type == BX_ARG_U64 ? BX_LOG_INTEGER
                                                              : BX_LOG_STRING;
    return a;
}

static void write_log(struct bx_envelope *e, const struct bx_recevent *event)
{
    struct bx_log_attribute attributes[BX_SITE_FIELDS + 1];
    char text[BX_SITE_FIELDS][VALUE];
    struct bx_log_line line = {.time_ns = event->time_ns,
                               .level = event->level <= BX_LEVEL_ERROR     ? BX_SEVERITY_ERROR
                                        : event->level <= BX_LEVEL_WARNING ? BX_SEVERITY_WARNING
                                        : event->level <= BX_LEVEL_INFO    ? BX_SEVERITY_INFO
                                                                           : BX_SEVERITY_DEBUG,
                               .body = message_of(event),
                               .attributes = attributes,
                               .n = 1};

    for (unsigned i = 0; i < 8; i++)
        line.trace[8 + i] = (uint8_t)(event->trace >> (56 - 8 * i));
    attributes[0] =
        (struct bx_log_attribute){bx_str("target"), bx_str(event->site->target), BX_LOG_STRING};
    for (uint8_t i = event->site->message == NULL; i < event->n; i++, line.n++)
        attributes[line.n] = attribute(&event->site->fields[i], &event->args[i], text[i]);
    bx_envelope_log(e, &line);
}

static void write_logs(struct crash *c, const uint8_t *p, size_t n, struct bx_envelope *e)
{
    struct bx_recfile *f = &c->file;
    struct bx_recevent event;
    uint64_t first = c->n_times < LOG_LINES ? 0 : c->times[c->oldest];
    uint32_t lines = 0;

    bx_recfile_close(f);
    if (bx_recfile_open(f, p, n, NULL) != BX_OK)
        return;
    bx_envelope_logs_begin(e);
    while (lines < LOG_LINES && next_event(f, &event) == BX_OK)
        if (event.time_ns >= first && event.time_ns + LOG_NS >= c->newest_ns) {
            write_log(e, &event);
            lines++;
        }
    bx_envelope_logs_end(e);
}

/* An error's text may name anything. */
static struct bx_exception exception_of(const struct crash *c, char type[32])
{
    const char *name = sigabbrev_np((int)c->signal);
    bool fatal = c->code[0] != '\0';

    if (fatal)
        snprintf(type, 32, "%s", c->code);
    else
        snprintf(type, 32, "SIG%s", name == NULL ? "?" : name);
    return (struct bx_exception){bx_str(type), bx_str(fatal && c->nameless ? "" : c->cause),
                                 c->frames, c->n_frames, false};
}

static void set_tags(const struct crash *c, const char *vm, struct bx_scope *s)
{
    char count[16];

    snprintf(count, sizeof count, "%u", c->n_flights);
    bx_scope_set_tag(s, bx_str("program"), c->file.meta.program);
    if (!c->supervisor)
        bx_scope_set_tag(s, bx_str("requests_in_flight"), bx_str(count));
    else if (!c->nameless)
        bx_scope_set_tag(s, bx_str("vm"), bx_str(vm));
    diag_set_number(s, "pid", c->file.meta.pid);
    if (c->file.damaged > 0 || !c->file.complete)
        bx_scope_set_tag(s, bx_str("damaged"), bx_str("true"));
}

static void write_event(struct crash *c, const struct diag_about *about, const char *vm,
                        const uint8_t id[16], struct bx_scope *s, struct bx_envelope *e)
{
    struct bx_recfile_meta *m = &c->file.meta;
    char type[32], release[80];
    struct bx_report r = {.time_ns = m->time_ns,
                          .level = BX_SEVERITY_FATAL,
                          .logger = bx_str("crash"),
                          .server = bx_str(about->node),
                          .environment = bx_str(about->environment),
                          .build = m->build};
    struct bx_envelope_head head = {r.id, 0};

    snprintf(release, sizeof release, "blixard@%.*s", (int)m->version.n, m->version.p);
    memcpy(r.id, id, 16);
    r.release = bx_str(release);
    r.exception = exception_of(c, type);
    set_tags(c, vm, s);
    merge_crumbs(c, s);
    bx_report_in_scope(&r, s);
    bx_envelope_begin(e, &head);
    bx_envelope_report(e, &r);
}

static void read_events(struct crash *c)
{
    struct bx_recevent e;

    while (next_event(&c->file, &e) == BX_OK)
        take_event(c, &e);
}

/* Recorded texts may have names, so log lines and file are left out where these are. */
static void write_rest(struct crash *c, const struct bx_scope *s, const uint8_t *p, size_t n,
                       struct bx_envelope *e, struct spool_files *files)
{
    files->n = 0;
    if (c->nameless)
        return;
    write_logs(c, p, n, e);
    diag_attach(e, s->bags[BX_SCOPE_ATTACHMENTS], files);
}

static int store(struct crash *c, struct spool *spool, const struct diag_about *about,
                 const struct diag_crash_file *from, struct bx_err *err)
{
    struct bx_scope *s = bx_scope_push(&c->scopes, NULL);
    struct bx_envelope e = {.items = 0};
    uint64_t hash[2] = {bx_hash(from->name, strlen(from->name)), bx_hash(from->p, from->n)};
    struct spool_files files;
    uint8_t id[16];
    int rc;

    memcpy(id, hash, sizeof id);
    bx_scope_set(s, BX_SCOPE_ATTACHMENTS, bx_str(from->name), bx_str(from->path));
    if (about->nameless)
        diag_leave_out_names(s);
    write_event(c, about, from->vm, id, s, &e);
    write_rest(c, s, from->p, from->n, &e, &files);
    rc = e.out.failed || e.item.failed ? bx_err_set(err, BX_NO_MEMORY, "out of memory")
                                       : spool_put(spool, c->file.meta.time_ns, id, BX_ITEM_EVENT,
                                                   e.out.data, e.out.len, &files, err);
    diag_attached(&files);
    bx_envelope_close(&e);
    bx_scope_pop(s);
    return rc;
}

int diag_crash_envelope(struct spool *spool, const struct diag_about *about,
                        const struct diag_crash_file *from, struct bx_err *err)
{
    struct crash *c = bx_must_calloc(1, sizeof *c);
    struct bx_scopes_options o = {.client = true,
                                  .max_crumbs = about->max_crumbs,
                                  .kept = 64,
                                  .now_ns = clock_wall_ns,
                                  .before_crumb = diag_before_crumb,
                                  .ctx = c->text};
    int rc = bx_recfile_open(&c->file, from->p, from->n, err);

    c->nameless = about->nameless;
    c->supervisor = from->vm != NULL;
    if (rc == BX_OK) {
        bx_must_ok(bx_scopes_open(&c->scopes, &o));
        c->flights = bx_must_calloc(FLIGHTS, sizeof *c->flights);
        read_events(c);
        rc = store(c, spool, about, from, err);
        for (uint32_t i = 0; i < FLIGHTS; i++)
            bx_scope_pop(c->flights[i].scope);
        bx_free(c->flights);
        bx_scopes_close(&c->scopes);
    }
    bx_recfile_close(&c->file);
    bx_free(c);
    return rc;
}
