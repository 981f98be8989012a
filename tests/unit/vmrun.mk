# Unit tests of what runs VMs: QMP, records and logs, QEMU's command line.
VMRUN_LIBS = libtest.a daemon/libvmrun.a $(LIBCORE) $(UV_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/qmp_test
tests_unit_qmp_test_SOURCES = tests/unit/qmp_test.c
tests_unit_qmp_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_qmp_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/vm_event_test
tests_unit_vm_event_test_SOURCES = tests/unit/vm_event_test.c
tests_unit_vm_event_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_vm_event_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/vm_record_test
tests_unit_vm_record_test_SOURCES = tests/unit/vm_record_test.c
tests_unit_vm_record_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_vm_record_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/qemu_args_test
tests_unit_qemu_args_test_SOURCES = tests/unit/qemu_args_test.c
tests_unit_qemu_args_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_qemu_args_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/qemu_boot_test
tests_unit_qemu_boot_test_SOURCES = tests/unit/qemu_boot_test.c
tests_unit_qemu_boot_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_qemu_boot_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/qemu_users_test
tests_unit_qemu_users_test_SOURCES = tests/unit/qemu_users_test.c
tests_unit_qemu_users_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_qemu_users_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)

# Real guests under a real QEMU; skipped where there is none.
check_PROGRAMS += tests/integration/vmrun_test tests/integration/vmrun_scan_test \
	tests/integration/vmrun_confine_test tests/integration/vmrun_told_test
tests_integration_vmrun_test_SOURCES = tests/integration/vmrun_test.c \
	tests/integration/vmrun_world.c tests/integration/vmrun_world.h
tests_integration_vmrun_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_vmrun_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)
tests_integration_vmrun_scan_test_SOURCES = tests/integration/vmrun_scan_test.c \
	tests/integration/vmrun_world.c tests/integration/vmrun_world.h
tests_integration_vmrun_scan_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_vmrun_scan_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)
tests_integration_vmrun_confine_test_SOURCES = tests/integration/vmrun_confine_test.c \
	tests/integration/vmrun_world.c tests/integration/vmrun_world.h
tests_integration_vmrun_confine_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_vmrun_confine_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)
tests_integration_vmrun_told_test_SOURCES = tests/integration/vmrun_told_test.c \
	tests/integration/vmrun_world.c tests/integration/vmrun_world.h
tests_integration_vmrun_told_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_vmrun_told_test_LDADD = $(VMRUN_LIBS) $(CMOCKA_LIBS)
