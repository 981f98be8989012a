# blixardd and blixard-vm.
include daemon/vmrun.mk

# The file functions on the kernel, apart so that tests can link them.
noinst_LIBRARIES += libdaemon_disk.a
libdaemon_disk_a_SOURCES = daemon/disk_fs.c daemon/disk_fs.h

# What blixardd is made of, apart from main: tests link it too.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = daemon/disk.c daemon/disk.h daemon/link.c daemon/link.h \
	daemon/link_conn.c daemon/link_conn.h daemon/link_hello.c
