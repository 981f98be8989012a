/* vm.wait: a VM that changes is looked at by those who wait for it, and one client's or one
 * party's waits take no place from others. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include "mem/alloc.h"
#include "wire/command.h"

#include <string.h>
#include <time.h>

#define VMS 100u
#define CLIENTS 32u

static struct api_client clients[CLIENTS];
static char uuids[VMS][BX_UUID_TEXT];

static int setup(void **state)
{
    api_node_setup(state);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        api_client_init(&clients[i], api, &api_node_ops);
        clients[i].role = BX_RPC_ADMIN;
        snprintf(clients[i].principal, sizeof clients[i].principal, "tester");
    }
    for (uint32_t i = 0; i < VMS; i++) {
        char params[128], name[16];
        const struct bx_vm *vm;

        snprintf(name, sizeof name, "v%u", i);
        snprintf(params, sizeof params,
                 "{\"name\": \"%s\", \"disk_gib\": 0, \"memory_mib\": 1, \"stopped\": true}", name);
        assert_int_equal(call("vm.create", params), BX_OK);
        assert_int_equal(bx_view_find_vm(bx_node_view(node), bx_str(name), &vm, NULL), BX_OK);
        bx_uuid_format(vm->uuid, uuids[i]);
    }
    n_answers = 0;
    return 0;
}

static void wait_for(uint32_t i, uint32_t vm)
{
    char params[128];

    snprintf(params, sizeof params,
             "{\"vm\": \"%s\", \"until\": \"deleted\", \"timeout_ms\": 600000}", uuids[vm]);
    begin_as(&clients[i], "vm.wait", params);
}

static const struct bx_vm *vm_of(uint32_t i)
{
    uint8_t uuid[16];

    assert_true(bx_uuid_parse(uuids[i], BX_UUID_TEXT - 1, uuid));
    return bx_view_vm(bx_node_view(node), uuid);
}

/* The node tells the API of it. */
static void remove_vm(uint32_t i)
{
    struct bx_vm vm = *vm_of(i);

    api_on_vm(api, &vm, true);
}

TEST(those_who_wait_for_others_cost_nothing)
{
    clock_t began;

    for (uint32_t i = 0; i < 1500; i++)
        wait_for(i % CLIENTS, 1 + i % (VMS - 1));
    assert_int_equal(n_answers, 0);
    began = clock();
    for (uint32_t i = 0; i < 400000; i++)
        api_on_vm(api, vm_of(0), false);
    assert_true((clock() - began) * 1000 / CLOCKS_PER_SEC < 1000);
    assert_int_equal(n_answers, 0);
}

TEST(all_who_wait_for_it_are_answered)
{
    for (uint32_t i = 0; i < 90; i++)
        wait_for(i % CLIENTS, i % 3);
    remove_vm(1);
    assert_int_equal(n_answers, 30);
    remove_vm(0);
    remove_vm(2);
    assert_int_equal(n_answers, 90);
    remove_vm(1);
    assert_int_equal(n_answers, 90);
}

static void refused(const char *words)
{
    assert_int_equal(error.code, BX_BUSY);
    assert_non_null(strstr(error.msg, words));
    assert_true(error.hint[0] != '\0');
}

TEST(a_connection_has_a_bound)
{
    for (uint32_t i = 0; i < API_WAITS_PER_CLIENT; i++)
        wait_for(0, i % VMS);
    assert_int_equal(n_answers, 0);
    wait_for(0, 0);
    assert_int_equal(n_answers, 1);
    refused("connection");
    wait_for(1, 0);
    assert_int_equal(n_answers, 1);
    remove_vm(0); /* the first waits of both end */
    error.code = BX_OK;
    wait_for(0, 1);
    assert_int_equal(error.code, BX_OK);
}

TEST(a_party_has_a_share)
{
    struct api_party *tester = api_party_hold(api, &api->everybody, "tester");
    uint32_t n = 0;

    for (uint32_t i = 0; i < CLIENTS - 1; i++) {
        clients[i].party = tester;
        for (uint32_t k = 0; k < API_WAITS_PER_CLIENT && n_answers == 0; k++, n++)
            wait_for(i, k % VMS);
    }
    assert_int_equal(n_answers, 1);
    assert_int_equal(n, API_WAITS_MAX / 2 + 1);
    refused("tester");
    wait_for(CLIENTS - 1, 0); /* everybody else has the rest */
    assert_int_equal(n_answers, 1);
    api_party_drop(api, tester);
}

TEST(who_goes_away_gives_its_places_back)
{
    struct bx_alloc_stats before, after;

    wait_for(1, 0);
    bx_alloc_stats(&before);
    for (int round = 0; round < 40; round++) {
        for (uint32_t k = 0; k < API_WAITS_PER_CLIENT; k++)
            wait_for(0, k % VMS);
        api_client_gone(&clients[0]);
        api_client_init(&clients[0], api, &api_node_ops);
        clients[0].role = BX_RPC_ADMIN;
        snprintf(clients[0].principal, sizeof clients[0].principal, "tester");
        api_waits_expire(api, 1);
    }
    assert_int_equal(n_answers, 0);
    bx_alloc_stats(&after);
    assert_true(after.live_bytes < before.live_bytes + (1u << 20));
}

/* It waits for the VM to run, which fails twice instead. */
static void wait_for_failure(const char *name, bool unbegun, const char *said)
{
    const struct bx_vm *row;
    struct bx_vm vm;
    char params[160], uuid[BX_UUID_TEXT];

    snprintf(params, sizeof params, "{\"name\": \"%s\", \"disk_gib\": 0, \"memory_mib\": 1}", name);
    assert_int_equal(call("vm.create", params), BX_OK);
    assert_int_equal(bx_view_find_vm(bx_node_view(node), bx_str(name), &row, NULL), BX_OK);
    vm = *row;
    bx_uuid_format(vm.uuid, uuid);
    n_answers = 0;
    snprintf(params, sizeof params,
             "{\"vm\": \"%s\", \"until\": \"running\", \"epoch\": %u, \"timeout_ms\": 600000}",
             uuid, (unsigned)vm.epoch + 1);
    begin_as(&clients[0], "vm.wait", params);
    assert_int_equal(n_answers, 0);
    vm.epoch += 2;
    vm.phase = BX_PHASE_CREATING;
    vm.failures = 2;
    vm.unbegun = unbegun;
    vm.message = bx_str("why");
    api_on_vm(api, &vm, false);
    assert_int_equal(n_answers, 1);
    assert_int_equal(error.code, BX_FAILED);
    assert_memory_equal(error.msg, said, strlen(said));
}

TEST(a_vm_that_backs_off_has_failed_to_start_or_ran_and_failed)
{
    wait_for_failure("r", false, "VM \"r\" failed (why); retrying in ");
    wait_for_failure("s", true, "VM \"s\" failed to start (why); retrying in ");
}

int main(void)
{
    return test_run(setup, api_node_teardown);
}
