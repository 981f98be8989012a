#include "vm_file.h"

#include "build.h"
#include "codec/json.h"
#include "mem/alloc.h"

#include <errno.h>
#include <stdio.h>

static int read_all(const char *path, struct bx_buf *b, struct bx_err *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    uint8_t *p = f == NULL ? NULL : bx_buf_extend(b, VM_FILE_MAX + 1);
    int rc = BX_OK;

    if (f == NULL)
        return bx_err_set(err, BX_INVALID, "%s", strerror(errno));
    if (p == NULL) {
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
    } else {
        b->len = fread(p, 1, VM_FILE_MAX + 1, f);
        if (ferror(f))
            rc = bx_err_set(err, BX_INVALID, "not readable");
        else if (b->len == 0)
            rc = bx_err_set(err, BX_INVALID, "is empty");
        else if (b->len > VM_FILE_MAX)
            rc = bx_err_set(err, BX_INVALID, "larger than %u KiB", VM_FILE_MAX >> 10);
    }
    if (f != stdin)
        fclose(f);
    return rc;
}

/* ---- a VM as vm show prints it ---- */

static bool has_text(bx_val v, const char *key, const char *text)
{
    struct bx_str s;

    return bx_val_str(bx_val_get(v, key), &s) && bx_str_eq(s, bx_str(text));
}

static bool is_shown(bx_val v)
{
    return bx_val_get(v, "uuid") != NULL && bx_val_get(v, "phase") != NULL &&
           bx_val_get(v, "desired") != NULL;
}

/* What it has beside its configuration is left out. Its node is where it is, not where it is to be,
 * unless only that was asked for. */
static bool is_configured(bx_val v, struct bx_str key)
{
    const struct bx_schema *s = &bx_vm_config_schema;
    uint32_t i = 0;

    if (bx_str_eq(key, bx_str("node")))
        return has_text(v, "strategy", "manual");
    while (i < s->n && !bx_str_eq(key, bx_str(s->fields[i].name)))
        i++;
    return i < s->n;
}

static void add_configured(struct bx_buf *out, bx_val v)
{
    struct bx_buf pairs = {0};
    uint32_t n = 1;

    build_pair_bool(&pairs, "stopped", has_text(v, "desired", "stopped"));
    for (uint32_t i = 0; i < bx_val_len(v); i++) {
        struct bx_str key = {"", 0};

        bx_val_str(bx_val_key(v, i), &key);
        if (!is_configured(v, key) || bx_val_type(bx_val_value(v, i)) == BX_V_NIL)
            continue;
        build_strn(&pairs, key);
        build_val(&pairs, bx_val_value(v, i));
        n++;
    }
    build_map(out, n);
    build_bytes(out, pairs.data, pairs.len);
    bx_buf_release(&pairs);
}

/* Leave its configuration in b. Whatever else b is stays as it is: its reader says what is wrong
 * with it. */
static void reduce_shown(struct bx_buf *b)
{
    struct bx_buf packed = {0}, kept = {0};
    bx_val v;

    if (bx_json_read(&packed, (const char *)b->data, b->len, 2 * VM_FILE_MAX, NULL) == BX_OK) {
        v = build_parse(&packed);
        if (is_shown(v)) {
            add_configured(&kept, v);
            b->len = 0;
            bx_must_ok(bx_json_write(b, build_parse(&kept), 0));
        }
    }
    bx_buf_release(&packed);
    bx_buf_release(&kept);
}

/* ---- reading ---- */

static void take(void *ctx, const void *obj)
{
    (void)obj;
    ++*(unsigned *)ctx;
}

int vm_file_read(const char *path, struct bx_decoder *d, struct bx_vm_config *c, struct bx_err *err)
{
    static struct bx_buf bytes; /* the text may point into it */
    struct bx_vm_config initial = *c;
    unsigned n = 0;
    struct bx_taker taker = {c, &initial, take, &n};
    int rc = read_all(path, &bytes, err);

    if (rc == BX_OK) {
        reduce_shown(&bytes);
        rc = bx_hybrid_read(d, BX_USE_OTHER, BX_KIND_VM_CONFIG, &bx_vm_config_schema, bytes.data,
                            bytes.len, &taker, err);
        if (rc == BX_OK && n != 1)
            rc = bx_err_set(err, BX_INVALID, "%u configurations instead of one", n);
    }
    if (rc == BX_OK)
        return BX_OK;
    bx_err_wrap(err, "--file %s", path);
    bx_err_hint(err, "for example {\"vcpus\": 2, \"memory_mib\": 1024}, or what vm show -o json "
                     "prints");
    err->code = BX_INVALID;
    return BX_INVALID;
}
