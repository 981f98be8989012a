/* scope: what a child shares with its parent, the bounds of maps and breadcrumbs, the hooks, and
 * that nothing is lost or leaked when memory runs out. */
#include "lib/testlib.h"

#include "diag/report.h"
#include "diag/scope.h"
#include "mem/alloc.h"

#include <string.h>

static uint64_t clock_ns;

static uint64_t now(void)
{
    return ++clock_ns;
}

static struct bx_scopes open_scopes(struct bx_scopes_options o)
{
    struct bx_scopes s;

    o.client = true;
    o.now_ns = now;
    clock_ns = 0;
    assert_int_equal(bx_scopes_open(&s, &o), BX_OK);
    return s;
}

static void assert_tag(const struct bx_scope *s, const char *key, const char *value)
{
    struct bx_str v = bx_bag_get(s->bags[BX_SCOPE_TAGS], bx_str(key));

    if (value == NULL)
        assert_null(v.p);
    else
        assert_true(v.p != NULL && bx_str_eq(v, bx_str(value)));
}

static void tag(struct bx_scope *s, const char *key, const char *value)
{
    bx_scope_set_tag(s, bx_str(key), bx_str(value));
}

static void crumb(struct bx_scope *s, const char *message)
{
    bx_scope_crumb(s, BX_SEVERITY_INFO, bx_str("test"), bx_str(message), NULL, 0);
}

static void assert_crumb(const struct bx_scope *s, uint32_t i, const char *message)
{
    struct bx_pair pairs[BX_CRUMB_PAIRS];
    struct bx_crumb c = bx_crumbs_get(s->crumbs, i, pairs);

    assert_true(bx_str_eq(c.message, bx_str(message)));
}

TEST(without_a_client_there_are_no_scopes_and_nothing_is_allocated)
{
    struct bx_scopes_options o = {.now_ns = now};
    struct bx_alloc_stats before, after;
    struct bx_scopes s;
    struct bx_scope *scope;

    bx_alloc_stats(&before);
    assert_int_equal(bx_scopes_open(&s, &o), BX_OK);
    scope = bx_scope_push(&s, NULL);
    assert_null(scope);
    tag(scope, "a", "b");
    crumb(scope, "lost");
    bx_scope_set_name(scope, bx_str("x"));
    bx_scope_set_json(scope, BX_SCOPE_EXTRA, bx_str("n"), bx_str("1"));
    bx_scope_clear(scope);
    bx_scope_pop(scope);
    bx_scopes_close(&s);
    bx_alloc_stats(&after);
    assert_true(before.allocations == after.allocations);
}

TEST(a_child_has_what_its_parent_has_and_changes_only_itself)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *process = bx_scope_push(&s, NULL), *request, *action;

    tag(process, "release", "1.0");
    tag(process, "zone", "a");
    crumb(process, "started");
    bx_scope_set_name(process, bx_str("idle"));
    request = bx_scope_push(&s, process);
    assert_ptr_equal(request->bags[BX_SCOPE_TAGS], process->bags[BX_SCOPE_TAGS]);
    assert_ptr_equal(request->crumbs, process->crumbs);
    tag(request, "zone", "b");
    crumb(request, "decoded");
    bx_scope_set_name(request, bx_str("vm.create"));
    action = bx_scope_push(&s, request);
    tag(action, "step", "start");
    assert_tag(process, "zone", "a");
    assert_tag(request, "zone", "b");
    assert_tag(request, "step", NULL);
    assert_tag(action, "zone", "b");
    assert_tag(action, "release", "1.0");
    assert_int_equal(bx_crumbs_n(process->crumbs), 1);
    assert_int_equal(bx_crumbs_n(action->crumbs), 2);
    assert_crumb(action, 1, "decoded");
    assert_true(action->name_n == 9 && memcmp(action->name, "vm.create", 9) == 0);
    assert_true(process->name_n == 4 && action->parent == request);
    bx_scope_pop(action);
    bx_scope_pop(request);
    assert_tag(process, "zone", "a");
    bx_scope_pop(process);
    bx_scopes_close(&s);
}

TEST(a_collection_is_kept_only_when_nobody_else_has_it)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL), *b;

    tag(a, "k", "v");
    b = bx_scope_push(&s, a);
    bx_scope_pop(b);
    assert_int_equal(s.bags[BX_SCOPE_TAGS].stats.available, 0);
    assert_tag(a, "k", "v");
    bx_scope_pop(a);
    assert_int_equal(s.bags[BX_SCOPE_TAGS].stats.available, 1);
    bx_scopes_close(&s);
}

TEST(the_stores_keep_as_much_as_their_bounds_say)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *v[20];

    for (int i = 0; i < 20; i++) {
        v[i] = bx_scope_push(&s, NULL);
        tag(v[i], "k", "v");
        bx_scope_set(v[i], BX_SCOPE_EXTRA, bx_str("k"), bx_str("v"));
        crumb(v[i], "here");
    }
    for (int i = 0; i < 20; i++)
        bx_scope_pop(v[i]);
    assert_int_equal(s.bags[BX_SCOPE_TAGS].stats.available, BX_BAG_POOLED);
    assert_int_equal(s.bags[BX_SCOPE_EXTRA].stats.available, BX_BAG_POOLED);
    assert_int_equal(s.crumbs.stats.available, BX_CRUMBS_POOLED);
    assert_int_equal(s.stats.available, BX_SCOPES_KEPT);
    bx_scopes_close(&s);
}

TEST(a_collection_that_grew_beyond_what_is_kept_is_freed)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){.max_crumbs = 1000});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    for (uint32_t i = 0; i <= BX_BAG_KEPT; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%u", i);
        tag(a, key, "v");
    }
    for (uint32_t i = 0; i <= BX_CRUMBS_KEPT; i++)
        crumb(a, "x");
    bx_scope_pop(a);
    assert_int_equal(s.bags[BX_SCOPE_TAGS].stats.available, 0);
    assert_int_equal(s.crumbs.stats.available, 0);
    bx_scopes_close(&s);
}

TEST(the_oldest_breadcrumb_is_dropped_at_the_maximum)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    for (unsigned i = 0; i < 1000; i++) {
        char text[32];

        snprintf(text, sizeof text, "number %u", i);
        crumb(a, text);
        assert_crumb(a, bx_crumbs_n(a->crumbs) - 1, text);
    }
    assert_int_equal(bx_crumbs_n(a->crumbs), BX_CRUMBS);
    assert_crumb(a, 0, "number 900");
    assert_crumb(a, 99, "number 999");
    assert_int_equal(s.crumbs.evicted, 900);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

/* n of them, numbered from `first`. */
static void many(struct bx_scope *s, unsigned first, unsigned n)
{
    struct bx_crumb *v = bx_must_calloc(n, sizeof *v);
    char(*text)[16] = bx_must_calloc(n, sizeof *text);

    for (unsigned i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "%u", first + i);
        v[i] = (struct bx_crumb){.time_ns = i, .message = bx_str(text[i])};
    }
    bx_scope_crumbs(s, v, n);
    bx_free(text);
    bx_free(v);
}

TEST(many_breadcrumbs_at_once_leave_the_newest_ones)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){.max_crumbs = 10});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    many(a, 0, 7);
    many(a, 7, 6);
    assert_int_equal(bx_crumbs_n(a->crumbs), 10);
    assert_crumb(a, 0, "3");
    assert_crumb(a, 9, "12");
    many(a, 13, 25);
    assert_crumb(a, 0, "28");
    assert_crumb(a, 9, "37");
    assert_int_equal(s.crumbs.evicted + 10, s.crumbs.added);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(random_operations_give_what_a_plain_list_gives)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){.max_crumbs = 37});
    struct bx_scope *a = bx_scope_push(&s, NULL), *b = NULL;
    unsigned n = 0;
    uint64_t seed = 5;

    for (int step = 0; step < 3000; step++) {
        unsigned k = (unsigned)(test_random(&seed) % 50) + 1;
        char last[16], first[16];

        if (test_random(&seed) % 3 == 0 && b == NULL)
            b = bx_scope_push(&s, a);
        many(a, n, k);
        n += k;
        snprintf(last, sizeof last, "%u", n - 1);
        snprintf(first, sizeof first, "%u", n - bx_crumbs_n(a->crumbs));
        assert_int_equal(bx_crumbs_n(a->crumbs), n < 37 ? n : 37);
        assert_crumb(a, bx_crumbs_n(a->crumbs) - 1, last);
        assert_crumb(a, 0, first);
        if (b != NULL && test_random(&seed) % 2 == 0) {
            bx_scope_pop(b);
            b = NULL;
        }
    }
    bx_scope_pop(b);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

static bool no_secrets(void *ctx, struct bx_scope *s, struct bx_crumb *c)
{
    assert_non_null(s);
    ++*(unsigned *)ctx;
    if (bx_str_eq(c->message, bx_str("drop")))
        return false;
    if (bx_str_eq(c->message, bx_str("secret")))
        c->message = bx_str("[hidden]");
    return true;
}

TEST(the_hook_rewrites_and_drops_breadcrumbs)
{
    unsigned calls = 0;
    struct bx_scopes s =
        open_scopes((struct bx_scopes_options){.before_crumb = no_secrets, .ctx = &calls});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    crumb(a, "drop");
    crumb(a, "secret");
    crumb(a, "plain");
    assert_int_equal(calls, 3);
    assert_int_equal(bx_crumbs_n(a->crumbs), 2);
    assert_crumb(a, 0, "[hidden]");
    assert_crumb(a, 1, "plain");
    assert_int_equal(s.crumbs_dropped, 1);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(a_breadcrumb_keeps_its_data_its_time_and_its_level)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);
    struct bx_pair data[] = {{bx_str("vm"), bx_str("web1")}, {bx_str("node"), bx_str("")}};
    struct bx_pair pairs[BX_CRUMB_PAIRS];
    struct bx_crumb c;

    bx_scope_crumb(a, BX_SEVERITY_WARNING, bx_str("api"), bx_str("refused"), data, 2);
    c = bx_crumbs_get(a->crumbs, 0, pairs);
    assert_int_equal(c.time_ns, 1);
    assert_int_equal(c.level, BX_SEVERITY_WARNING);
    assert_true(bx_str_eq(c.category, bx_str("api")) && bx_str_eq(c.message, bx_str("refused")));
    assert_int_equal(c.n, 2);
    assert_true(bx_str_eq(pairs[0].key, bx_str("vm")));
    assert_true(bx_str_eq(pairs[0].value, bx_str("web1")));
    assert_true(bx_str_eq(pairs[1].key, bx_str("node")) && pairs[1].value.n == 0);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(what_is_too_long_is_cut_between_characters_and_counted)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);
    char text[BX_BAG_VALUE + 10];
    struct bx_pair pairs[BX_CRUMB_PAIRS];

    memset(text, 'a', sizeof text);
    memcpy(text + BX_CRUMB_TEXT - 1, "\xc3\xa4", 2); /* begins within, ends beyond */
    memcpy(text + BX_BAG_VALUE - 2, "\xe2\x82\xac", 3);
    text[sizeof text - 1] = '\0';
    crumb(a, text);
    tag(a, "long", text);
    assert_int_equal(bx_crumbs_get(a->crumbs, 0, pairs).message.n, BX_CRUMB_TEXT - 1);
    assert_int_equal(bx_bag_get(a->bags[BX_SCOPE_TAGS], bx_str("long")).n, BX_BAG_VALUE - 2);
    assert_int_equal(s.crumbs.cut, 1);
    assert_int_equal(s.bags[BX_SCOPE_TAGS].cut, 1);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(a_map_that_is_full_refuses_and_counts)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    for (uint32_t i = 0; i < BX_BAG_MAX + 5; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%u", i);
        tag(a, key, "v");
    }
    tag(a, "k0", "again");
    assert_int_equal(bx_bag_n(a->bags[BX_SCOPE_TAGS]), BX_BAG_MAX);
    assert_int_equal(s.lost, 5);
    assert_tag(a, "k0", "again");
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(a_value_is_replaced_and_its_garbage_is_bounded)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    for (unsigned i = 0; i < 5000; i++) {
        char value[64];

        snprintf(value, sizeof value, "the value of round %u", i);
        tag(a, "release", value);
        tag(a, "other", value);
        assert_tag(a, "release", value);
    }
    assert_true(a->bags[BX_SCOPE_TAGS]->text.cap <= 16384);
    assert_int_equal(bx_bag_n(a->bags[BX_SCOPE_TAGS]), 2);
    bx_scope_clear(a);
    assert_int_equal(bx_bag_n(a->bags[BX_SCOPE_TAGS]), 0);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

TEST(the_common_keys_are_stored_once_for_all)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL);

    tag(a, "user.id", "7");
    assert_ptr_equal(bx_bag_key(a->bags[BX_SCOPE_TAGS], 0).p, bx_key_user_id.s);
    tag(a, "user.id", "8");
    assert_int_equal(bx_bag_n(a->bags[BX_SCOPE_TAGS]), 1);
    assert_tag(a, "user.id", "8");
    assert_int_equal(bx_common_key(bx_str("user.name")), BX_TAG_NONE);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

static bool rename_it(void *ctx, struct bx_report *r)
{
    r->message = bx_str(ctx);
    return true;
}

static bool refuse(void *ctx, struct bx_report *r)
{
    (void)ctx, (void)r;
    return false;
}

TEST(a_report_takes_what_its_scope_has_and_the_processors_decide)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *a = bx_scope_push(&s, NULL), *b;
    struct bx_report r = {.time_ns = 1, .level = BX_SEVERITY_ERROR};
    struct bx_report t = {.time_ns = 2, .start_ns = 1, .level = BX_SEVERITY_INFO};
    struct bx_span span = {.trace = {1}, .span = {2}};

    tag(a, "k", "v");
    crumb(a, "x");
    bx_scope_set_name(a, bx_str("vm.list"));
    bx_scope_set_span(a, &span);
    bx_scope_add_processor(a, (struct bx_processor){rename_it, "changed"});
    assert_true(bx_report_in_scope(&r, a));
    assert_true(bx_str_eq(r.message, bx_str("changed")));
    assert_true(bx_str_eq(r.transaction, bx_str("vm.list")));
    assert_ptr_equal(r.bags[BX_SCOPE_TAGS], a->bags[BX_SCOPE_TAGS]);
    assert_ptr_equal(r.crumbs, a->crumbs);
    assert_int_equal(r.span.trace[0], 1);
    assert_int_equal(r.level, BX_SEVERITY_ERROR); /* its own */
    bx_scope_set_level(a, BX_SEVERITY_WARNING);
    assert_true(bx_report_in_scope(&r, a));
    assert_int_equal(r.level, BX_SEVERITY_WARNING);
    assert_true(bx_report_in_scope(&t, a));
    assert_null(t.crumbs); /* a transaction has neither */
    assert_int_equal(t.level, BX_SEVERITY_INFO);
    b = bx_scope_push(&s, a);
    bx_scope_add_processor(b, (struct bx_processor){refuse, NULL});
    assert_false(bx_report_in_scope(&r, b));
    for (int i = 0; i < 4; i++)
        bx_scope_add_processor(b, (struct bx_processor){refuse, NULL});
    assert_int_equal(s.lost, 2);
    assert_true(bx_report_in_scope(&r, NULL));
    bx_scope_pop(b);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

static void request(struct bx_scopes *s, struct bx_scope *process)
{
    struct bx_scope *a = bx_scope_push(s, process);

    tag(a, "method", "vm.create");
    for (int k = 0; k < 6; k++)
        crumb(a, "a step of it");
    bx_scope_pop(a);
}

TEST(warm_scopes_allocate_nothing)
{
    struct bx_scopes s = open_scopes((struct bx_scopes_options){0});
    struct bx_scope *process = bx_scope_push(&s, NULL);
    struct bx_alloc_stats before, after;

    tag(process, "release", "1.0");
    for (int i = 0; i < 3; i++)
        request(&s, process);
    bx_alloc_stats(&before);
    for (int i = 0; i < 10000; i++)
        request(&s, process);
    bx_alloc_stats(&after);
    assert_true(before.allocations == after.allocations);
    assert_true(s.stats.misses * 1000 <= s.stats.hits);
    assert_true(s.crumbs.stats.misses * 1000 <= s.crumbs.stats.hits);
    bx_scope_pop(process);
    bx_scopes_close(&s);
}

static void use(void *ctx)
{
    struct bx_scopes_options o = {.client = true, .now_ns = now};
    struct bx_scope *a, *b;
    struct bx_scopes s;

    (void)ctx;
    if (bx_scopes_open(&s, &o) != BX_OK)
        return;
    a = bx_scope_push(&s, NULL);
    for (int i = 0; i < 20; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", i);
        tag(a, key, "v");
        crumb(a, key);
    }
    b = bx_scope_push(&s, a);
    tag(b, "k0", "w");
    crumb(b, "more");
    if (a != NULL && b != NULL && s.lost == 0)
        assert_tag(a, "k0", "v");
    bx_scope_pop(b);
    bx_scope_pop(a);
    bx_scopes_close(&s);
    bx_buf_thread_close();
}

TEST(exhausted_memory_loses_what_was_to_be_set_and_nothing_else)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use, NULL) > 10);
}

int main(void)
{
    return test_run(NULL, NULL);
}
