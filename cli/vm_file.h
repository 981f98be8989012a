/* vm_file - a VM's configuration out of a file: JSON as people write it, or as vm show prints it,
 * or any form behind a head. */
#ifndef CLI_VM_FILE_H
#define CLI_VM_FILE_H

#include "codec/hybrid.h"
#include "model/vm.h"

#define VM_FILE_MAX (256u << 10)

/* "-" is stdin. What the file leaves out stays as it is in *c; its text lives in d. BX_OK, or an
 * error that names the file. */
int vm_file_read(const char *path, struct bx_decoder *d, struct bx_vm_config *c,
                 struct bx_err *err);

#endif
