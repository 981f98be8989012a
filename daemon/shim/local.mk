# The shim: QEMU's parent, which outlives the daemon.
bin_PROGRAMS += blixard-vm
blixard_vm_SOURCES = \
	daemon/shim/main.c daemon/shim/shim.c daemon/shim/shim.h daemon/shim/child.c \
	daemon/shim/inherit.c daemon/shim/run.c daemon/shim/record.c \
	daemon/shim/end.c daemon/shim/peer.c daemon/shim/crash.c \
	daemon/sys/crash.c daemon/sys/crash_file.c daemon/sys/recdir.c daemon/sys/stack.c \
	daemon/sys/clock_wall.c daemon/sys/tick.c
blixard_vm_CFLAGS = $(AM_CFLAGS)
blixard_vm_LDADD = daemon/libvmrun.a $(LIBCORE) $(JANSSON_LIBS) $(XXHASH_LIBS) \
	$(LZ4_LIBS) $(ZSTD_LIBS) -lpthread
