/* log_merge: events of several nodes in one order. */
#include "lib/testlib.h"

#include "codec/json.h"
#include "log_merge.h"

#include <string.h>

#define STREAMS 3u

static struct bx_buf packed[STREAMS][2];
static struct bx_pack *packs[STREAMS][2];
static struct log_stream streams[STREAMS];

/* One page of a node. */
static void add(unsigned node, const char *json)
{
    struct log_stream *s = &streams[node];
    struct bx_buf *b = &packed[node][s->n];

    assert_int_equal(bx_json_read(b, json, strlen(json), 1 << 16, NULL), BX_OK);
    packs[node][s->n] = bx_pack_create();
    s->pages[s->n] = bx_pack_parse(packs[node][s->n], b->data, b->len, b->len, NULL);
    s->n++;
}

/* The messages in the order of the merge, each with the number of its node. */
static void check(bool by_revision, const char *want)
{
    struct log_stream *v[STREAMS];
    char text[200] = "";
    size_t n = 0;
    uint32_t from;
    bx_val event;

    for (unsigned i = 0; i < STREAMS; i++) {
        v[i] = &streams[i];
        v[i]->page = v[i]->at = 0;
        v[i]->revision = 0;
    }
    while ((event = log_merge_next(v, STREAMS, by_revision, &from)) != NULL) {
        struct bx_str msg = {"", 0};

        bx_val_str(bx_val_get(event, "msg"), &msg);
        n += (size_t)snprintf(text + n, sizeof text - n, BX_STR_FMT "%u ", BX_STR_ARG(msg), from);
    }
    assert_string_equal(text, want);
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STREAMS; i++)
        for (unsigned k = 0; k < streams[i].n; k++) {
            bx_pack_destroy(packs[i][k]);
            bx_buf_release(&packed[i][k]);
        }
    memset(streams, 0, sizeof streams);
    return 0;
}

TEST(events_are_in_the_order_of_time)
{
    add(0, "[{\"time_ns\": 1, \"msg\": \"a\"}, {\"time_ns\": 5, \"msg\": \"d\"}]");
    add(0, "[{\"time_ns\": 9, \"msg\": \"f\"}]");
    add(1, "[]");
    add(1, "[{\"time_ns\": 2, \"msg\": \"b\"}, {\"time_ns\": 4, \"msg\": \"c\"}]");
    add(2, "[{\"time_ns\": 5, \"msg\": \"e\"}]");
    check(false, "a0 b1 c1 d0 e2 f0 ");
}

/* The clock of node 1 is behind: it applies before the leader has proposed. */
TEST(events_of_a_request_are_in_the_order_of_revisions_and_then_of_time)
{
    add(0, "[{\"time_ns\": 50, \"msg\": \"proposed\"},"
           "{\"time_ns\": 52, \"msg\": \"applied\", \"fields\": {\"revision\": 7}},"
           "{\"time_ns\": 60, \"msg\": \"answered\"}]");
    add(1, "[{\"time_ns\": 10, \"msg\": \"applied\", \"fields\": {\"revision\": 7}},"
           "{\"time_ns\": 55, \"msg\": \"started\"}]");
    add(2, "[{\"time_ns\": 70, \"msg\": \"sent\"}]");
    check(true, "proposed0 sent2 applied1 applied0 started1 answered0 ");
    check(false, "applied1 proposed0 applied0 started1 answered0 sent2 ");
}

/* A node keeps its order also where its clock was set back. */
TEST(events_of_a_node_stay_in_their_order)
{
    add(0, "[{\"time_ns\": 9, \"msg\": \"a\", \"fields\": {\"revision\": 7}},"
           "{\"time_ns\": 1, \"msg\": \"b\", \"fields\": {\"revision\": 3}}]");
    add(1, "[{\"time_ns\": 5, \"msg\": \"c\"}]");
    check(false, "c1 a0 b0 ");
    check(true, "c1 a0 b0 ");
}

TEST(without_events_there_is_nothing)
{
    add(0, "[]");
    check(true, "");
}

int main(void)
{
    return test_run(NULL, teardown);
}
