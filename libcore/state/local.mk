# Sources of libcore/state, in the order of their dependence.
libcore_a_SOURCES += libcore/state/kind.h libcore/state/kind.c \
	libcore/state/index.h libcore/state/index.c \
	libcore/state/view.h libcore/state/view.c \
	libcore/state/config.c libcore/state/rows.c libcore/state/rows.h \
	libcore/state/session.c libcore/state/session.h libcore/state/session_priv.h \
	libcore/state/session_row.c libcore/state/session_class.c \
	libcore/state/blob.c libcore/state/blob.h \
	libcore/state/store.c libcore/state/store.h \
	libcore/state/store_priv.h libcore/state/store_read.c libcore/state/store_space.c \
	libcore/state/store_sql.c libcore/state/store_sql.h \
	libcore/state/store_dump.c libcore/state/store_dump.h \
	libcore/state/store_file.c libcore/state/store_file.h \
	libcore/state/fsm_priv.h libcore/state/fsm.h libcore/state/fsm.c libcore/state/fsm_open.c \
	libcore/state/reference.c libcore/state/reference.h \
	libcore/state/load.c libcore/state/fsm_session.c libcore/state/fsm_events.c libcore/state/fsm_chain.c libcore/state/dump.c \
	libcore/state/plan.c libcore/state/plan.h \
	libcore/state/sched.c libcore/state/sched.h \
	libcore/state/sched_score.c libcore/state/sched_score.h \
	libcore/state/sched_strategy.c libcore/state/sched_strategy.h \
	libcore/state/sql.c libcore/state/sql_log.c libcore/state/sql_log.h libcore/state/sql_memory.c libcore/state/sql_memory.h \
	libcore/state/sql_functions.c libcore/state/sql_functions.h \
	libcore/state/sql_views.c libcore/state/sql_views.h
