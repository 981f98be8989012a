#include "diagnose/priv.h"

#include "diag/jout.h"
#include "sys/stack.h"

#include <stdio.h>
#include <sys/utsname.h>

#define K(literal) ((struct bx_str){"" literal, sizeof(literal) - 1})
#define ALONE ((struct bx_str){"", 0}) /* the object itself has no key */

static void set(struct bx_scope *s, struct bx_str name, struct bx_buf *json)
{
    if (!json->failed)
        bx_scope_set_json(s, BX_SCOPE_CONTEXTS, name,
                          (struct bx_str){(const char *)json->data, (uint32_t)json->len});
    json->len = 0;
}

/* Everything but the name of the host. */
static void write_system(struct bx_jout *j, const struct utsname *u)
{
    bx_jout_open(j, ALONE, '{');
    bx_jout_str(j, K("name"), bx_str(u->sysname));
    bx_jout_str(j, K("version"), bx_str(u->release));
    bx_jout_str(j, K("build"), bx_str(u->version));
    bx_jout_close(j, '}');
}

static void write_machine(struct bx_jout *j, const struct utsname *u)
{
    bx_jout_open(j, ALONE, '{');
    bx_jout_str(j, K("arch"), bx_str(u->machine));
    bx_jout_close(j, '}');
}

static void write_program(struct bx_jout *j, uint64_t started_ns)
{
    size_t n;
    const uint8_t *build = stack_build_id(&n);

    bx_jout_open(j, ALONE, '{');
    bx_jout_str(j, K("app_name"), K("blixardd"));
    bx_jout_str(j, K("app_version"), K(PACKAGE_VERSION));
    if (n > 0)
        bx_jout_hex(j, K("app_build"), build, n);
    bx_jout_time(j, K("app_start_time"), started_ns);
    bx_jout_close(j, '}');
}

void diag_set_contexts(struct bx_scope *s, uint64_t started_ns)
{
    struct bx_buf json = {0};
    struct utsname u;

    if (uname(&u) == 0) {
        write_system(&(struct bx_jout){&json, false}, &u);
        set(s, K("os"), &json);
        write_machine(&(struct bx_jout){&json, false}, &u);
        set(s, K("device"), &json);
    }
    write_program(&(struct bx_jout){&json, false}, started_ns);
    set(s, K("app"), &json);
    bx_buf_release(&json);
}

void diag_set_number(struct bx_scope *s, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    bx_scope_set_json(s, BX_SCOPE_EXTRA, bx_str(key), bx_str(text));
}
