/* What a request means by a VM or a node, asked of a real daemon: a name, a uuid, the beginning of
 * a uuid. A reference never comes to mean something else between the request and its effect. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ID "00112233445566778899aabbccddee"

__attribute__((format(printf, 1, 2))) static const char *with(const char *fmt, ...)
{
    static char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return text;
}

static const char *text_of(bx_val map, const char *key)
{
    static char text[128];
    struct bx_str s = {"", 0};

    assert_true(bx_val_str(bx_val_get(map, key), &s));
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(s));
    return text;
}

/* A stopped VM; its uuid. */
static void create(const char *name, char uuid[BX_UUID_TEXT])
{
    bx_val v =
        rpc_ok(&host_client, "vm.create", with("{\"name\": \"%s\", \"stopped\": true}", name));

    snprintf(uuid, BX_UUID_TEXT, "%s", text_of(bx_val_get(v, "vm"), "uuid"));
}

static void is_there(const char *name, const char *uuid)
{
    bx_val v = rpc_ok(&host_client, "vm.show", with("{\"vm\": \"%s\"}", name));

    assert_string_equal(text_of(v, "uuid"), uuid);
}

TEST(deleting_a_name_twice_deletes_no_vm_whose_uuid_begins_like_it)
{
    char precious[BX_UUID_TEXT], uuid[BX_UUID_TEXT], digits[5];

    create("precious", precious);
    snprintf(digits, sizeof digits, "%.4s", precious);
    create(digits, uuid);
    rpc_ok(&host_client, "vm.delete", with("{\"vm\": \"%s\"}", digits));
    rpc_fails(&host_client, "vm.delete", with("{\"vm\": \"%s\"}", digits), BX_NOT_FOUND,
              "precious");
    is_there("precious", precious);
}

TEST(a_vm_is_deleted_by_its_name_or_its_whole_uuid)
{
    char web[BX_UUID_TEXT], db[BX_UUID_TEXT], most[BX_UUID_TEXT];

    create("web", web);
    create("db", db);
    snprintf(most, sizeof most, "%.35s", web);
    rpc_fails(&host_client, "vm.delete", with("{\"vm\": \"%s\"}", most), BX_NOT_FOUND,
              "vm delete web");
    rpc_ok(&host_client, "vm.delete", with("{\"vm\": \"%s\"}", web));
    rpc_ok(&host_client, "vm.delete", "{\"vm\": \"db\"}");
    rpc_fails(&host_client, "vm.show", with("{\"vm\": \"%s\"}", db), BX_NOT_FOUND, "vm list");
}

TEST(what_can_be_undone_takes_the_beginning_of_a_uuid)
{
    char web[BX_UUID_TEXT], digits[9];

    create("web", web);
    snprintf(digits, sizeof digits, "%.8s", web);
    rpc_ok(&host_client, "vm.start", with("{\"vm\": \"%s\"}", digits));
    rpc_ok(&host_client, "vm.stop", with("{\"vm\": \"%s\", \"force\": true}", digits));
    rpc_ok(&host_client, "vm.rename", with("{\"vm\": \"%s\", \"name\": \"www\"}", digits));
    is_there("www", web);
}

/* The repeat can not be looked up any more: the name is gone, or is another VM's. */
TEST(a_repeat_gets_the_first_answer_whatever_the_name_means_now)
{
    static const char once[] = "{\"vm\": \"web\", \"request_id\": \"" ID "01\"}";
    static const char rename[] =
        "{\"vm\": \"db\", \"name\": \"db2\", \"request_id\": \"" ID "02\"}";
    char web[BX_UUID_TEXT], db[BX_UUID_TEXT];
    uint64_t revision;

    create("web", web);
    create("db", db);
    revision = rpc_number(rpc_ok(&host_client, "vm.delete", once), "revision");
    assert_int_equal(rpc_number(rpc_ok(&host_client, "vm.delete", once), "revision"), revision);
    create("web", web);
    assert_int_equal(rpc_number(rpc_ok(&host_client, "vm.delete", once), "revision"), revision);
    is_there("web", web);
    revision = rpc_number(rpc_ok(&host_client, "vm.rename", rename), "revision");
    create("db", db);
    assert_int_equal(rpc_number(rpc_ok(&host_client, "vm.rename", rename), "revision"), revision);
    rpc_fails(&host_client, "vm.delete", "{\"vm\": \"db\", \"request_id\": \"" ID "02\"}",
              BX_CONFLICT, "another request");
    is_there("db", db);
}

TEST(what_is_not_there_is_refused_before_it_is_logged)
{
    uint64_t revision = rpc_number(rpc_ok(&host_client, "cluster.status", "{}"), "revision");
    char web[BX_UUID_TEXT];

    rpc_fails(&host_client, "vm.delete", "{\"vm\": \"web\", \"request_id\": \"" ID "03\"}",
              BX_NOT_FOUND, "vm list");
    assert_int_equal(rpc_number(rpc_ok(&host_client, "cluster.status", "{}"), "revision"),
                     revision);
    create("web", web); /* nothing was decided under that id: it may be used */
    rpc_ok(&host_client, "vm.delete", "{\"vm\": \"web\", \"request_id\": \"" ID "03\"}");
    rpc_fails(&host_client, "node.remove", "{\"node\": \"n9\"}", BX_NOT_FOUND, "node list");
    rpc_fails(&host_client, "node.remove", "{\"node\": \"n1\"}", BX_CONFLICT, "n1");
    rpc_fails(&host_client, "node.remove", "{\"node\": \"1\"}", BX_CONFLICT, "n1");
}

int main(void)
{
    return test_run(hosts_setup_client, hosts_teardown_client);
}
