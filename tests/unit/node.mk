# Unit tests of node, and of what state computes: sched, plan, sql.
check_PROGRAMS += tests/unit/sched_test tests/unit/plan_test tests/unit/sql_test

tests_unit_sched_test_SOURCES = tests/unit/sched_test.c
tests_unit_sched_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sched_test_LDADD = $(TEST_LIBS)

tests_unit_plan_test_SOURCES = tests/unit/plan_test.c
tests_unit_plan_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_plan_test_LDADD = $(TEST_LIBS)

SQL_HELP = tests/unit/sql_help.c tests/unit/sql_help.h
tests_unit_sql_test_SOURCES = tests/unit/sql_test.c $(SQL_HELP)
tests_unit_sql_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sql_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/sql_tenant_test
tests_unit_sql_tenant_test_SOURCES = tests/unit/sql_tenant_test.c $(SQL_HELP)
tests_unit_sql_tenant_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sql_tenant_test_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/unit/sql_phase_test
tests_unit_sql_phase_test_SOURCES = tests/unit/sql_phase_test.c $(SQL_HELP)
tests_unit_sql_phase_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sql_phase_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/driver_sim_test

tests_unit_driver_sim_test_SOURCES = tests/unit/driver_sim_test.c
tests_unit_driver_sim_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_driver_sim_test_LDADD = $(TEST_LIBS)

LEASE_HELP = tests/unit/lease_help.c tests/unit/lease_help.h
check_PROGRAMS += tests/unit/lease_test tests/unit/lease_heartbeat_test
tests_unit_lease_test_SOURCES = tests/unit/lease_test.c $(LEASE_HELP)
tests_unit_lease_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_lease_test_LDADD = $(TEST_LIBS)
tests_unit_lease_heartbeat_test_SOURCES = tests/unit/lease_heartbeat_test.c $(LEASE_HELP)
tests_unit_lease_heartbeat_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_lease_heartbeat_test_LDADD = $(TEST_LIBS)

RECONCILE_HELP = tests/unit/reconcile_help.c tests/unit/reconcile_help.h
check_PROGRAMS += tests/unit/reconcile_test tests/unit/reconcile_failure_test \
	tests/unit/reconcile_disk_test tests/unit/reconcile_reboot_test tests/unit/reconcile_action_test
tests_unit_reconcile_action_test_SOURCES = tests/unit/reconcile_action_test.c $(RECONCILE_HELP)
tests_unit_reconcile_action_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reconcile_action_test_LDADD = $(TEST_LIBS)
tests_unit_reconcile_reboot_test_SOURCES = tests/unit/reconcile_reboot_test.c $(RECONCILE_HELP)
tests_unit_reconcile_reboot_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reconcile_reboot_test_LDADD = $(TEST_LIBS)
tests_unit_reconcile_disk_test_SOURCES = tests/unit/reconcile_disk_test.c $(RECONCILE_HELP)
tests_unit_reconcile_disk_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reconcile_disk_test_LDADD = $(TEST_LIBS)
tests_unit_reconcile_test_SOURCES = tests/unit/reconcile_test.c $(RECONCILE_HELP)
tests_unit_reconcile_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reconcile_test_LDADD = $(TEST_LIBS)
tests_unit_reconcile_failure_test_SOURCES = tests/unit/reconcile_failure_test.c $(RECONCILE_HELP)
tests_unit_reconcile_failure_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reconcile_failure_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/peers_test
tests_unit_peers_test_SOURCES = tests/unit/peers_test.c
tests_unit_peers_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_peers_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/join_test
tests_unit_join_test_SOURCES = tests/unit/join_test.c
tests_unit_join_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_join_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/raft_conf_test
tests_unit_raft_conf_test_SOURCES = tests/unit/raft_conf_test.c
tests_unit_raft_conf_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_conf_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/heard_test
tests_unit_heard_test_SOURCES = tests/unit/heard_test.c
tests_unit_heard_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_heard_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/repairs_test
tests_unit_repairs_test_SOURCES = tests/unit/repairs_test.c
tests_unit_repairs_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_repairs_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/member_test
tests_unit_member_test_SOURCES = tests/unit/member_test.c
tests_unit_member_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_member_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/ballast_test
tests_unit_ballast_test_SOURCES = tests/unit/ballast_test.c
tests_unit_ballast_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_ballast_test_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/unit/stall_test
tests_unit_stall_test_SOURCES = tests/unit/stall_test.c
tests_unit_stall_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_stall_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/deadline_test
tests_unit_deadline_test_SOURCES = tests/unit/deadline_test.c
tests_unit_deadline_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_deadline_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/hostile_test
tests_unit_hostile_test_SOURCES = tests/unit/hostile_test.c
tests_unit_hostile_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_hostile_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/shrink_test
tests_unit_shrink_test_SOURCES = tests/unit/shrink_test.c
tests_unit_shrink_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_shrink_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/snapshot_take_test
tests_unit_snapshot_take_test_SOURCES = tests/unit/snapshot_take_test.c
tests_unit_snapshot_take_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_snapshot_take_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/snapshot_send_test
tests_unit_snapshot_send_test_SOURCES = tests/unit/snapshot_send_test.c
tests_unit_snapshot_send_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_snapshot_send_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/snapshot_receive_test
tests_unit_snapshot_receive_test_SOURCES = tests/unit/snapshot_receive_test.c
tests_unit_snapshot_receive_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_snapshot_receive_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/node_remove_test

tests_unit_node_remove_test_SOURCES = tests/unit/node_remove_test.c
tests_unit_node_remove_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_node_remove_test_LDADD = $(TEST_LIBS)

# What a node counts and measures.
check_PROGRAMS += tests/unit/stats_test
tests_unit_stats_test_SOURCES = tests/unit/stats_test.c
tests_unit_stats_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_stats_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/propose_test tests/unit/reads_test tests/unit/level_test
tests_unit_level_test_SOURCES = tests/unit/level_test.c
tests_unit_level_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_level_test_LDADD = $(tests_unit_propose_test_LDADD)
PROPOSE_HELP = tests/unit/propose_help.c tests/unit/propose_help.h
check_PROGRAMS += tests/unit/relay_test
tests_unit_relay_test_SOURCES = tests/unit/relay_test.c $(PROPOSE_HELP)
tests_unit_relay_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_relay_test_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/unit/session_end_test
tests_unit_session_end_test_SOURCES = tests/unit/session_end_test.c $(PROPOSE_HELP)
tests_unit_session_end_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_session_end_test_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/unit/propose_own_test
tests_unit_propose_own_test_SOURCES = tests/unit/propose_own_test.c $(PROPOSE_HELP)
tests_unit_propose_own_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_propose_own_test_LDADD = $(TEST_LIBS)
tests_unit_propose_test_SOURCES = tests/unit/propose_test.c $(PROPOSE_HELP)
tests_unit_propose_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_propose_test_LDADD = $(TEST_LIBS)
tests_unit_reads_test_SOURCES = tests/unit/reads_test.c
tests_unit_reads_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_reads_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/absent_test
tests_unit_absent_test_SOURCES = tests/unit/absent_test.c
tests_unit_absent_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_absent_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/removed_test
tests_unit_removed_test_SOURCES = tests/unit/removed_test.c
tests_unit_removed_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_removed_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/raft_lines_test
tests_unit_raft_lines_test_SOURCES = tests/unit/raft_lines_test.c
tests_unit_raft_lines_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_lines_test_LDADD = $(TEST_LIBS)
