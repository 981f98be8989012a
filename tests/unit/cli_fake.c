#include "cli_fake.h"

#include "codec/pack.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char *dir;
static unsigned next_path;

static void note(struct fake *f, bx_val root)
{
    bx_val map = bx_val_at(bx_val_at(root, 3), 0);
    struct bx_str s = {"", 0};

    bx_val_str(bx_val_at(root, 2), &s);
    snprintf(f->methods[f->n], sizeof f->methods[0], BX_STR_FMT, BX_STR_ARG(s));
    s = (struct bx_str){"", 0};
    bx_val_str(bx_val_get(map, "request_id"), &s);
    snprintf(f->ids[f->n], sizeof f->ids[0], BX_STR_FMT, BX_STR_ARG(s));
    s = (struct bx_str){"", 0};
    bx_val_str(bx_val_get(map, "after"), &s);
    snprintf(f->afters[f->n], sizeof f->afters[0], BX_STR_FMT, BX_STR_ARG(s));
    bx_val_u64(bx_val_get(map, "timeout_ms"), &f->timeouts[f->n]);
}

static void put_error(struct bx_buf *b, const char *name)
{
    bx_pw_map(b, 3);
    bx_pw_str(b, "name");
    bx_pw_str(b, name);
    bx_pw_str(b, "message");
    bx_pw_str(b, "words of the server");
    bx_pw_str(b, "hint");
    bx_pw_str(b, "its hint");
}

static void put_answer(struct bx_buf *b, uint64_t id, const char *error, unsigned n)
{
    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, id);
    if (error != NULL) {
        put_error(b, error);
        bx_pw_nil(b);
        return;
    }
    bx_pw_nil(b);
    bx_pw_map(b, 1);
    bx_pw_str(b, "n");
    bx_pw_u64(b, n);
}

static void put_notification(struct bx_buf *b, const char *method, const char *error)
{
    bx_pw_array(b, 3);
    bx_pw_u64(b, 2);
    bx_pw_str(b, method);
    bx_pw_array(b, 1);
    put_error(b, error);
}

/* A page of these names; the list continues after `after`, unless it is NULL. */
static void put_page(struct bx_buf *b, uint64_t id, const char *after, const char *names)
{
    if (after != NULL) {
        bx_pw_array(b, 3);
        bx_pw_u64(b, 2);
        bx_pw_str(b, "page");
        bx_pw_array(b, 1);
        bx_pw_map(b, 2);
        bx_pw_str(b, "id");
        bx_pw_u64(b, id);
        bx_pw_str(b, "after");
        bx_pw_str(b, after);
    }
    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, id);
    bx_pw_nil(b);
    bx_pw_array(b, (uint32_t)strlen(names));
    for (; *names != '\0'; names++) {
        bx_pw_map(b, 1);
        bx_pw_str(b, "name");
        bx_pw_strn(b, names, 1);
    }
}

static void put_log(struct bx_buf *b, uint64_t id, bool more, unsigned n)
{
    char text[32];

    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, id);
    bx_pw_nil(b);
    bx_pw_map(b, 4);
    bx_pw_str(b, "node");
    bx_pw_str(b, "n1");
    bx_pw_str(b, "more");
    bx_pw_bool(b, more);
    bx_pw_str(b, "after");
    snprintf(text, sizeof text, "place%u", n);
    bx_pw_str(b, text);
    bx_pw_str(b, "events");
    bx_pw_array(b, 1);
    bx_pw_map(b, 9);
    bx_pw_str(b, "time_ns");
    bx_pw_u64(b, 1700000000000000000u + n);
    bx_pw_str(b, "level");
    bx_pw_str(b, "info");
    bx_pw_str(b, "target");
    bx_pw_str(b, "test");
    bx_pw_str(b, "msg");
    snprintf(text, sizeof text, "event %u", n);
    bx_pw_str(b, text);
    bx_pw_str(b, "fields");
    bx_pw_map(b, 0);
    bx_pw_str(b, "trace");
    bx_pw_str(b, "0000000000000000");
    bx_pw_str(b, "thread");
    bx_pw_str(b, "loop");
    bx_pw_str(b, "site");
    bx_pw_str(b, "f.c:1");
    bx_pw_str(b, "sequence");
    bx_pw_u64(b, n);
}

static void send_pieces(int fd, struct bx_buf *b, size_t piece)
{
    for (size_t at = 0; at < b->len; at += piece) {
        size_t left = b->len - at;

        if (send(fd, b->data + at, left < piece ? left : piece, MSG_NOSIGNAL) < 0 || piece > left)
            break;
    }
    bx_buf_release(b);
}

/* False: the connection ends. */
static bool act(enum step step, int fd, uint64_t id, unsigned n)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    static const char *const errors[] = {
        [NO_LEADER] = "no_leader", [NOT_FOUND] = "not_found", [OK_ERROR] = "ok"};
    static const char *const pages[][2] = {{"b", "ab"}, {"b2", ""}, {NULL, "c"}};
    struct bx_buf b = {0};
    size_t piece = SIZE_MAX;
    bool open = step != CLOSE && step != TURN_AWAY && step != DENY_NEXT && step != SILENCE;
    char byte;

    switch (step) {
    case CLOSE:
        break;
    case SLOWLY:
        piece = 1;
        put_answer(&b, id, NULL, n);
        break;
    case NOTIFIED:
        put_notification(&b, "stale", "ok");
        put_answer(&b, id, NULL, n);
        break;
    case ANSWER:
    case NO_LEADER:
    case NOT_FOUND:
    case OK_ERROR:
        put_answer(&b, id, errors[step], n);
        break;
    case HTTP:
        bx_buf_append(&b, http, sizeof http - 1);
        break;
    case GARBAGE:
        bx_buf_append(&b, "\xc1\xc1\xc1\xc1", 4); /* the one byte that MessagePack never uses */
        break;
    case WRONG_ID:
        put_answer(&b, id + 7, NULL, n);
        break;
    case TURN_AWAY:
        put_notification(&b, "error", "busy");
        break;
    case DENY_NEXT:
        put_answer(&b, id, NULL, n);
        put_notification(&b, "error", "denied");
        break;
    case PAGE_ONE:
    case PAGE_NONE:
    case PAGE_LAST:
        put_page(&b, id, pages[step - PAGE_ONE][0], pages[step - PAGE_ONE][1]);
        break;
    case LOG_MORE:
    case LOG_LAST:
        put_log(&b, id, step == LOG_MORE, n);
        break;
    case SILENCE:
        while (recv(fd, &byte, 1, 0) > 0)
            ;
        break;
    }
    send_pieces(fd, &b, piece);
    return open;
}

/* Requests of one connection, until it ends. */
static void serve(struct fake *f, int fd)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf in = {0};
    struct bx_pack_scan scan;
    bool open = true;

    bx_pack_scan_init(&scan);
    while (open && bx_buf_reserve(&in, 4096) == BX_OK) {
        ssize_t got = recv(fd, in.data + in.len, 4096, 0);
        uint64_t id = 0;
        unsigned n = f->n;

        if (got <= 0)
            break;
        in.len += (size_t)got;
        if (bx_pack_scan(&scan, in.data, in.len, 1 << 20) != BX_OK)
            continue;
        bx_val root = bx_pack_parse(pack, in.data, scan.at, 1 << 20, NULL);

        bx_val_u64(bx_val_at(root, 1), &id);
        if (n < FAKE_STEPS) {
            note(f, root);
            f->n++;
        }
        open = act(n < FAKE_STEPS ? f->steps[n] : CLOSE, fd, id, n);
        bx_buf_consume(&in, scan.at);
        bx_pack_scan_init(&scan);
    }
    bx_buf_release(&in);
    bx_pack_destroy(pack);
}

static void *run(void *arg)
{
    struct fake *f = arg;
    int fd;

    while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
        serve(f, fd);
        close(fd);
    }
    return NULL;
}

void fake_name(struct fake *f)
{
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s/s%u", dir, next_path++);
    snprintf(f->address, sizeof f->address, "unix:%s", f->path);
}

void fake_start(struct fake *f, const enum step *steps, unsigned n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    fake_name(f);
    memcpy(f->steps, steps, n * sizeof *steps);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void fake_stop(struct fake *f)
{
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
}

int fake_setup(void **state)
{
    (void)state;
    dir = test_make_dir();
    return dir == NULL;
}

int fake_teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}
