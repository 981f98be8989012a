# blixardd and blixard-vm.
include daemon/vmrun.mk

# The file functions on the kernel, apart so that tests can link them.
noinst_LIBRARIES += libdaemon_disk.a
libdaemon_disk_a_SOURCES = daemon/disk_fs.c daemon/disk_fs.h
