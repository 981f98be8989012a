# What the daemon and the shim share: the files of a VM's directory, and QMP.
noinst_LIBRARIES += daemon/libvmrun.a
daemon_libvmrun_a_SOURCES = \
	daemon/vmdir/event.c daemon/vmdir/event.h \
	daemon/vmdir/file.c daemon/vmdir/file.h \
	daemon/vmdir/log.c daemon/vmdir/log.h \
	daemon/vmdir/proto.c daemon/vmdir/proto.h \
	daemon/vmdir/qmp.c daemon/vmdir/qmp.h \
	daemon/vmdir/record.c daemon/vmdir/record.h
daemon_libvmrun_a_CFLAGS = $(AM_CFLAGS)
