/* Lists of real daemons: pages that go on after one another, whatever their objects hold, and
 * clients that ask for many at once. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "wire/proto.h"

#include <stdlib.h>
#include <string.h>

#define BIG_VMS 560u /* of some 40 KB each: more than a frame's 16 MiB in all */

static void pairs(struct bx_buf *b, unsigned n, unsigned bytes)
{
    char key[32], value[1100];

    memset(value, 'x', sizeof value);
    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "%s\"k%02u\":\"", i == 0 ? "" : ",", i);
        bx_buf_append(b, key, strlen(key));
        bx_buf_append(b, value, bytes);
        bx_buf_append(b, "\"", 1);
    }
}

/* The parameters of a VM that holds as much text as one may. */
static void big_vm(struct bx_buf *b, unsigned i)
{
    char text[64];

    b->len = 0;
    snprintf(text, sizeof text, "{\"name\":\"big-%04u\",\"stopped\":true,\"labels\":{", i);
    bx_buf_append(b, text, strlen(text));
    pairs(b, 64, 250);
    bx_buf_append(b, "},\"metadata\":{", 14);
    pairs(b, 15, 1000);
    bx_buf_append(b, "}}", 3); /* with its NUL */
}

static void create_big_vms(struct rpc *c)
{
    struct bx_buf b = {0};

    for (unsigned i = 0; i < BIG_VMS; i++) {
        big_vm(&b, (i * 9) % BIG_VMS);
        rpc_ok(c, "vm.create", (const char *)b.data);
    }
    bx_buf_release(&b);
}

/* Every page until the list is complete: how many objects they have, which must be those of the
 * VMs in order. */
static uint32_t walk(struct rpc *c, const char *more, uint32_t *pages)
{
    char params[400], want[32];
    uint32_t n = 0;

    *pages = 0;
    c->next[0] = '\0';
    do {
        bx_val list;

        snprintf(params, sizeof params, "{\"after\": \"%s\"%s}", c->next, more);
        list = rpc_ok(c, "vm.list", params);
        assert_true(c->used <= 2 * BX_PAGE_BYTES);
        assert_true(bx_val_len(list) <= BX_PAGE_ITEMS);
        for (uint32_t i = 0; i < bx_val_len(list); i++, n++) {
            struct bx_str name = {"", 0};

            snprintf(want, sizeof want, "big-%04u", n);
            assert_true(bx_val_str(bx_val_get(bx_val_at(list, i), "name"), &name));
            assert_true(bx_str_eq(name, bx_str(want)));
        }
        ++*pages;
    } while (c->next[0] != '\0');
    return n;
}

/* Lines of what blixardctl prints. */
static uint32_t printed(const char *words)
{
    const char *build = getenv("BLIXARD_BUILD");
    char command[5000], *line = NULL;
    size_t size = 0;
    uint32_t n = 0;
    FILE *f;

    snprintf(command, sizeof command, "%s/blixardctl --addr %s %s", build == NULL ? "." : build,
             hosts[0].local, words);
    f = popen(command, "r");
    assert_non_null(f);
    while (getline(&line, &size, f) > 0)
        n++;
    free(line);
    assert_int_equal(pclose(f), 0);
    return n;
}

TEST(a_list_beyond_any_frame_comes_in_pages)
{
    struct rpc c = host_dial(hosts[0].local);
    uint32_t pages;

    create_big_vms(&c);
    assert_int_equal(walk(&c, ", \"consistency\": \"stale\"", &pages), BIG_VMS);
    assert_true(pages > 10);
    assert_int_equal(walk(&c, "", &pages), BIG_VMS);
    assert_int_equal(walk(&c, ", \"limit\": 7", &pages), BIG_VMS);
    assert_int_equal(pages, (BIG_VMS + 6) / 7);
    assert_int_equal(printed("vm list -o name"), BIG_VMS);
    assert_int_equal(printed("vm list --no-headers --consistency stale 2>&1"), BIG_VMS + 1);
    assert_int_equal(printed("events -o csv --no-headers"), BIG_VMS + 2);
    rpc_close(&c);
}

/* 256 lists asked for at once are more than a connection may have queued: each is answered when
 * there is room for it, and others are served meanwhile. */
TEST(many_lists_at_once_are_answered_as_they_are_read)
{
    struct rpc c = host_dial(hosts[0].local), other = host_dial(hosts[0].api);
    struct bx_buf b = {0};
    uint64_t type, id, seen = 0, before;

    create_big_vms(&c);
    before = host_resident_kib();
    for (uint64_t i = 1; i <= 256; i++)
        rpc_request(&b, i, "vm.list", i % 2 == 0 ? "{}" : "{\"consistency\": \"stale\"}");
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    for (int i = 0; i < 50; i++)
        rpc_ok(&other, "vm.show", "{\"vm\": \"big-0001\"}");
    host_grew_little(before);
    while (seen < 256) {
        bx_val m = rpc_read(&c);

        assert_non_null(m);
        assert_true(bx_val_u64(bx_val_at(m, 0), &type));
        if (type == 2)
            continue;
        assert_true(bx_val_u64(bx_val_at(m, 1), &id) && id >= 1 && id <= 256);
        assert_int_equal(bx_val_type(bx_val_at(m, 3)), BX_V_ARRAY);
        seen++;
    }
    rpc_close(&c);
    rpc_close(&other);
}

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
