# What libcore's ports need of the kernel and of libuv, and what every part of the daemon uses.
libdaemon_a_SOURCES += \
	daemon/sys/address.c daemon/sys/address.h \
	daemon/sys/archive.c daemon/sys/archive.h \
	daemon/sys/audit.c daemon/sys/audit.h daemon/sys/audit_files.c daemon/sys/audit_files.h \
	daemon/sys/clock.c daemon/sys/clock.h daemon/sys/clock_wall.c \
	daemon/sys/crash.c daemon/sys/crash.h daemon/sys/crash_data.c \
	daemon/sys/crash_file.c daemon/sys/crash_file.h \
	daemon/sys/data.c daemon/sys/data.h \
	daemon/sys/disk.c daemon/sys/disk.h \
	daemon/sys/fence.c daemon/sys/fence.h \
	daemon/sys/log.c daemon/sys/log.h daemon/sys/word.h \
	daemon/sys/log_threads.c daemon/sys/log_threads.h \
	daemon/sys/loop.c daemon/sys/loop.h \
	daemon/sys/router.c daemon/sys/router_counts.c daemon/sys/router.h daemon/sys/rate.h daemon/sys/sink.c daemon/sys/sink.h \
	daemon/sys/sink_console.c daemon/sys/sink_file.c daemon/sys/sink_file.h \
	daemon/sys/sink_journald.c daemon/sys/sink_net.c \
	daemon/sys/sink_node.c daemon/sys/sink_node.h daemon/sys/received.c daemon/sys/received.h \
	daemon/sys/pool.c daemon/sys/pool.h \
	daemon/sys/process.c daemon/sys/process.h \
	daemon/sys/secret_file.c daemon/sys/secret_file.h \
	daemon/sys/sim_runs.c daemon/sys/sim_runs.h \
	daemon/sys/recdir.c daemon/sys/recdir.h \
	daemon/sys/snapshot.c daemon/sys/snapshot.h \
	daemon/sys/stack.c daemon/sys/stack.h \
	daemon/sys/tick.c daemon/sys/tick.h \
	daemon/sys/keys.c daemon/sys/keys.h daemon/sys/keys_priv.h daemon/sys/keys_rotate.c daemon/sys/keys_sign.c \
	daemon/sys/watchdog.c daemon/sys/watchdog.h

# The file functions on the kernel, apart so that tests can link them.
noinst_LIBRARIES += libdaemon_disk.a
libdaemon_disk_a_SOURCES = daemon/sys/disk_fs.c daemon/sys/disk_fs.h
