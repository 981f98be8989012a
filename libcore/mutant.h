/* mutant - deliberate mistakes that the simulator must detect.
 *
 * A second build of the same sources, made only for tests/sim/blixard-sim-mutants, defines
 * BX_MUTANTS and makes the one mistake that the variable bx_mutant selects. In every other build
 * BX_MUTATED is the constant 0, so no branch and no symbol remains. tests/sim/mutants.c describes
 * each mutant. */
#ifndef BX_MUTANT_H
#define BX_MUTANT_H

#ifdef BX_MUTANTS

#include <stdint.h>

enum bx_mutant {
    BX_MUTANT_NONE,
    BX_MUTANT_APPLY_TWICE,
    BX_MUTANT_SKIP_APPLIED,
    BX_MUTANT_ACK_EARLY,
    BX_MUTANT_ACK_UNSYNCED,
    BX_MUTANT_NO_FSYNC,
    BX_MUTANT_MARK_IGNORED,
    BX_MUTANT_FORGET_VOTE,
    BX_MUTANT_OLD_COPY_TAKEN,
    BX_MUTANT_LOSE_OUTCOMES,
    BX_MUTANT_SESSIONS_BY_ROW_TIME,
    BX_MUTANT_SNAPSHOT_MISSES_ROW,
    BX_MUTANT_HASH_ORDER,
    BX_MUTANT_CLOCK_IN_FSM,
    BX_MUTANT_STALE_READ,
    BX_MUTANT_START_WITHOUT_GRANT,
    BX_MUTANT_GRANT_FROM_DEPOSED,
    BX_MUTANT_ADD_REBOOTS,
    BX_MUTANT_RESEND_NEW_ID,
    BX_MUTANT_EXPIRE_BY_WALL,
    BX_MUTANT_AGE_BY_HEARTBEAT,
    BX_MUTANT_DECLARE_EARLY,
    BX_MUTANT_QUOTA_IGNORED,
    BX_MUTANT_ROOM_IGNORED,
    BX_MUTANT_CONF_CHANGE_EARLY,
    BX_MUTANT_LOG_OVERRUN,
    BX_MUTANT_SPACE_ENDS,
    BX_MUTANT_SPACE_ACKED,
    BX_MUTANT_FRAMES_UNCHECKED,
    BX_MUTANT_REMOVED_UNHEARD,
    BX_MUTANT_DEADLINE_IGNORED,
    BX_MUTANT_TIME_UNTOLD,
    BX_MUTANT_LEVEL_UNGATED,
    BX_MUTANT_FINALIZE_EARLY,
    BX_MUTANT_NAME_ALONE,
    BX_MUTANT_FORGET_REFUSALS,
    BX_MUTANT_REFUSALS_DISPLACE_OTHERS,
    BX_MUTANT_REPORTS_SHARE_SESSIONS,
    BX_MUTANT_FORGET_FAILURES,
    BX_MUTANT_LOG_NOT_HELD,
    BX_MUTANT_SEND_COPIES,
    BX_MUTANT_NAMES_CROSS_TENANTS,
    BX_MUTANT_CHAIN_SKIPS,
};
extern enum bx_mutant bx_mutant;
/* The wall clock of the running process, which apply must never use. */
uint64_t bx_mutant_wall_ms(void);

#define BX_MUTATED(x) (bx_mutant == BX_MUTANT_##x)

#else

#define BX_MUTATED(x) 0
#define bx_mutant_wall_ms() 0

#endif

#endif
