# blixardd and blixard-vm.
include daemon/vmrun.mk

# The file functions on the kernel, apart so that tests can link them.
noinst_LIBRARIES += libdaemon_disk.a
libdaemon_disk_a_SOURCES = daemon/disk_fs.c daemon/disk_fs.h

# What blixardd is made of, apart from main: tests link it too.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = \
	daemon/log.c daemon/log.h \
	daemon/data.c daemon/data.h \
	daemon/clock.c daemon/clock.h \
	daemon/address.c daemon/address.h \
	daemon/token.c daemon/token.h \
	daemon/options.c daemon/options.h \
	daemon/loop.c daemon/loop.h \
	daemon/disk.c daemon/disk.h \
	daemon/link.c daemon/link.h \
	daemon/link_conn.c daemon/link_conn.h daemon/link_hello.c \
	daemon/daemon.c daemon/daemon.h daemon/daemon_driver.c daemon/daemon_member.c \
	daemon/sim_runs.c daemon/sim_runs.h
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
LIBDAEMON_LIBS = libdaemon.a libdaemon_disk.a $(LIBCORE_LIBS) $(UV_LIBS) $(FYAML_LIBS) \
	$(CRYPTO_LIBS)

# The API server; needs everything above.
libdaemon_a_SOURCES += daemon/api.h daemon/api_priv.h daemon/api.c daemon/api_conn.c \
	daemon/api_call.c daemon/api_params.c daemon/api_encode.c daemon/api_vm.c \
	daemon/api_cluster.c \
	daemon/api_events.c daemon/api_mem.c daemon/api_sql.c

bin_PROGRAMS += blixardd
blixardd_SOURCES = daemon/main.c
blixardd_LDADD = libdaemon.a daemon/libvmrun.a libdaemon_disk.a $(LIBCORE_LIBS) $(UV_LIBS) \
	$(FYAML_LIBS) $(CRYPTO_LIBS)
