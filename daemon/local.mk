# blixardd and blixard-vm: one makefile fragment a folder.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_SOURCES = \
	daemon/daemon.c daemon/daemon.h daemon/daemon_diag.c daemon/daemon_driver.c daemon/daemon_member.c daemon/daemon_join.c daemon/daemon_secure.c daemon/daemon_ca.c daemon/daemon_audit.c daemon/daemon_metrics.c \
	daemon/forget.c daemon/forget.h \
	daemon/options.c daemon/options.h daemon/options_value.c daemon/options_check.c daemon/options_value.h daemon/options_diag.h
libdaemon_a_SOURCES += daemon/daemon_watch.c
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(MHD_CFLAGS) $(CURL_CFLAGS)

# What blixardd is made of, apart from main: tests link it too.
LIBDAEMON_LIBS = libdaemon.a libdaemon_disk.a libpki.a $(LIBCORE_LIBS) $(UV_LIBS) $(FYAML_LIBS) \
	$(CRYPTO_LIBS) $(MHD_LIBS) $(CURL_LIBS)

include daemon/sys/local.mk
include daemon/diagnose/local.mk
include daemon/transport/local.mk
include daemon/link/local.mk
include daemon/api/local.mk
include daemon/http/local.mk
include daemon/vmdir/local.mk
include daemon/qemu/local.mk
include daemon/shim/local.mk

bin_PROGRAMS += blixardd
blixardd_SOURCES = daemon/main.c
blixardd_LDADD = libdaemon.a daemon/libvmrun.a libdaemon_disk.a libpki.a $(LIBCORE_LIBS) $(UV_LIBS) \
	$(FYAML_LIBS) $(CRYPTO_LIBS) $(MHD_LIBS) $(CURL_LIBS)
