/* plant - mistakes that are put in on purpose, so that the simulator has to find them.
 *
 * A second build of the same sources, made for tests/sim/blixard-sim-planted alone, defines
 * BX_PLANT and carries out the one mistake that bx_plant names. In every other build BX_PLANTED is
 * the constant 0: no branch, no symbol. tests/sim/planted.c says what each of them is. */
#ifndef BX_PLANT_H
#define BX_PLANT_H

#ifdef BX_PLANT

#include <stdint.h>

enum bx_plant {
    BX_PLANT_NONE,
    BX_PLANT_APPLY_TWICE,
    BX_PLANT_SKIP_APPLIED,
    BX_PLANT_ACK_EARLY,
    BX_PLANT_ACK_UNSYNCED,
    BX_PLANT_NO_FSYNC,
    BX_PLANT_MARK_IGNORED,
    BX_PLANT_FORGET_VOTE,
    BX_PLANT_LOSE_OUTCOMES,
    BX_PLANT_SNAPSHOT_MISSES_ROW,
    BX_PLANT_HASH_ORDER,
    BX_PLANT_CLOCK_IN_FSM,
    BX_PLANT_STALE_READ,
    BX_PLANT_START_WITHOUT_GRANT,
    BX_PLANT_GRANT_FROM_DEPOSED,
    BX_PLANT_RESEND_NEW_ID,
    BX_PLANT_EXPIRE_BY_WALL,
    BX_PLANT_AGE_BY_HEARTBEAT,
    BX_PLANT_JUDGE_EARLY,
};
extern enum bx_plant bx_plant;
/* Wall time where the code runs: what apply must not look at. */
uint64_t bx_plant_wall_ms(void);

#define BX_PLANTED(x) (bx_plant == BX_PLANT_##x)

#else

#define BX_PLANTED(x) 0
#define bx_plant_wall_ms() 0

#endif

#endif
