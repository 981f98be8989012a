/* client - what client.c and request.c share: a client and the requests that it has under way. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/history.h"
#include "sim/sim.h"

#define SIM_CLIENTS_MAX 8u
#define SIM_LANES_MAX 3u /* requests that one client has under way */
#define SIM_NAMES_MAX 24u
#define SIM_MEANT_MAX 8u
#define SIM_ANSWER_US 200u /* an answer takes so long to the client */

struct client;

/* One request after the other. */
struct lane {
    struct client *client;
    enum { LANE_IDLE, LANE_ASKS, LANE_REPEATS, LANE_MISUSES } doing;
    struct sim_op op;               /* the answer too, once it is there */
    uint64_t sequence;              /* that it still waits for; 0: none */
    uint64_t shape;                 /* numbers for the command's body */
    char pin[16];                   /* op.pinned: to the node of this name */
    uint8_t vms[SIM_MEANT_MAX][16]; /* that its name meant, as often as it was sent */
    unsigned n_vms;
    struct sim_host *host; /* that was asked; NULL: nobody just now */
    uint32_t attempt;      /* answers to earlier ones come too late */
};

struct client {
    struct sim *sim;
    unsigned number, n_lanes;
    uint64_t rng, sessions; /* streams */
    uint8_t session[16];
    uint64_t sequence; /* the last that was used */
    bool brief;        /* a new session for each request, as a command line has */
    /* Who answered the requests of this session; spread: several, or one was asked in vain, and a
     * copy may be under way. */
    struct sim_host *answered;
    uint32_t life; /* of that host */
    bool spread;
    struct lane lanes[SIM_LANES_MAX];
};

/* An answer on its way to the client; rows are the VMs of a list. */
struct answer {
    struct lane *lane;
    uint32_t attempt;
    bool known;  /* else: ask again */
    bool unsent; /* nothing was proposed: there is no such VM */
    struct sim_op op;
    size_t n_rows;
    struct sim_op rows[];
};

/* ---- name.c ---- */

struct sim_name {
    char vm[16];
    struct bx_str tenant;
};
struct sim_name sim_name_of(const struct sim *s, unsigned number);
/* The other way round; `names` for one that no client uses. */
unsigned sim_name_number(const struct sim *s, struct bx_str vm, struct bx_str tenant,
                         unsigned names);

/* ---- request.c ---- */

/* Ask for what the lane does, inside the host; each call leads to one answer, or to none when the
 * process ends. */
void sim_request(struct sim_host *h, void *lane);
/* What a host has now, as reads of every name: n_rows of them. */
void sim_request_rows(struct sim_host *h, unsigned names, const struct sim_op *like,
                      struct sim_op *rows);

/* ---- verdict.c ---- */

/* Reads what every host has at last, and ends the run when nothing explains the history. */
void sim_client_verdict(struct sim *s, struct sim_history *h, unsigned names);

/* ---- client_session.c ---- */

void sim_client_draw_session(struct client *c, uint64_t *rng);
/* Now and then to a new session. The sequence goes on, so that a late answer of the old session is
 * none of the new one. */
void sim_client_move_on(struct client *c);

/* ---- client.c ---- */

/* Numbers of names are 0 up to, and not, N. */
unsigned sim_client_names(const struct sim *s);
/* Takes the answer over. */
void sim_client_answer(struct sim *s, struct answer *a);

#endif
