/* cli_fake - servers that answer a client as a script says: a step a request. */
#ifndef CLI_FAKE_H
#define CLI_FAKE_H

#include "lib/testlib.h"

#include <pthread.h>

#define FAKE_STEPS 144

enum step {
    CLOSE,    /* end the connection; what follows the script is this, too */
    ANSWER,   /* {"n": how many requests came before} */
    SLOWLY,   /* the same, one byte a write */
    NOTIFIED, /* the same, after a notification, both in one write */
    NO_LEADER,
    NOT_FOUND,
    OK_ERROR, /* an error that calls itself ok */
    HTTP,     /* bytes that are no answer */
    GARBAGE,  /* no MessagePack */
    WRONG_ID,
    TURN_AWAY, /* a notification that the server is full, and the end */
    DENY_NEXT, /* an answer, then a notification that the client is refused, and the end */
    SILENCE,   /* until the client goes */
    PAGE_ONE,  /* a list: two names, a and b, and more after b */
    PAGE_NONE, /* none, and more after b2 */
    PAGE_LAST, /* one name, c */
    LOG_MORE, /* of log.query: an event "event N", N of the requests before, and more after "placeN"
               */
    LOG_LAST, /* the same, and no more */
};

struct fake {
    char path[100], address[120];
    enum step steps[FAKE_STEPS];
    int listener;
    pthread_t thread;
    /* What came in; looked at after the thread has ended. */
    unsigned n;
    char methods[FAKE_STEPS][32], ids[FAKE_STEPS][40], afters[FAKE_STEPS][16];
    uint64_t timeouts[FAKE_STEPS];
};

/* An address that nobody listens at. */
void fake_name(struct fake *f);
/* Listens, and takes these steps; START counts them. */
void fake_start(struct fake *f, const enum step *steps, unsigned n);
/* The client must have let go of it. */
void fake_stop(struct fake *f);
int fake_setup(void **state);
int fake_teardown(void **state);

#define START(f, ...)                                                                              \
    fake_start(f, (const enum step[]){__VA_ARGS__},                                                \
               sizeof((const enum step[]){__VA_ARGS__}) / sizeof(enum step))

#endif
