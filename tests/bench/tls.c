/* What TLS takes beside TCP: bytes per second of processor time through two streams of one loop,
 * handshakes per second, and the memory of an idle stream. `tls [MIB] [STREAMS]`.
 *
 * Both ends are in this process: a rate is of sending and receiving together. */
#include "bench.h"

#include "sys/clock.h"
#include "pki/pki.h"
#include "transport/listener.h"
#include "transport/tls.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK (1u << 20)
#define MESSAGE 200u /* about a heartbeat */
#define PAIRS_MAX 1000u

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "tls: %s\n", what);
    exit(1);
}

struct end {
    struct stream stream;
    size_t received;
};

static uv_loop_t loop;
static struct stream_group group;
static struct stream_listener listener;
static struct tls_context *server, *client;
static struct end ends[2 * PAIRS_MAX];
static unsigned accepted, ready;
static bool plain;

static void on_ready(struct stream *s)
{
    (void)s;
    ready++;
}

static void on_input(struct stream *s)
{
    struct end *e = (struct end *)(void *)s;

    e->received += s->in.len;
    s->in.len = 0;
}

static void on_closed(struct stream *s, const char *why)
{
    (void)s;
    bench_must(strcmp(why, "done") == 0 || why == stream_peer_closed, why);
}

static void on_gone(struct stream *s)
{
    (void)s;
}

static const struct stream_callbacks callbacks = {
    .ready = on_ready, .input = on_input, .closed = on_closed, .gone = on_gone};
static const struct stream_limits limits = {
    .queue_bytes = 64u << 20, .queue_buffers = 1u << 20, .read_bytes = 64u << 10};

static void open_end(struct end *e, struct tls_context *c)
{
    memset(e, 0, sizeof *e);
    if (plain)
        stream_open(&e->stream, &group, &stream_tcp);
    else
        tls_stream_open(&e->stream, &group, c);
}

static void on_incoming(struct stream_listener *l)
{
    struct end *e = &ends[2 * accepted++];

    open_end(e, server);
    stream_accept(&e->stream, l);
}

/* ---- who both are ---- */

static struct tls_context *make_context(enum tls_side side, uint64_t node,
                                        const struct pki_key *ca_key, const struct bx_buf *ca)
{
    struct pki_issue i = {.kind = PKI_NODE, .node = node, .role = "voter"};
    struct pki_der trusted = {ca->data, ca->len};
    struct tls_config c = {
        .side = side, .protocol = TLS_PROTOCOL, .ca = trusted, .cas = &trusted, .n_cas = 1};
    struct tls_context *out;
    struct pki_key *key;
    struct bx_buf der = {0};

    i.not_after_ms = UINT64_C(4000000000000);
    bench_must(pki_key_generate(&key, NULL) == BX_OK, "key");
    pki_key_public(key, i.spki);
    bench_must(pki_issue(ca_key, ca->data, ca->len, &i, &der, NULL) == BX_OK, "certificate");
    c.key = key;
    c.certificate = (struct pki_der){der.data, der.len};
    bench_must(tls_context_create(&out, &c, NULL) == BX_OK, "context");
    pki_key_destroy(key);
    bx_buf_release(&der);
    return out;
}

static void make_contexts(void)
{
    static const uint8_t zero[PKI_SERIAL];
    struct pki_key *key;
    struct bx_buf ca = {0};

    bench_must(pki_key_generate(&key, NULL) == BX_OK, "key");
    bench_must(pki_ca_make(key, zero, "bench", 0, zero, &ca, NULL) == BX_OK, "CA");
    server = make_context(TLS_SERVER, 1, key, &ca);
    client = make_context(TLS_CLIENT, 2, key, &ca);
    pki_key_destroy(key);
    bx_buf_release(&ca);
}

/* ---- measuring ---- */

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static void connect_pairs(unsigned n)
{
    struct sockaddr_in a;
    union address to = {.v4 = {.sin_family = AF_INET}};
    int len = sizeof a;

    bench_must(uv_tcp_getsockname(&listener.h.tcp, (struct sockaddr *)&a, &len) == 0, "address");
    to.v4 = a;
    accepted = ready = 0;
    for (unsigned i = 0; i < n; i++) {
        open_end(&ends[2 * i + 1], client);
        bench_must(stream_dial(&ends[2 * i + 1].stream, &to) == 0, "dial");
        while (ready < 2 * (i + 1))
            uv_run(&loop, UV_RUN_ONCE);
    }
}

static void close_pairs(unsigned n)
{
    for (unsigned i = 0; i < 2 * n; i++)
        stream_close(&ends[i].stream, "done");
    while (group.handles > 1)
        uv_run(&loop, UV_RUN_ONCE);
}

/* Bytes per second, in buffers of one size. */
static double rate(size_t bytes, size_t each)
{
    size_t sent = 0, total;
    double begin;

    connect_pairs(1);
    begin = cpu_s();
    total = bytes / each * each;
    while (ends[0].received < total) {
        while (sent < total && ends[1].stream.queued < 8u * CHUNK) {
            struct bx_buf b = {0};

            bench_must(bx_buf_extend(&b, each) != NULL, "memory");
            memset(b.data, 'x', each);
            bench_must(stream_send(&ends[1].stream, &b), "send");
            sent += each;
        }
        uv_run(&loop, UV_RUN_ONCE);
    }
    begin = cpu_s() - begin;
    close_pairs(1);
    return (double)total / begin;
}

static void measure(const char *name, size_t mib, unsigned pairs)
{
    double large = rate(mib << 20, CHUNK), small = rate(mib << 18, MESSAGE), begin;
    size_t before;

    bx_buf_thread_close();
    before = heap();
    begin = cpu_s();
    connect_pairs(pairs);
    begin = cpu_s() - begin;
    for (unsigned i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    bx_buf_thread_close();
    printf("%-4s %8.0f MiB/s %10.0f messages/s %8.0f connections/s %8zu bytes an idle stream\n",
           name, large / (1 << 20), small / MESSAGE, pairs / begin,
           (heap() - before) / (2 * pairs));
    close_pairs(pairs);
}

int main(int argc, char **argv)
{
    size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
    unsigned pairs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) / 2 : 200;
    struct bx_err err = {0};

    bench_must(mib > 0 && pairs > 0 && pairs <= PAIRS_MAX, "usage: tls [MIB] [STREAMS]");
    bench_must(uv_loop_init(&loop) == 0, "loop");
    bench_must(stream_group_init(&group, "bench", (struct bx_pool_size){64, 0}, &loop,
                                 clock_kernel(), &limits, &callbacks) == BX_OK,
               "memory");
    listener.incoming = on_incoming;
    bench_must(stream_listen_tcp(&listener, &group, "listen", "127.0.0.1:0", &err) == BX_OK,
               err.msg);
    make_contexts();
    plain = true;
    measure("TCP", mib, pairs);
    plain = false;
    measure("TLS", mib, pairs);
    stream_listener_close(&listener);
    stream_group_close(&group);
    tls_context_release(server);
    tls_context_release(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return 0;
}
