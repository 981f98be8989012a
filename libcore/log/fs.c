#include "log/fs.h"

#include <errno.h>

int bx_fs_fail(const struct bx_fs *fs, int rc, const char *verb, const char *name,
               struct bx_err *err)
{
    int code = rc == -ENOSPC || rc == -EDQUOT ? BX_NO_SPACE : rc == -ENOMEM ? BX_NO_MEMORY : BX_IO;

    errno = -rc;
    return bx_err_set(err, code, "%s %s/%s: %m", verb, fs->dir, name);
}

int bx_fs_sync_fail(const struct bx_fs *fs, int rc, const char *name, struct bx_err *err)
{
    errno = -rc;
    return bx_err_set(err, BX_IO, "sync %s/%s: %m", fs->dir, name);
}

void bx_fs_hint_forget(const struct bx_fs *fs, struct bx_err *err)
{
    bx_err_hint(err,
                "if other nodes hold the cluster's state: blixardd --data %s --forget-cluster, "
                "which keeps vms, images and boot there; then join again",
                fs->dir);
}
