#include "log/fs.h"

#include <errno.h>

int bx_fs_fail(const struct bx_fs *fs, int rc, const char *verb, const char *name,
               struct bx_err *err)
{
    int code = rc == -ENOSPC || rc == -EDQUOT ? BX_NO_SPACE : rc == -ENOMEM ? BX_NO_MEMORY : BX_IO;

    errno = -rc;
    return bx_err_set(err, code, "%s %s/%s: %m", verb, fs->dir, name);
}
