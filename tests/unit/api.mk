# Unit tests of the API server.
check_PROGRAMS += tests/unit/api_encode_test tests/unit/suggest_test

API_TEST_LIBS = libtest.a libdaemon.a daemon/libvmrun.a libdaemon_disk.a libpki.a $(LIBCORE_LIBS) \
	$(UV_LIBS) $(FYAML_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS)

API_HELP = tests/unit/api_help.c tests/unit/api_help.h
check_PROGRAMS += tests/unit/api_test tests/unit/api_bounds_test tests/unit/api_peer_test
tests_unit_api_test_SOURCES = tests/unit/api_test.c $(API_HELP)
tests_unit_api_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_test_LDADD = $(API_TEST_LIBS)
tests_unit_api_bounds_test_SOURCES = tests/unit/api_bounds_test.c $(API_HELP)
tests_unit_api_bounds_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_bounds_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_place_test
tests_unit_api_place_test_SOURCES = tests/unit/api_place_test.c $(API_HELP)
tests_unit_api_place_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_place_test_LDADD = $(API_TEST_LIBS)

tests_unit_api_peer_test_SOURCES = tests/unit/api_peer_test.c $(API_HELP)
tests_unit_api_peer_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_peer_test_LDADD = $(API_TEST_LIBS)

tests_unit_api_encode_test_SOURCES = tests/unit/api_encode_test.c
tests_unit_api_encode_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_encode_test_LDADD = $(API_TEST_LIBS)

tests_unit_suggest_test_SOURCES = tests/unit/suggest_test.c
tests_unit_suggest_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_suggest_test_LDADD = $(TEST_LIBS)

# The same with real daemons.
API_HOSTS = tests/integration/api_hosts.c tests/integration/api_hosts.h
API_HOSTS_LIBS = libpki.a $(TEST_LIBS) $(CRYPTO_LIBS)
check_PROGRAMS += tests/integration/api_test tests/integration/api_crowd_test \
	tests/integration/api_form_test tests/integration/api_list_test \
	tests/integration/api_shape_test
tests_integration_api_test_SOURCES = tests/integration/api_test.c $(API_HOSTS)
tests_integration_api_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_test_LDADD = $(API_HOSTS_LIBS)
tests_integration_api_crowd_test_SOURCES = tests/integration/api_crowd_test.c $(API_HOSTS)
tests_integration_api_crowd_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_crowd_test_LDADD = $(API_HOSTS_LIBS)
tests_integration_api_form_test_SOURCES = tests/integration/api_form_test.c $(API_HOSTS)
tests_integration_api_form_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_form_test_LDADD = $(API_HOSTS_LIBS)
tests_integration_api_list_test_SOURCES = tests/integration/api_list_test.c $(API_HOSTS)
tests_integration_api_list_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_list_test_LDADD = $(API_HOSTS_LIBS)
tests_integration_api_shape_test_SOURCES = tests/integration/api_shape_test.c $(API_HOSTS)
tests_integration_api_shape_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_shape_test_LDADD = $(API_HOSTS_LIBS)

# docs/API.md against the tables that it is made from.
check_PROGRAMS += tests/unit/api_doc_test
tests_unit_api_doc_test_SOURCES = tests/unit/api_doc_test.c
tests_unit_api_doc_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_doc_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/api_dispatch_test
tests_unit_api_dispatch_test_SOURCES = tests/unit/api_dispatch_test.c
tests_unit_api_dispatch_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_dispatch_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/sql_readers_test
tests_unit_sql_readers_test_SOURCES = tests/unit/sql_readers_test.c $(API_NODE_HELP)
tests_unit_sql_readers_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sql_readers_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_node_test
API_NODE_HELP = tests/unit/api_node_help.c tests/unit/api_node_help.h
tests_unit_api_node_test_SOURCES = tests/unit/api_node_test.c $(API_NODE_HELP)
tests_unit_api_node_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_node_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_matrix_test
tests_unit_api_matrix_test_SOURCES = tests/unit/api_matrix_test.c $(API_NODE_HELP)
tests_unit_api_matrix_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_matrix_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_work_test
tests_unit_api_work_test_SOURCES = tests/unit/api_work_test.c $(API_NODE_HELP)
tests_unit_api_work_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_work_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_wait_test
tests_unit_api_wait_test_SOURCES = tests/unit/api_wait_test.c $(API_NODE_HELP)
tests_unit_api_wait_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_wait_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_page_test
tests_unit_api_page_test_SOURCES = tests/unit/api_page_test.c
tests_unit_api_page_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_page_test_LDADD = $(API_TEST_LIBS)

# What references mean, with real daemons.
check_PROGRAMS += tests/integration/api_names_test
tests_integration_api_names_test_SOURCES = tests/integration/api_names_test.c $(API_HOSTS)
tests_integration_api_names_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_names_test_LDADD = $(API_HOSTS_LIBS)

# Join tokens, with real daemons.
check_PROGRAMS += tests/integration/api_tokens_test
tests_integration_api_tokens_test_SOURCES = tests/integration/api_tokens_test.c $(API_HOSTS)
tests_integration_api_tokens_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_api_tokens_test_LDADD = $(API_HOSTS_LIBS)

# docs/PROTOCOL.md: its tables against the code, and its examples against a real daemon.
check_PROGRAMS += tests/unit/protocol_doc_test tests/integration/protocol_test
tests_unit_protocol_doc_test_SOURCES = tests/unit/protocol_doc_test.c
tests_unit_protocol_doc_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_protocol_doc_test_LDADD = $(TEST_LIBS)
tests_integration_protocol_test_SOURCES = tests/integration/protocol_test.c $(API_HOSTS)
tests_integration_protocol_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_integration_protocol_test_LDADD = $(API_HOSTS_LIBS)

check_PROGRAMS += tests/unit/api_log_test
tests_unit_api_log_test_SOURCES = tests/unit/api_log_test.c $(API_NODE_HELP)
tests_unit_api_log_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_log_test_LDADD = $(API_TEST_LIBS)

# Calls between nodes.
API_RELAY_HELP = tests/unit/api_relay_help.c tests/unit/api_relay_help.h $(API_NODE_HELP)
check_PROGRAMS += tests/unit/api_tenant_test
tests_unit_api_tenant_test_SOURCES = tests/unit/api_tenant_test.c $(API_RELAY_HELP)
tests_unit_api_tenant_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_tenant_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_logsend_test
tests_unit_api_logsend_test_SOURCES = tests/unit/api_logsend_test.c $(API_RELAY_HELP) \
	tests/unit/sink_help.c tests/unit/sink_help.h
tests_unit_api_logsend_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_logsend_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_rotation_test
tests_unit_api_rotation_test_SOURCES = tests/unit/api_rotation_test.c $(API_NODE_HELP) \
	tests/unit/sink_help.c tests/unit/sink_help.h
tests_unit_api_rotation_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_rotation_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_relay_test
tests_unit_api_relay_test_SOURCES = tests/unit/api_relay_test.c $(API_RELAY_HELP) \
	tests/unit/sink_help.c tests/unit/sink_help.h
tests_unit_api_relay_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_relay_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_follow_test
tests_unit_api_follow_test_SOURCES = tests/unit/api_follow_test.c $(API_NODE_HELP)
tests_unit_api_follow_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_follow_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_received_test
tests_unit_api_received_test_SOURCES = tests/unit/api_received_test.c $(API_RELAY_HELP) \
	tests/unit/sink_help.c tests/unit/sink_help.h
tests_unit_api_received_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_received_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_auth_test tests/unit/api_auth_cert_test
tests_unit_api_auth_cert_test_SOURCES = tests/unit/api_auth_cert_test.c $(API_NODE_HELP)
tests_unit_api_auth_cert_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_auth_cert_test_LDADD = $(API_TEST_LIBS)
tests_unit_api_auth_test_SOURCES = tests/unit/api_auth_test.c $(API_NODE_HELP)
tests_unit_api_auth_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_api_auth_test_LDADD = $(API_TEST_LIBS)

check_PROGRAMS += tests/unit/api_secure_test
tests_unit_api_secure_test_SOURCES = tests/unit/api_secure_test.c tests/unit/pki_help.c tests/unit/pki_help.h $(API_HELP)
tests_unit_api_secure_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_api_secure_test_LDADD = $(API_TEST_LIBS)
