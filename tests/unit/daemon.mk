# Unit tests of daemon.
check_PROGRAMS += tests/unit/disk_test tests/unit/options_test tests/unit/token_test

DAEMON_TEST_LIBS = libtest.a $(LIBDAEMON_LIBS) $(CMOCKA_LIBS)

# The link, with sockets of this host.
LINK_HELP = tests/unit/link_help.c tests/unit/link_help.h
check_PROGRAMS += tests/unit/sys_audit_test
tests_unit_sys_audit_test_SOURCES = tests/unit/sys_audit_test.c
tests_unit_sys_audit_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_audit_test_LDADD = $(DAEMON_TEST_LIBS)
check_PROGRAMS += tests/unit/keys_test tests/unit/keys_rotate_test
tests_unit_keys_rotate_test_SOURCES = tests/unit/keys_rotate_test.c
tests_unit_keys_rotate_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_keys_rotate_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_keys_test_SOURCES = tests/unit/keys_test.c
tests_unit_keys_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_keys_test_LDADD = $(DAEMON_TEST_LIBS)
check_PROGRAMS += tests/unit/link_test tests/unit/link_stranger_test tests/unit/link_join_test \
	tests/unit/link_tls_test
tests_unit_link_tls_test_SOURCES = tests/unit/link_tls_test.c $(LINK_HELP) tests/unit/pki_help.c tests/unit/pki_help.h
tests_unit_link_tls_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_link_tls_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_link_test_SOURCES = tests/unit/link_test.c $(LINK_HELP)
tests_unit_link_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_link_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_link_stranger_test_SOURCES = tests/unit/link_stranger_test.c $(LINK_HELP)
tests_unit_link_stranger_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_link_stranger_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_link_join_test_SOURCES = tests/unit/link_join_test.c $(LINK_HELP)
tests_unit_link_join_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_link_join_test_LDADD = $(DAEMON_TEST_LIBS)

# Streams and listeners, with sockets of this host.
STREAM_HELP = tests/unit/stream_help.c tests/unit/stream_help.h
check_PROGRAMS += tests/unit/stream_test tests/unit/stream_write_test tests/unit/listener_test
tests_unit_stream_test_SOURCES = tests/unit/stream_test.c $(STREAM_HELP)
tests_unit_stream_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_stream_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_stream_write_test_SOURCES = tests/unit/stream_write_test.c $(STREAM_HELP)
tests_unit_stream_write_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_stream_write_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_listener_test_SOURCES = tests/unit/listener_test.c $(STREAM_HELP)
tests_unit_listener_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_listener_test_LDADD = $(DAEMON_TEST_LIBS)

tests_unit_disk_test_SOURCES = tests/unit/disk_test.c
tests_unit_disk_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_disk_test_LDADD = $(DAEMON_TEST_LIBS)

tests_unit_options_test_SOURCES = tests/unit/options_test.c
tests_unit_options_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_options_test_LDADD = $(DAEMON_TEST_LIBS)

tests_unit_token_test_SOURCES = tests/unit/token_test.c
tests_unit_token_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_token_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_clock_test
tests_unit_sys_clock_test_SOURCES = tests/unit/sys_clock_test.c
tests_unit_sys_clock_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_clock_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_log_test
tests_unit_sys_log_test_SOURCES = tests/unit/sys_log_test.c
tests_unit_sys_log_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_log_test_LDADD = $(DAEMON_TEST_LIBS)

SINK_HELP = tests/unit/sink_help.c tests/unit/sink_help.h
check_PROGRAMS += tests/unit/sys_sink_file_test
tests_unit_sys_sink_file_test_SOURCES = tests/unit/sys_sink_file_test.c $(SINK_HELP)
tests_unit_sys_sink_file_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_sink_file_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_sink_node_test
tests_unit_sys_sink_node_test_SOURCES = tests/unit/sys_sink_node_test.c $(SINK_HELP)
tests_unit_sys_sink_node_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_sink_node_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_sink_test
tests_unit_sys_sink_test_SOURCES = tests/unit/sys_sink_test.c $(SINK_HELP)
tests_unit_sys_sink_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_sink_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_crash_test
tests_unit_sys_crash_test_SOURCES = tests/unit/sys_crash_test.c \
	tests/unit/crash_help.c tests/unit/crash_help.h
tests_unit_sys_crash_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_crash_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_fatal_test
tests_unit_sys_fatal_test_SOURCES = tests/unit/sys_fatal_test.c \
	tests/unit/crash_help.c tests/unit/crash_help.h
tests_unit_sys_fatal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_fatal_test_LDADD = $(DAEMON_TEST_LIBS)

check_PROGRAMS += tests/unit/sys_watchdog_test
tests_unit_sys_watchdog_test_SOURCES = tests/unit/sys_watchdog_test.c
tests_unit_sys_watchdog_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sys_watchdog_test_LDADD = $(DAEMON_TEST_LIBS)

# It looks at the locks of VMs.
check_PROGRAMS += tests/unit/forget_test
tests_unit_forget_test_SOURCES = tests/unit/forget_test.c
tests_unit_forget_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_forget_test_LDADD = libtest.a libdaemon.a daemon/libvmrun.a libdaemon_disk.a libpki.a $(LIBCORE_LIBS) \
	$(UV_LIBS) $(FYAML_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

# The HTTP server.
if HTTP
HTTP_HELP = tests/unit/http_help.c tests/unit/http_help.h
check_PROGRAMS += tests/unit/http_test tests/unit/http_rec_test
tests_unit_http_test_SOURCES = tests/unit/http_test.c $(HTTP_HELP)
tests_unit_http_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_http_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_http_rec_test_SOURCES = tests/unit/http_rec_test.c $(HTTP_HELP)
tests_unit_http_rec_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_http_rec_test_LDADD = $(DAEMON_TEST_LIBS)
endif

# What keeps errors and crashes.
if DIAGNOSTICS
check_PROGRAMS += tests/unit/diag_spool_test tests/unit/diag_crash_test \
	tests/unit/diag_outgoing_test tests/unit/diagnose_test
tests_unit_diag_crash_test_SOURCES = tests/unit/diag_crash_test.c
tests_unit_diag_crash_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_crash_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_diag_outgoing_test_SOURCES = tests/unit/diag_outgoing_test.c
tests_unit_diag_outgoing_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_outgoing_test_LDADD = $(DAEMON_TEST_LIBS)
DIAGNOSE_HELP = tests/unit/diagnose_help.c tests/unit/diagnose_help.h
check_PROGRAMS += tests/unit/diagnose_vm_test
tests_unit_diagnose_vm_test_SOURCES = tests/unit/diagnose_vm_test.c $(DIAGNOSE_HELP)
tests_unit_diagnose_vm_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diagnose_vm_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_diagnose_test_SOURCES = tests/unit/diagnose_test.c $(DIAGNOSE_HELP)
tests_unit_diagnose_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diagnose_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_diag_spool_test_SOURCES = tests/unit/diag_spool_test.c
tests_unit_diag_spool_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_spool_test_LDADD = $(DAEMON_TEST_LIBS)
check_PROGRAMS += tests/unit/diag_send_test
tests_unit_diag_send_test_SOURCES = tests/unit/diag_send_test.c
tests_unit_diag_send_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_send_test_LDADD = $(DAEMON_TEST_LIBS)
endif

# Keys and certificates.
PKI_HELP = tests/unit/pki_help.c tests/unit/pki_help.h
check_PROGRAMS += tests/unit/pki_test tests/unit/pki_cert_test tests/unit/pki_form_test \
	tests/unit/pki_seal_test
tests_unit_pki_seal_test_SOURCES = tests/unit/pki_seal_test.c $(PKI_HELP)
tests_unit_pki_seal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_pki_seal_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_pki_test_SOURCES = tests/unit/pki_test.c $(PKI_HELP)
tests_unit_pki_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_pki_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_pki_cert_test_SOURCES = tests/unit/pki_cert_test.c $(PKI_HELP)
tests_unit_pki_cert_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_pki_cert_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_pki_form_test_SOURCES = tests/unit/pki_form_test.c $(PKI_HELP)
tests_unit_pki_form_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_pki_form_test_LDADD = $(DAEMON_TEST_LIBS)

# Streams with TLS.
TLS_HELP = tests/unit/tls_help.c tests/unit/tls_help.h $(STREAM_HELP) $(PKI_HELP)
check_PROGRAMS += tests/unit/tls_test tests/unit/tls_trust_test tests/unit/tls_hostile_test
tests_unit_tls_test_SOURCES = tests/unit/tls_test.c $(TLS_HELP)
tests_unit_tls_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_tls_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_tls_trust_test_SOURCES = tests/unit/tls_trust_test.c $(TLS_HELP)
tests_unit_tls_trust_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_tls_trust_test_LDADD = $(DAEMON_TEST_LIBS)
tests_unit_tls_hostile_test_SOURCES = tests/unit/tls_hostile_test.c $(TLS_HELP)
tests_unit_tls_hostile_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_tls_hostile_test_LDADD = $(DAEMON_TEST_LIBS)
