/* Pages of lists: what one holds, what it costs, and when it is made. Costs are counted, not timed.
 */
#include "lib/testlib.h"

#include "lib/testcluster.h"

#include "api/priv.h"
#include "node/driver_sim.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define OBJECTS 100000u
#define CLIENTS 3u

static uv_loop_t loop;
static struct api *api;
static struct bx_metrics metrics;
static struct bx_identity identity;
static struct bx_driver *driver;
static struct test_cluster cluster;
static char *dir, socket_path[4096];

/* ---- clients, and what they were told ---- */

static struct test_client {
    struct api_client client;
    uint32_t answers, failures, items;
    size_t queued;
    char next[256]; /* of the last page; empty: it was the last */
    struct bx_err err;
} clients[CLIENTS];

static struct test_client *of(const struct api_client *client)
{
    return (struct test_client *)(uintptr_t)client; /* its first member */
}

static void notify(struct api_client *client, const char *name, const struct bx_schema *s,
                   const void *obj)
{
    const struct bx_page_reply *page = obj;

    if (strcmp(name, "page") != 0)
        return;
    assert_ptr_equal(s, &bx_page_reply_schema);
    assert_int_equal(page->id, 7);
    snprintf(of(client)->next, sizeof of(client)->next, BX_STR_FMT, BX_STR_ARG(page->after));
}

static void flush(struct api_client *client)
{
    (void)client;
}

static void reply(struct api_client *client, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};

    assert_int_equal(call->id, 7);
    assert_int_equal(bx_codec_ops(BX_CODEC_MSGPACK)->encode(&b, s, items, NULL), BX_OK);
    assert_true(b.len <= 2 * BX_PAGE_BYTES);
    bx_buf_release(&b);
    of(client)->answers++;
    of(client)->items += items->n;
}

static void refuse(struct api_client *client, const struct api_call *call, const struct bx_err *err)
{
    (void)call;
    of(client)->failures++;
    of(client)->err = *err;
}

static void ended(struct api_client *client)
{
    (void)client;
}

static size_t queued(const struct api_client *client)
{
    return of(client)->queued;
}

static const struct api_client_ops ops = {.reply = reply,
                                          .fail = refuse,
                                          .ended = ended,
                                          .notify = notify,
                                          .flush = flush,
                                          .queued = queued};

static struct api_call *call(struct test_client *t, enum bx_method m)
{
    struct api_call *c = api_call_create(api, &t->client, NULL, 0);

    assert_non_null(c);
    c->id = 7;
    c->method = m;
    c->params = api_alloc(c, bx_methods[m]->params->size);
    bx_params_init(m, c->params);
    t->next[0] = '\0';
    return c;
}

/* ---- the host ---- */

static int setup(void **state)
{
    struct api_options o = {.loop = &loop,
                            .clock = clock_kernel(),
                            .identity = &identity,
                            .name = "n1",
                            .socket = socket_path,
                            .address = "",
                            .state_path = "",
                            .metrics = &metrics};
    struct bx_driver_sim_options sim = {.clock = clock_kernel()};
    struct bx_err err = {0};

    (void)state;
    dir = test_make_dir();
    snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
    metrics = (struct bx_metrics){.n = 0};
    assert_int_equal(uv_loop_init(&loop), 0);
    driver = bx_driver_sim_create(&sim);
    assert_int_equal(api_create(&api, &o, &err), BX_OK);
    api_set_driver(api, driver, "none");
    test_cluster_open(&cluster, 1);
    api_set_node(api, cluster.members[0].node);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct test_client){.answers = 0};
        api_client_init(&clients[i].client, api, &ops);
        clients[i].client.role = BX_RPC_ADMIN;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_int_equal(clients[i].client.calls, 0);
    api_set_node(api, NULL);
    test_cluster_close(&cluster);
    api_destroy(api);
    bx_driver_sim_destroy(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_thread_close();
    return 0;
}

/* ---- a list of 100,000 ---- */

static struct fake {
    struct bx_vm_reply vm;
    char name[16];
    uint32_t next, looked, shown;
    bool big; /* each object has all the text that one may have */
} fake;
static uint8_t objects[OBJECTS]; /* their addresses are the objects */

static void fake_seek(void *ctx, const void *key)
{
    struct fake *f = ctx;
    const struct bx_str *name = key;
    char text[16];

    f->next = 0;
    if (name == NULL)
        return;
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(*name));
    f->next = (uint32_t)strtoul(text + 2, NULL, 10) + 1;
}

static const void *fake_next(void *ctx)
{
    struct fake *f = ctx;

    f->looked++;
    return f->next < OBJECTS ? &objects[f->next++] : NULL;
}

static const void *fake_show(void *ctx, const void *object)
{
    static const char text[BX_METADATA_BYTES];
    static const struct bx_pair metadata = {{"k", 1}, {text, sizeof text}};
    struct fake *f = ctx;
    uint32_t i = (uint32_t)((const uint8_t *)object - objects);

    f->shown++;
    snprintf(f->name, sizeof f->name, "v-%06u", i);
    f->vm = (struct bx_vm_reply){.name = bx_str(f->name), .vcpus = i % 100};
    if (f->big)
        f->vm.metadata = (struct bx_pairs){&metadata, 1};
    return &f->vm;
}

static const struct api_source source = {&bx_vm_reply_schema, fake_seek, fake_next,
                                         fake_show,           &fake,     NULL};

/* One page behind `after`; what it cost is in `fake`. */
static void page(struct test_client *t, const char *after, uint32_t limit,
                 const struct bx_pairs *match)
{
    struct api_call *c = call(t, BX_M_VM_LIST);

    api_common(c)->after = api_copy(c, bx_str(after));
    api_common(c)->limit = limit;
    if (match != NULL)
        api_common(c)->match = *match;
    fake.looked = fake.shown = 0;
    api_reply_page(c, &source);
}

TEST(a_page_costs_what_it_holds)
{
    static const char *const places[] = {"", "v-049999", "v-098000"};
    struct test_client *t = &clients[0];

    fake.big = false;
    for (size_t i = 0; i < 3; i++) {
        t->items = 0;
        page(t, places[i], 0, NULL);
        assert_int_equal(t->items, BX_PAGE_ITEMS);
        assert_int_equal(fake.looked, BX_PAGE_ITEMS + 1);
        assert_true(fake.shown <= 3 * BX_PAGE_ITEMS);
        assert_int_equal(strtoul(t->next + 2, NULL, 10), fake.next - 2);
        t->items = 0;
        page(t, places[i], 3, NULL);
        assert_int_equal(t->items, 3);
        assert_int_equal(fake.looked, 4);
    }
    t->items = 0;
    page(t, "", BX_PAGE_ITEMS * 5, NULL);
    assert_int_equal(t->items, BX_PAGE_ITEMS);
    t->items = 0;
    page(t, "v-098999", 0, NULL); /* what is left fits */
    assert_int_equal(t->items, BX_PAGE_ITEMS);
    assert_string_equal(t->next, "");
    page(t, "v-099999", 0, NULL);
    assert_int_equal(t->items, BX_PAGE_ITEMS);
    assert_string_equal(t->next, "");
}

TEST(a_page_ends_at_its_bytes)
{
    struct test_client *t = &clients[0];
    uint32_t pages = 0;

    fake.big = true;
    for (char after[256] = "v-099000"; after[0] != '\0'; pages++) {
        page(t, after, 0, NULL); /* the reply checks its size */
        snprintf(after, sizeof after, "%s", t->next);
    }
    assert_int_equal(t->items, 999);
    assert_true(pages >= 999 * BX_METADATA_BYTES / BX_PAGE_BYTES);
    fake.big = false;
}

/* What matches little or nothing ends at the work, and goes on from there. */
TEST(a_page_ends_at_its_work)
{
    struct bx_pair never = {bx_str("labels.app"), bx_str("web")}, some[BX_MATCH_MAX];
    struct bx_pairs match = {&never, 1};
    struct test_client *t = &clients[0];
    uint32_t pages = 0;

    for (char after[256] = "x"; after[0] != '\0'; pages++) {
        page(t, pages == 0 ? "" : after, 0, &match);
        assert_true(fake.looked <= API_PAGE_WORK / 2 + 1);
        snprintf(after, sizeof after, "%s", t->next);
    }
    assert_int_equal(t->items, 0);
    assert_int_equal(pages, (OBJECTS + API_PAGE_WORK / 2 - 1) / (API_PAGE_WORK / 2));
    for (uint32_t i = 0; i < BX_MATCH_MAX; i++)
        some[i] = (struct bx_pair){bx_str("vcpus"), bx_str("7")};
    match = (struct bx_pairs){some, BX_MATCH_MAX};
    pages = 0;
    for (char after[256] = "x"; after[0] != '\0'; pages++) {
        page(t, pages == 0 ? "" : after, 0, &match);
        assert_true(fake.looked <= API_PAGE_WORK / (1 + BX_MATCH_MAX) + 2);
        snprintf(after, sizeof after, "%s", t->next);
    }
    assert_int_equal(t->items, OBJECTS / 100);
}

TEST(a_page_of_what_is_not_there_is_refused)
{
    struct bx_pair odd = {bx_str("phse"), bx_str("x")};
    struct bx_pairs match = {&odd, 1};

    page(&clients[0], "", 0, &match);
    assert_int_equal(clients[0].failures, 1);
    assert_int_equal(clients[0].err.code, BX_INVALID);
}

/* ---- turns ---- */

static void ask_lists(struct test_client *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct api_call *c = call(t, BX_M_VM_LIST);

        api_common(c)->consistency = BX_STALE;
        api_vm_list.run(c);
    }
}

static uint32_t answers(void)
{
    return clients[0].answers + clients[1].answers + clients[2].answers;
}

static uint32_t turn(void)
{
    uint32_t before = answers();

    uv_run(&loop, UV_RUN_NOWAIT);
    return answers() - before;
}

/* A page counts as a tenth of a millisecond at least, and a turn ends after one millisecond. */
TEST(a_turn_makes_few_pages_and_clients_take_turns)
{
    ask_lists(&clients[0], 100);
    ask_lists(&clients[1], 1);
    ask_lists(&clients[2], 10);
    assert_int_equal(answers(), 0);
    assert_true(turn() <= 10);
    assert_true(clients[1].answers == 1 && clients[2].answers > 0);
    while (answers() < 111) /* it rests between turns that have done so much */
        assert_true(turn() <= 10);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_false(uv_is_active((uv_handle_t *)&api->spin));
}

TEST(a_client_that_does_not_read_gets_no_page)
{
    uint32_t n;

    clients[0].queued = API_PAGES_QUEUED;
    ask_lists(&clients[0], 50);
    ask_lists(&clients[1], 5);
    while (clients[1].answers < 5)
        turn();
    assert_int_equal(clients[0].answers, 0);
    assert_false(uv_is_active((uv_handle_t *)&api->spin)); /* the loop may sleep */
    api_work(&clients[0].client);
    turn();
    assert_int_equal(clients[0].answers, 0);
    clients[0].queued = API_PAGES_QUEUED - 1;
    api_work(&clients[0].client);
    turn();
    n = clients[0].answers;
    assert_true(n > 0);
    clients[0].queued = API_PAGES_QUEUED; /* what it got has filled its queue again */
    for (int i = 0; i < 10; i++)
        turn();
    assert_int_equal(clients[0].answers, n);
    api_client_gone(&clients[0].client);
    for (int i = 0; i < 10; i++)
        turn();
    assert_int_equal(api->n_calls, 0);
    assert_int_equal(clients[0].answers, n);
    assert_int_equal(clients[0].failures, 0);
    clients[0].client.calls = 0;
}

TEST(lists_that_wait_when_the_daemon_stops_are_told)
{
    ask_lists(&clients[0], 3);
    api_set_node(api, NULL);
    while (api->n_calls > 0)
        turn();
    assert_int_equal(clients[0].failures, 3);
    assert_int_equal(clients[0].err.code, BX_SHUTDOWN);
}

int main(void)
{
    return test_run(setup, teardown);
}
