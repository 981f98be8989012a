#include "lib/testlib.h"

#include "qemu/priv.h"

#include <string.h>

static struct bx_arena arena;
static char *args[QEMU_ARGS_MAX];
static struct bx_err err;

static int build(const struct bx_vm_config *c, const char *accel)
{
    bx_arena_reset(&arena);
    return qemu_args("/usr/bin/qemu", accel, c, &arena, args, &err);
}

/* What follows an option; NULL when the option is not there. */
static const char *after(const char *option)
{
    size_t i;

    for (i = 0; args[i] != NULL; i++)
        if (strcmp(args[i], option) == 0)
            return args[i + 1];
    return NULL;
}

static struct bx_vm_config sample(void)
{
    return (struct bx_vm_config){.name = bx_str("web-1"), .vcpus = 2, .memory_mib = 512};
}

TEST(a_plain_vm_has_its_name_size_and_sandbox)
{
    struct bx_vm_config c = sample();

    assert_int_equal(build(&c, "tcg"), BX_OK);
    assert_string_equal(args[0], "/usr/bin/qemu");
    assert_string_equal(after("-name"), "web-1");
    assert_string_equal(after("-smp"), "2");
    assert_string_equal(after("-m"), "512M");
    assert_string_equal(after("-accel"), "tcg,tb-size=32");
    assert_null(after("-kernel"));
    assert_null(after("-append"));
    assert_null(after("-drive"));
    assert_non_null(after("-sandbox"));
    assert_int_equal(build(&c, "kvm"), BX_OK);
    assert_string_equal(after("-accel"), "kvm");
}

/* Commas, spaces and quotes of users stay inside one argument. */
TEST(what_a_user_wrote_stays_inside_one_argument)
{
    struct bx_vm_config c = sample();

    c.kernel = bx_str("/etc/shadow,x");
    c.initrd = bx_str("/etc/gshadow");
    assert_int_equal(build(&c, "tcg"), BX_OK);
    assert_string_equal(after("-kernel"), "/proc/self/fd/5"); /* QEMU opens no path of a user */
    assert_string_equal(after("-initrd"), "/proc/self/fd/6");
    assert_non_null(strstr(after("-append"), "console=ttyS0"));
    c.cmdline = bx_str("a=b,c \"d\" -drive file=/etc/shadow");
    assert_int_equal(build(&c, "tcg"), BX_OK);
    assert_string_equal(after("-append"), "a=b,c \"d\" -drive file=/etc/shadow");
    assert_null(after("-drive"));
}

TEST(a_disk_is_attached_by_its_kind)
{
    struct bx_vm_config c = sample();

    c.disk_gib = 10;
    assert_int_equal(build(&c, "tcg"), BX_OK);
    assert_non_null(strstr(after("-drive"), "file=disk.raw"));
    assert_string_equal(after("-device"), "virtio-blk-device,drive=disk");
    c.disk_ephemeral = true;
    assert_int_equal(build(&c, "tcg"), BX_OK);
    assert_non_null(strstr(after("-drive"), "file=scratch.raw"));
}

static int finish(void **state)
{
    (void)state;
    bx_arena_close(&arena);
    return 0;
}

int main(void)
{
    return test_run(NULL, finish);
}
