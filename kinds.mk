# The files of each kind of replicated object (libcore/state/kind.h): its model, its commands and
# methods, its rows, what applies its commands, what serves it, and the command line.

# cluster
libcore_a_SOURCES += libcore/wire/cluster.c libcore/wire/cluster.h libcore/state/kind_cluster.c
libdaemon_a_SOURCES += daemon/api/cluster.c
libcli_a_SOURCES += cli/cluster.c

# node
libcore_a_SOURCES += libcore/model/node.c libcore/model/node.h \
	libcore/wire/node.c libcore/wire/node.h \
	libcore/state/kind_node.c libcore/state/fsm_node.c
libdaemon_a_SOURCES += daemon/api/node.c
libcli_a_SOURCES += cli/node.c

# vm
libcore_a_SOURCES += libcore/model/vm.c libcore/model/vm.h \
	libcore/wire/vm.c libcore/wire/vm.h \
	libcore/state/kind_vm.c libcore/state/fsm_vm.c libcore/state/fsm_vm_report.c \
	libcore/state/fsm_place.c libcore/state/fsm_orphan.c
libdaemon_a_SOURCES += daemon/api/vm.c daemon/api/wait.c
libcli_a_SOURCES += cli/vm.c cli/vm.h cli/vm_create.c cli/vm_change.c cli/vm_file.c cli/vm_file.h cli/vm_logs.c cli/vm_wait.c

# token
libcore_a_SOURCES += libcore/state/token.h libcore/state/kind_token.c libcore/state/fsm_token.c
libdaemon_a_SOURCES += daemon/api/token.c

# ca
libcore_a_SOURCES += libcore/wire/ca.c libcore/wire/ca.h \
	libcore/state/ca.h libcore/state/kind_ca.c libcore/state/fsm_ca.c
libdaemon_a_SOURCES += daemon/api/rotate.c
libcli_a_SOURCES += cli/ca.c

# tenant
libcore_a_SOURCES += libcore/model/tenant.c libcore/model/tenant.h \
	libcore/wire/tenant.c libcore/wire/tenant.h \
	libcore/state/tenant.h libcore/state/kind_tenant.c libcore/state/fsm_tenant.c
libdaemon_a_SOURCES += daemon/api/tenant.c
libcli_a_SOURCES += cli/tenant.c

# user
libcore_a_SOURCES += libcore/model/user.c libcore/model/user.h \
	libcore/wire/user.c libcore/wire/user.h \
	libcore/state/user.h libcore/state/kind_user.c libcore/state/fsm_user.c
libdaemon_a_SOURCES += daemon/api/user.c
libcli_a_SOURCES += cli/user.c

# user_token
libcore_a_SOURCES += libcore/state/kind_user_token.c libcore/state/fsm_user_token.c
