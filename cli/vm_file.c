#include "vm_file.h"

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
        rc = bx_hybrid_read(d, BX_USE_OTHER, BX_KIND_VM_CONFIG, &bx_vm_config_schema, bytes.data,
                            bytes.len, &taker, err);
        if (rc == BX_OK && n != 1)
            rc = bx_err_set(err, BX_INVALID, "%u configurations instead of one", n);
    }
    if (rc == BX_OK)
        return BX_OK;
    bx_err_wrap(err, "--file %s", path);
    bx_err_hint(err, "for example {\"vcpus\": 2, \"memory_mib\": 1024}; vm show -o json shows the "
                     "names");
    err->code = BX_INVALID;
    return BX_INVALID;
}
