# Real virtual machines: the shim blixard-vm and the driver that starts it.
bin_PROGRAMS += blixard-vm
blixard_vm_SOURCES = \
	daemon/vm_shim.c daemon/vm_shim.h daemon/vm_shim_child.c daemon/vm_shim_run.c \
	daemon/vm_shim_end.c daemon/vm_shim_peer.c
blixard_vm_CFLAGS = $(AM_CFLAGS)
blixard_vm_LDADD = daemon/libvmrun.a $(LIBCORE) $(JANSSON_LIBS) $(XXHASH_LIBS) -lpthread

# What blixardd needs to drive it; the shim takes the files they share.
noinst_LIBRARIES += daemon/libvmrun.a
daemon_libvmrun_a_SOURCES = \
	daemon/driver_qemu.c daemon/driver_qemu.h daemon/driver_qemu_int.h \
	daemon/driver_qemu_run.c daemon/driver_qemu_start.c daemon/driver_qemu_scan.c \
	daemon/driver_qemu_args.c daemon/driver_qemu_accel.c daemon/driver_qemu_remove.c \
	daemon/vm_shim_proto.c daemon/vm_shim_proto.h \
	daemon/vm_record.c daemon/vm_record.h daemon/vm_log.c daemon/vm_log.h \
	daemon/qmp.c daemon/qmp.h
daemon_libvmrun_a_CFLAGS = $(AM_CFLAGS)
