# Unit tests of state.
check_PROGRAMS += tests/unit/fsm_test

check_PROGRAMS += tests/unit/fsm_events_test
tests_unit_fsm_events_test_SOURCES = tests/unit/fsm_events_test.c
tests_unit_fsm_events_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_events_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_chain_test
tests_unit_fsm_chain_test_SOURCES = tests/unit/fsm_chain_test.c
tests_unit_fsm_chain_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_chain_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_replica_test
tests_unit_fsm_replica_test_SOURCES = tests/unit/fsm_replica_test.c
tests_unit_fsm_replica_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_replica_test_LDADD = $(TEST_LIBS)

tests_unit_fsm_test_SOURCES = tests/unit/fsm_test.c
tests_unit_fsm_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_damage_test

tests_unit_fsm_damage_test_SOURCES = tests/unit/fsm_damage_test.c
tests_unit_fsm_damage_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_damage_test_LDADD = $(TEST_LIBS)

SESSION_HELP = tests/unit/session_help.c tests/unit/session_help.h
check_PROGRAMS += tests/unit/session_test tests/unit/session_store_test
tests_unit_session_test_SOURCES = tests/unit/session_test.c $(SESSION_HELP)
tests_unit_session_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_test_LDADD = $(TEST_LIBS)
tests_unit_session_store_test_SOURCES = tests/unit/session_store_test.c $(SESSION_HELP)
tests_unit_session_store_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_store_test_LDADD = $(TEST_LIBS)

VIEW_HELP = tests/unit/view_help.c tests/unit/view_help.h
check_PROGRAMS += tests/unit/view_test tests/unit/view_rows_test
tests_unit_view_test_SOURCES = tests/unit/view_test.c $(VIEW_HELP)
tests_unit_view_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_view_test_LDADD = $(TEST_LIBS)
tests_unit_view_rows_test_SOURCES = tests/unit/view_rows_test.c $(VIEW_HELP)
tests_unit_view_rows_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_view_rows_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/dump_test

tests_unit_dump_test_SOURCES = tests/unit/dump_test.c
tests_unit_dump_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_dump_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_vm_test tests/unit/fsm_node_test
tests_unit_fsm_vm_test_SOURCES = tests/unit/fsm_vm_test.c
tests_unit_fsm_vm_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_vm_test_LDADD = $(TEST_LIBS)
tests_unit_fsm_node_test_SOURCES = tests/unit/fsm_node_test.c
tests_unit_fsm_node_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_node_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/state_format_test

tests_unit_state_format_test_SOURCES = tests/unit/state_format_test.c
tests_unit_state_format_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_state_format_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/kind_test

tests_unit_kind_test_SOURCES = tests/unit/kind_test.c
tests_unit_kind_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_kind_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_many_test

tests_unit_fsm_many_test_SOURCES = tests/unit/fsm_many_test.c
tests_unit_fsm_many_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_many_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/fsm_room_test

tests_unit_fsm_room_test_SOURCES = tests/unit/fsm_room_test.c
tests_unit_fsm_room_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_fsm_room_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/tenant_test

tests_unit_tenant_test_SOURCES = tests/unit/tenant_test.c
tests_unit_tenant_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_tenant_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/vm_rename_test

tests_unit_vm_rename_test_SOURCES = tests/unit/vm_rename_test.c
tests_unit_vm_rename_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_vm_rename_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/session_rebuild_test

tests_unit_session_rebuild_test_SOURCES = tests/unit/session_rebuild_test.c
tests_unit_session_rebuild_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_rebuild_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/session_bounds_test

tests_unit_session_bounds_test_SOURCES = tests/unit/session_bounds_test.c
tests_unit_session_bounds_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_bounds_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/tenant_names_test
tests_unit_tenant_names_test_SOURCES = tests/unit/tenant_names_test.c
tests_unit_tenant_names_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_tenant_names_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/reference_test

tests_unit_reference_test_SOURCES = tests/unit/reference_test.c
tests_unit_reference_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reference_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/session_soak_test

tests_unit_session_soak_test_SOURCES = tests/unit/session_soak_test.c
tests_unit_session_soak_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_soak_test_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/unit/join_token_test tests/unit/ca_test tests/unit/ca_rotate_test

tests_unit_join_token_test_SOURCES = tests/unit/join_token_test.c
tests_unit_join_token_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_join_token_test_LDADD = $(TEST_LIBS)

tests_unit_ca_rotate_test_SOURCES = tests/unit/ca_rotate_test.c
tests_unit_ca_rotate_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_ca_rotate_test_LDADD = $(TEST_LIBS)
tests_unit_ca_test_SOURCES = tests/unit/ca_test.c
tests_unit_ca_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_ca_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/user_test

tests_unit_user_test_SOURCES = tests/unit/user_test.c
tests_unit_user_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_user_test_LDADD = $(TEST_LIBS)
