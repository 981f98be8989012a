/* Lists that come in pages: what the client asks for, and what is printed of them. */
#include "cli_fake.h"

#include "client.h"
#include "result.h"
#include "unit/cli_capture.h"

#include <string.h>

static struct client client;
static struct bx_err err;

static void open_client(const char *address)
{
    memset(&err, 0, sizeof err);
    assert_int_equal(client_init(&client, address, &err), BX_OK);
}

static void close_client(void)
{
    client_close(&client);
}

static const struct column columns[] = {{.title = "NAME", .key = "name"}, {0}};
static const struct command list_command = {.name = "vm list", .columns = columns};
static struct run run_list;

static void prepare_list(enum output_format format, const char *address)
{
    memset(&run_list, 0, sizeof run_list);
    run_list.command = &list_command;
    run_list.out.format = format;
    run_list.out.headers = true;
    run_list.timeout_ms = 5000;
    assert_int_equal(output_choose_columns(&run_list.out, columns, NULL, &run_list.err), BX_OK);
    assert_int_equal(client_init(&run_list.client, address, &run_list.err), BX_OK);
}

/* What is printed of pages is what is printed of one array of all, in every format. */
TEST(pages_are_printed_as_one_list)
{
    for (unsigned f = 0; f < OUTPUT__FORMATS; f++) {
        char paged[1000];
        struct fake fake;

        START(&fake, PAGE_ONE, PAGE_NONE, PAGE_LAST);
        prepare_list((enum output_format)f, fake.address);
        capture_begin(stdout);
        assert_int_equal(result_print_list(&run_list, "vm.list"), 0);
        snprintf(paged, sizeof paged, "%s", capture_end(stdout));
        client_close(&run_list.client);
        fake_stop(&fake);
        assert_int_equal(fake.n, 3);
        assert_string_equal(fake.afters[0], "");
        assert_string_equal(fake.afters[1], "b");
        assert_string_equal(fake.afters[2], "b2");
        capture_begin(stdout);
        assert_int_equal(result_print(&run_list, capture_value("[{\"name\":\"a\"},{\"name\":\"b\"},"
                                                               "{\"name\":\"c\"}]")),
                         0);
        assert_string_equal(capture_end(stdout), paged);
    }
    capture_close();
}

static bool count_page(void *ctx, bx_val items)
{
    *(unsigned *)ctx += bx_val_len(items);
    return *(unsigned *)ctx < 3;
}

/* Attempts of a page that came to nothing do not tell where the list goes on. */
TEST(a_page_is_repeated_until_it_is_answered)
{
    struct params none = {0};
    struct fake f;
    unsigned n = 0;

    START(&f, PAGE_ONE, CLOSE, NO_LEADER, PAGE_NONE, PAGE_LAST);
    open_client(f.address);
    assert_int_equal(client_list(&client, "vm.list", &none, 5000, count_page, &n, &err), BX_OK);
    close_client();
    fake_stop(&f);
    assert_int_equal(n, 3);
    assert_int_equal(f.n, 5);
    assert_string_equal(f.afters[2], "b");
    assert_string_equal(f.afters[3], "b");
    assert_string_equal(f.afters[4], "b2");
}

TEST(a_list_that_does_not_go_on_ends)
{
    struct params none = {0};
    struct fake f;
    unsigned n = 0;

    START(&f, PAGE_NONE, PAGE_NONE, PAGE_NONE);
    open_client(f.address);
    assert_int_equal(client_list(&client, "vm.list", &none, 5000, count_page, &n, &err),
                     BX_MALFORMED);
    close_client();
    fake_stop(&f);
    assert_int_equal(f.n, 2);
    START(&f, PAGE_ONE, PAGE_ONE, PAGE_LAST);
    open_client(f.address);
    assert_int_equal(client_list(&client, "vm.list", &none, 5000, count_page, &n, &err), BX_OK);
    close_client();
    fake_stop(&f);
    assert_int_equal(n, 4); /* page() has had enough */
    assert_int_equal(f.n, 2);
}

int main(void)
{
    return test_run(fake_setup, fake_teardown);
}
