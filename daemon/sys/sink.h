/* sink - where log lines go: a kind of sink is a table of functions and a file, sink_KIND.c.
 *
 *     console:FORM         standard error: text, logfmt or json
 *     file                 DATA/recorder/log-*.bxr, files of the recorder (rec/recfile.h);
 *                          size=SIZE,age=AGE,count=N,total=SIZE bound one, and all of them
 *     journald[:PATH]      the journal's native socket
 *     net:HOST:PORT        JSON, one event in a line, over TCP to a collector
 *     node:NAME            files of the recorder, kept by another node of the cluster
 *
 * each with ,filter=SPEC at the end (rec/filter.h), else the filter of --log. All functions of a
 * sink but `open` run on one thread, the router's (router.h), and none of them waits for its
 * destination; a file may have to wait for the disk. What a sink can not keep is dropped, and
 * counted. */
#ifndef SINK_H
#define SINK_H

#include "err.h"
#include "rec/filter.h"
#include "rec/recevent.h"
#include "wire/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINKS_MAX 8u
#define SINK_WHERE 256u

struct sink;

/* What a sink waits for: events of poll(2) of a descriptor (-1: none), and a time of uv_hrtime
 * (UINT64_MAX: none). */
struct sink_wait {
    int fd;
    short events;
    uint64_t at;
};

struct sink_ops {
    const char *kind;
    /* Check what the specification says of the place. BX_OK or BX_INVALID. */
    int (*check)(const char *where, struct bx_err *err);
    /* s->state is made. BX_OK, BX_NO_MEMORY, BX_IO. */
    int (*open)(struct sink *s, struct bx_err *err);
    /* One event that the filter lets through, and its words. */
    void (*put)(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n);
    /* Write what can be written now. hurry: do not hold anything back to write it with more. True:
     * nothing is left that could be written soon. */
    bool (*flush)(struct sink *s, uint64_t now, bool hurry);
    void (*wait)(const struct sink *s, struct sink_wait *w);
    /* s->state is freed. */
    void (*close)(struct sink *s);
};
extern const struct sink_ops sink_console, sink_file, sink_journald, sink_net, sink_node;

/* What --log-sink says of one. */
struct sink_spec {
    const struct sink_ops *ops;
    char where[SINK_WHERE];
    uint64_t size, total; /* bytes; 0: the default */
    uint32_t age_s, count;
    bool filtered;
    struct bx_filter filter; /* if filtered */
};
/* BX_OK or BX_INVALID, with a hint. */
int sink_spec_parse(struct sink_spec *out, const char *text, struct bx_err *err);

/* A bounded buffer of bytes that wait to be written. */
struct sink_box {
    uint8_t *p;
    size_t size, at, n; /* the bytes from at to n */
};

struct sink {
    const struct sink_ops *ops;
    struct sink_spec spec;
    char name[BX_LOG_SINK_MAX + 1]; /* the kind; of the second one of a kind, "net-2" */
    const char *node;               /* name of this node */
    const char *condition;          /* a word or some, for people: static */
    uint64_t trouble;               /* since when (uv_hrtime) attempts fail; 0: they do not */
    struct bx_sink_counts counts;   /* written by sink_add alone, read by any thread */
    size_t memory;                  /* bytes of its state and its buffer */
    struct sink_box box;            /* of sinks whose destination may be slow */
    void *state;
};

/* Change a counter of the sink. */
static inline void sink_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}
static inline void sink_set(uint64_t *gauge, uint64_t n)
{
    __atomic_store_n(gauge, n, __ATOMIC_RELAXED);
}
static inline void sink_is(struct sink *s, const char *condition)
{
    __atomic_store_n(&s->condition, condition, __ATOMIC_RELAXED);
}
/* It works; an attempt to open or to write failed. */
void sink_works(struct sink *s);
void sink_fails(struct sink *s, const char *condition);

/* Give the sink a zeroed state and a box, of so many bytes. BX_OK or BX_NO_MEMORY. */
int sink_take(struct sink *s, size_t state, size_t box, struct bx_err *err);
/* Free both. They may be NULL, as after a failure. */
void sink_free(struct sink *s);
/* All of it or nothing: false, there is no room. */
bool sink_box_put(struct sink_box *b, const void *p, size_t n);
static inline size_t sink_box_used(const struct sink_box *b)
{
    return b->n - b->at;
}

/* ---- for sinks of text ---- */

/* Put the lines in `text` into the box and count the event, or drop it; counts the time since
 * `from`, of uv_hrtime. Releases the text. */
struct bx_buf;
void sink_box_event(struct sink *s, struct bx_buf *text, uint64_t from);

#endif
