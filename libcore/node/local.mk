# Sources of libcore/node, in the order of their dependence.
libcore_a_SOURCES += libcore/node/ports.h \
	libcore/node/identity.c libcore/node/identity.h \
	libcore/node/peers.c libcore/node/peers.h \
	libcore/node/heard.c libcore/node/repairs.c \
	libcore/node/raft.c libcore/node/raft_open.c libcore/node/raft_priv.h \
	libcore/node/raft_send.c libcore/node/raft_receive.c libcore/node/raft_stall.c libcore/node/raft_conf.c \
	libcore/node/raft_heap.c libcore/node/raft.h \
	libcore/node/internal.h libcore/node/node.h libcore/node/node.c \
	libcore/node/node_open.c libcore/node/stats.c libcore/node/stats.h \
	libcore/node/level.c libcore/node/ballast.c libcore/node/ballast.h libcore/node/absent.c libcore/node/removed.c libcore/node/propose.c libcore/node/propose_own.c libcore/node/session_end.c \
	libcore/node/reads.c libcore/node/member.c \
	libcore/node/snapshot.c libcore/node/snapshot_receive.c libcore/node/shrink.c libcore/node/join.c \
	libcore/node/timerheap.c libcore/node/timerheap.h \
	libcore/node/lease.c libcore/node/lease_node.c libcore/node/lease_leader.c \
	libcore/node/lease.h libcore/node/lease_priv.h \
	libcore/node/reconcile.c libcore/node/reconcile_entry.c \
	libcore/node/reconcile_step.c libcore/node/reconcile.h libcore/node/reconcile_priv.h \
	libcore/node/receive.c \
	libcore/node/propose_send.c libcore/node/deadline.c \
	libcore/node/driver_sim.c libcore/node/driver_sim.h
