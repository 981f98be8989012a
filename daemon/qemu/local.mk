# The driver that starts QEMU by way of the shim.
daemon_libvmrun_a_SOURCES += \
	daemon/qemu/driver.c daemon/qemu/driver.h daemon/qemu/priv.h \
	daemon/qemu/vm.c daemon/qemu/vm.h \
	daemon/qemu/accel.c daemon/qemu/args.c daemon/qemu/boot.c daemon/qemu/remove.c daemon/qemu/run.c \
	daemon/qemu/scan.c daemon/qemu/start.c daemon/qemu/user.c daemon/qemu/user.h
