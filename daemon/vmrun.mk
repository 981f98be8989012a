# Real virtual machines: the shim blixard-vm and the driver that starts it.
bin_PROGRAMS += blixard-vm
blixard_vm_SOURCES = \
	daemon/vm_shim.c daemon/vm_shim.h daemon/vm_shim_child.c daemon/vm_shim_run.c \
	daemon/vm_shim_end.c daemon/vm_shim_peer.c \
	daemon/vm_shim_proto.c daemon/vm_shim_proto.h \
	daemon/vm_record.c daemon/vm_record.h daemon/vm_log.c daemon/vm_log.h \
	daemon/qmp.c daemon/qmp.h
blixard_vm_CFLAGS = $(AM_CFLAGS)
blixard_vm_LDADD = $(LIBCORE) $(JANSSON_LIBS) $(XXHASH_LIBS) -lpthread
