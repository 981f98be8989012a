/* sim - a cluster on virtual time: one seed, one history.
 *
 * The node logic that ships (libcore/node and all below it, with libraft's core) runs in one
 * process for up to SIM_HOSTS_MAX hosts. Its ports are virtual: the clock (host.c), the disk
 * (disk.c over tests/lib/memfs), state.db (db.c, an SQLite VFS in memory), the link (net.c); the
 * driver is the product's own driver_sim. What happens is an event with a time (queue.h); the loop
 * takes the earliest, enters the host it is for, and lets that host's loop turn. Nothing here reads
 * a clock, and every choice comes from a stream of numbers that the seed determines.
 *
 * A host's process can end at any change of its disk or of state.db: the product's code is left by
 * longjmp, and nothing of that life is ever called again. Its memory is not given back, as little
 * as a dead process could do it; a seed therefore has a process of its own (run.c). */
#ifndef SIM_H
#define SIM_H

#include "sim/queue.h"

#include "lib/memfs.h"
#include "lib/rng.h"
#include "node/node.h"
#include "state/tenant.h"

#include <setjmp.h>
#include <stdio.h>

#define SIM_HOSTS_MAX BX_MEMBERS_MAX /* wiped hosts come back in their place, under new ids */
#define SIM_MS 1000ull               /* times are microseconds */
#define SIM_S 1000000ull
#define SIM_NEVER UINT64_MAX
#define SIM_QUOTA_VCPUS 36u
#define SIM_QUOTA_VMS 11u
#define SIM_TENANT "two" /* the second one */
#define SIM_TENANT_VMS 5u
#define SIM_SEGMENT (128u << 10)
#define SIM_BALLAST (1u << 20)
#define SIM_SESSIONS_MAX 512u    /* held ones */
#define SIM_LOG_QUEUE (2u << 10) /* some seconds of requests fill it */

/* ---- what a run is told ---- */

enum sim_fault {
    SIM_FAULT_KILL,        /* the process dies: state.db and its VMs stay */
    SIM_FAULT_CRASH,       /* the host loses power: state.db goes, or some of it, VMs end */
    SIM_FAULT_WRITE_KILL,  /* the process dies at the nth change of its disk or of state.db */
    SIM_FAULT_TORN,        /* the host loses power at the nth change of its disk */
    SIM_FAULT_PARTITION,   /* two groups of hosts hear nothing of each other */
    SIM_FAULT_ONE_WAY,     /* one host hears another no more, though that one hears it */
    SIM_FAULT_LOSS,        /* some frames are lost */
    SIM_FAULT_DUPLICATE,   /* some frames arrive twice */
    SIM_FAULT_REORDER,     /* some frames overtake others */
    SIM_FAULT_SLOW_NET,    /* frames take up to a second */
    SIM_FAULT_PAUSE,       /* the process stands still and goes on as if nothing were */
    SIM_FAULT_CLOCK,       /* wall time jumps */
    SIM_FAULT_SLOW_DISK,   /* writes take up to two seconds */
    SIM_FAULT_DISK_FULL,   /* a change fails with ENOSPC, or the disk is full for a while */
    SIM_FAULT_DISK_ERROR,  /* a change fails with EIO */
    SIM_FAULT_READ_ERROR,  /* a read after the next start fails with EIO */
    SIM_FAULT_ROT,         /* a bit of what was long durable is another one */
    SIM_FAULT_LOST_WRITE,  /* a write that was reported done, and synced, never arrived */
    SIM_FAULT_MISDIRECTED, /* such a write is found at another place */
    SIM_FAULT_GUEST,       /* a VM ends by itself */
    SIM_FAULT_NO_START,    /* the driver fails to start VMs */
    SIM_FAULT_WIPE,        /* a host loses everything and joins again under a new id */
    SIM_FAULT_JOIN,        /* a new host joins */
    SIM_FAULT_USURP,       /* a new leader dies at once, and the old one is back */
    SIM_FAULT_STATE,       /* the process dies, and its state.db is gone or damaged; VMs go on */
    SIM_FAULT_STALL,       /* a disk stands still, or those of all hosts but one */
    SIM_FAULT_FORGE,       /* a host receives a frame that its sender may not send */
    SIM_FAULT_RIVALS,      /* two leaders, one of them deposed, each change the configuration */
    SIM_FAULT_BUILD,       /* the daemon is stopped, and started with a build of another level */
    SIM_FAULT_FLOOD,       /* a client floods a host with requests that are refused */
    SIM_FAULT_FULL_TABLE,  /* clients take every place in the table of sessions */
    SIM_FAULT_SLOW_LINK,   /* a host that is behind, and its links, too slow for what is written */
    SIM_FAULT_ODD_IDS,     /* a client numbers its requests oddly, for longer than they are kept */
    SIM_FAULT_HEIRS,       /* clients delete and create one name, while others ask for it */
    SIM_FAULT_REMOVE,      /* a host is down, its node is removed, and it comes back as it was */
    SIM_FAULT_OLD_COPY,    /* the disk of a host is replaced by an older copy of itself */
    SIM__FAULTS
};
extern const char *const sim_fault_names[]; /* NULL-terminated, in the enum's order */

struct sim_options {
    uint64_t seed;
    uint64_t duration;  /* us of faults and operations; a quiet end follows */
    uint64_t faults;    /* bit 1 << enum sim_fault */
    unsigned hosts;     /* at the beginning; 0: the seed chooses */
    uint64_t only[512]; /* of the planned faults, carry out just these (their numbers) */
    unsigned n_only;    /* 0 with only_set false: all */
    bool only_set;
    const char *faults_text; /* as it was written, or NULL */
    const char *mutant;      /* the mistake that was put in, or NULL */
    const char *record;      /* directory of the files of a history that goes wrong; NULL: none */
    bool trace;              /* print what happens */
    bool brief;              /* of that, only the faults */
    bool until_failure;      /* stop at the first seed that fails */
    bool no_shrink;          /* and do not look for a smaller history */
};

/* ---- parts of the world ---- */

struct sim;
struct sim_host;

struct sim_db; /* db.c: the files that SQLite has on one host */

enum sim_life { SIM_DOWN, SIM_UP };

struct sim_clock {
    struct bx_clock base; /* first */
    uint64_t booted;      /* virtual time when boot time began */
    int64_t drift_ppm;
    int64_t wall_ms; /* wall time minus boot time */
    uint64_t rng;
};

struct sim_disk {
    struct bx_disk base; /* first */
    struct sim_host *host;
    uint64_t busy_until; /* the writer thread */
    uint64_t rng;
    uint64_t slow_us;       /* at most, on top of each job; 0: as it should be */
    uint64_t stalled_until; /* no job is begun before */
};

struct sim_link {
    struct bx_link base; /* first */
    struct sim_host *host;
    uint64_t peers[BX_NODES_MAX < 64 ? BX_NODES_MAX : 64];
    unsigned n_peers;
};

struct sim_host {
    struct sim *sim;
    unsigned at; /* in sim->hosts */
    char name[16], address[32];
    enum sim_life life;
    uint32_t lives; /* counts starts and ends: what was meant for another life is dropped */
    struct bx_node *node;
    struct bx_identity identity;
    struct memfs *fs;
    struct sim_db *db;
    struct sim_clock clock;
    struct sim_disk disk;
    struct sim_link link;
    struct bx_driver *driver; /* outlives the process: VMs do */
    uint8_t boot_id[16];
    uint32_t level; /* of its build */
    unsigned wipes;
    uint64_t turn_at, tick_at; /* virtual times; SIM_NEVER: nothing to do */
    uint64_t driver_ms;        /* boot time of the driver's next thing */
    uint64_t paused_from, paused_until;
    uint64_t look_at;         /* when registration is looked at again */
    uint64_t start_at;        /* when a process that ended is started again */
    uint64_t started;         /* when the one of now was */
    bool proposed, excused;   /* excused: its disk fails, so it may give up */
    bool damaged;             /* its disk lied: what is there may be refused at the next start, */
    bool refused;             /* and was */
    unsigned rotten;          /* its state.db is: so many lives may end, and are to start again */
    bool old;                 /* its disk is an older copy: it has to refuse */
    bool power_lost;          /* the planned change takes the whole host down */
    const char *why;          /* it ended: static text */
    uint64_t checked, noted;  /* applied index that was looked at last */
    uint64_t promised;        /* index up to which it has told its log to be durable */
    uint64_t shown;           /* newest revision that this life showed anybody */
    uint64_t snapshot;        /* index of the one it has */
    uint64_t kept;            /* by the state.db of a process that was killed; 0: not known */
    uint64_t largest;         /* record of the log of late: see safety.c */
    uint64_t event_seen;      /* revision of the last event, or of the state it began with */
    uint8_t chain[BX_SHA256]; /* the hash of this event: */
    uint64_t chain_at;        /* 0: of none yet */
};

struct sim_net;     /* net.c */
struct sim_check;   /* check.c */
struct sim_safety;  /* safety.c */
struct sim_catchup; /* catchup.c */
struct sim_clients; /* client.c */
struct sim_nemesis; /* nemesis.c */
struct sim_history; /* history.h */

struct sim_stats {
    uint64_t operations, ok, refused, unknown, reads, stale_reads, retries, repeats, misuses,
        ended; /* sessions */
    uint64_t faults[SIM__FAULTS], frames, lost, turns, lives, snapshots, entries, events, runs;
};

struct sim {
    struct sim_options o;
    uint64_t now, rng;
    uint32_t spins; /* steps since time last passed */
    struct sim_queue queue;
    struct sim_host hosts[SIM_HOSTS_MAX];
    unsigned n_hosts;
    uint8_t cluster[16], history[16], secret[16];
    uint64_t session_ttl;   /* us */
    bool token;             /* was created, and is not known to be used up */
    bool quiet;             /* the end: no more faults */
    uint64_t crowded_until; /* entries may be as large as a segment of the log */
    bool raising;           /* raising the feature level was accepted once */
    unsigned removals;      /* of nodes, that an operator is still after */
    struct sim_net *net;
    struct sim_check *check;
    struct sim_safety *safety;
    struct sim_catchup *catchup;
    struct sim_clients *clients;
    struct sim_nemesis *nemesis;
    struct sim_stats stats;
    uint64_t hash;        /* of everything that was seen to happen */
    uint64_t timed, time; /* the last entry that any host applied, and leader time there */
    struct sim_host *inside;
    jmp_buf escape;
};

/* ---- world.c ---- */

/* Run one history to its end. Returns when no invariant was violated; a violation is printed and
 * ends the process with SIM_EXIT_VIOLATION. */
#define SIM_EXIT_VIOLATION 1
void sim_run(struct sim *s, const struct sim_options *o);
_Noreturn void sim_violation(struct sim *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of the history, when it is wanted. host may be NULL. */
void sim_trace(struct sim *s, const struct sim_host *host, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Two runs of one seed must agree on everything that is told here. */
void sim_mix(struct sim *s, const void *p, size_t n);
/* Call fire(s, host, arg) at `at`, unless the host has begun or ended a life before. arg is NULL or
 * from bx_alloc, and freed afterwards in any case. host NULL: the world's own. */
void sim_at(struct sim *s, uint64_t at, struct sim_host *host,
            void (*fire)(struct sim *s, struct sim_host *host, void *arg), void *arg);
/* A new stream of numbers. */
uint64_t sim_stream(struct sim *s);
/* A host that is about to join; NULL when there is no room for one. */
struct sim_host *sim_new_host(struct sim *s);

/* ---- record.c ---- */

/* Record what the nodes do until the close, on this thread. */
void sim_record_open(struct sim *s);
/* From now on this one does something; NULL: none. */
void sim_record_use(const struct sim_host *h);
/* Leave the newest events of each node in files, if the options say where. */
void sim_record_write(void);
void sim_record_close(void);

/* ---- host.c ---- */

void sim_host_init(struct sim *s, struct sim_host *h, unsigned at);
/* Start the process. */
void sim_host_start(struct sim_host *h);
/* One of its VMs ends by itself. */
void sim_host_end_guest(struct sim_host *h, const uint8_t vm[16]);
/* It dies now, from outside. */
void sim_host_kill(struct sim_host *h, const char *why);
/* The host loses power. */
void sim_host_crash(struct sim_host *h, const char *why);
/* Its directory is emptied; it knows no cluster. The process must be down. */
void sim_host_wipe(struct sim_host *h);
/* It is known under another name now. */
void sim_host_rename(struct sim_host *h);
/* Have the process die, or the host lose power, at the nth change from now of its disk or of
 * state.db; after: that change still happens. */
void sim_host_plan(struct sim_host *h, bool database, uint64_t change, bool after, bool power);
/* Its turn is due. */
void sim_host_turn(struct sim_host *h);
/* Its deadline has passed. */
void sim_host_tick(struct sim_host *h);
/* Run fn in the product's code of this host; false when the process ended meanwhile. */
bool sim_enter(struct sim_host *h, void (*fn)(struct sim_host *h, void *arg), void *arg);
/* From inside: the process is dead. */
_Noreturn void sim_die(struct sim_host *h, const char *why);
/* Its loop has something to do. */
void sim_host_wake(struct sim_host *h);
uint64_t sim_boot_ms(const struct sim_host *h);
/* The virtual time at which the host's boot time reaches ms. */
uint64_t sim_when(const struct sim_host *h, uint64_t ms);
/* What its row says. */
void sim_describe(const struct sim_host *h, struct bx_node_info *out);
struct sim_host *sim_host_of(struct sim *s, uint64_t node);

/* ---- member.c ---- */

void sim_found(struct sim_host *h);
void sim_join(struct sim_host *h); /* until it is done */
void sim_register(struct sim_host *h);
/* An operator wants the node of this name out of the cluster, and asks until it is. */
void sim_remove(struct sim *s, const char *name);

/* ---- nemesis_level.c ---- */

/* The feature level of all builds at the beginning. */
uint32_t sim_first_level(const struct sim *s);
/* That of the build that the host is started with now. */
uint32_t sim_level_to_start(const struct sim_host *h);
/* An operator asks for what needs the next level, and tries to raise it. */
void sim_levels_start(struct sim *s);

/* ---- nemesis_guest.c ---- */

/* Guests reboot now and then. */
void sim_guests_start(struct sim *s);

/* ---- disk.c ---- */

void sim_disk_init(struct sim_host *h);
/* There are so many bytes more than are taken, by state.db, too; SIM_NEVER: as many as anybody
 * wants. */
void sim_disk_leave(struct sim_host *h, uint64_t bytes);

/* ---- db.c ---- */

void sim_db_register(void);
struct sim_db *sim_db_create(const char *name);
const char *sim_db_path(const struct sim_db *d);
/* Files grow only while room(ctx) is as much as they grow by. */
void sim_db_limit(struct sim_db *d, uint64_t (*room)(void *ctx), void *ctx);
uint64_t sim_db_size(const struct sim_db *d);
/* The process died: what was written stays, locks go. */
void sim_db_kill(struct sim_db *d);
void sim_db_wipe(struct sim_db *d);
/* Flip bits of the byte that the number chooses, in the database or what is written ahead of it.
 * False: there is none. */
bool sim_db_rot(struct sim_db *d, uint64_t number, uint8_t mask);
/* The host lost power: nothing was ever synced, and some of it is there. */
void sim_db_crash(struct sim_db *d, uint64_t seed);
/* Nobody has it open: it is no database any more, or the end of what is written ahead is missing.
 */
void sim_db_damage(struct sim_db *d, uint64_t seed);
/* Call stop(ctx), which does not return, before the nth change from now; 0: never. */
void sim_db_plan(struct sim_db *d, uint64_t n, void (*stop)(void *ctx), void *ctx);

/* ---- net.c ---- */

struct sim_net_faults {
    uint32_t loss_ppm, duplicate_ppm, reorder_ppm;
    uint64_t slow_us; /* at most, on top of each frame's time */
};
void sim_net_init(struct sim *s);
void sim_link_init(struct sim_host *h);
/* What single frames suffer now; to be changed. */
struct sim_net_faults *sim_net_faults(struct sim *s);
void sim_net_cut(struct sim *s, unsigned from, unsigned to, bool cut);
void sim_net_heal(struct sim *s);
/* From now on the links of the host at this place carry so many bytes a second, but for small
 * frames; 0: they are as fast as ever. */
void sim_net_slow(struct sim *s, unsigned at, uint64_t rate);
/* The two are connected now, before anybody else is. */
void sim_net_meet(struct sim *s, unsigned a, unsigned b);
/* A process began or ended; loud: its kernel says so to the others. */
void sim_net_life(struct sim_host *h, bool loud);

/* ---- catchup.c ---- */

void sim_catchup_init(struct sim *s);
/* The host sends a frame on this connection, on which so many bytes wait. */
void sim_catchup_sent(struct sim_host *h, struct sim_host *to, uint64_t connection, size_t queued,
                      const struct bx_buf *frame);

/* ---- client.c ---- */

void sim_clients_start(struct sim *s);
/* The process ended: nobody there will answer. */
void sim_clients_lost(struct sim_host *h);
/* For so long all ask for one name only, and what they meant by it is some time under way. */
void sim_clients_crowd(struct sim *s, uint64_t number, uint64_t until);
/* How long this request is under way after its name was looked up. */
uint64_t sim_clients_dawdle(struct sim *s);
/* The number of the name of the VM that an event is about (name.c). */
unsigned sim_name_of_event(const struct sim *s, const struct bx_event *e);
/* True when every client has an answer to what it asked. */
bool sim_clients_idle(const struct sim *s);
/* Ask for nothing new. */
void sim_clients_stop(struct sim *s);
/* The history is complete: compare it with what the cluster has. */
void sim_clients_check(struct sim *s);

/* ---- idle.c ---- */

/* A host that does not lead, if there is one, is killed and started. */
struct sim_host *sim_idle_restart(struct sim *s);
/* Ask it for something; true is written there when it is answered. */
const bool *sim_idle_ask(struct sim_host *h);

/* ---- check.c ---- */

void sim_check_init(struct sim *s);
void sim_check_turn(struct sim_host *h);
void sim_check_event(struct sim_host *h, const struct bx_event *e);
void sim_check_run(struct sim_host *h, const uint8_t vm[16], uint64_t epoch, bool running);
/* One of the VMs that run on the host, chosen by `number`; false when none does. */
bool sim_check_some_run(struct sim_host *h, uint64_t number, uint8_t vm[16]);
/* Its run on the host; false when there is none. */
bool sim_check_epoch(const struct sim_host *h, const uint8_t vm[16], uint64_t *epoch);
/* The revision that the host shows somebody now; within a life it never goes back. */
uint64_t sim_check_shown(struct sim_host *h);
/* Every answer to one request is the same. */
void sim_check_outcome(struct sim_host *h, const struct bx_outcome *o);
/* All changes since the beginning, which all hosts keep alike; false: they do not go back so far.
 */
bool sim_check_changes(struct sim *s, struct sim_history *h);
/* Everything is quiet: all that are up are equal. True when they are. */
bool sim_check_settled(struct sim *s);
/* It is too late to be anything else: say what is missing. */
_Noreturn void sim_check_unsettled(struct sim *s);

/* ---- chain.c ---- */

/* An event has happened on the host, or is kept there. */
void sim_chain_event(struct sim_host *h, const struct bx_event *e);
/* What replicas compare: of the head of the chain, which belongs to the event seen last. */
uint64_t sim_chain_head(struct sim_host *h, uint64_t revision);

/* ---- safety.c ---- */

void sim_safety_init(struct sim *s);
void sim_safety_turn(struct sim_host *h);
/* What is placed, counted, in a state that the host has. */
void sim_safety_room(struct sim_host *h, const struct bx_view *view);
/* Its process is up again. */
void sim_safety_start(struct sim_host *h);
/* A frame leaves for another member. */
void sim_safety_sent(struct sim_host *h, uint64_t to, const struct bx_buf *frame);
/* A run begins. */
void sim_safety_run(struct sim_host *h, const uint8_t vm[16], uint64_t epoch);
/* A run of the VM has ended there. */
void sim_safety_rest(struct sim_host *h, const uint8_t vm[16]);
/* The product asks a run to end. */
void sim_safety_ended(struct sim_host *h, const uint8_t vm[16]);
/* Everything is quiet. */
void sim_safety_end(struct sim *s);
/* A host that still has the disk of a VM that was deleted; NULL: none. */
const struct sim_host *sim_stray_disk(const struct sim *s);

/* ---- deadline.c ---- */

void sim_deadline_turn(struct sim_host *h);

/* ---- nemesis.c ---- */

/* It refuses to start with what its disk holds: an operator comes. */
void sim_nemesis_refused(struct sim_host *h);
/* Its turn is over. */
void sim_nemesis_turn(struct sim_host *h);
/* It gives its vote to another server. */
void sim_nemesis_voted(struct sim_host *h, uint64_t term, uint64_t candidate);
void sim_nemesis_start(struct sim *s);
/* Everything heals, and everybody comes back. */
void sim_nemesis_stop(struct sim *s);

#endif
