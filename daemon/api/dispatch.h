/* dispatch - one request from the client that makes it to the answer, whatever it came over.
 *
 * A transport creates the call with the bytes of the request, which the parameters point into,
 * finds method and parameters in it, and runs it. The call is ended exactly once, by api_reply,
 * api_reply_list or api_fail; when its client went away meanwhile, the answer is dropped.
 *
 * What a call allocates comes from its arena, which is reset when the call ends. */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/client.h"
#include "mem/arena.h"
#include "wire/event.h"
#include "wire/params.h"
#include "wire/reply.h"

struct api_metadata;
struct bx_vm;

struct api_call {
    TAILQ_ENTRY(api_call) all;
    TAILQ_ENTRY(api_call) link; /* in api->waits, while waiting */
    struct api *api;
    struct api_client *client; /* NULL: it went away; nobody wants the answer */
    uint64_t id;               /* of the request, as its client numbers them */
    uint64_t from;             /* id of the node that asks, when client is the relay */
    enum bx_method method;
    struct bx_buf message; /* what the parameters point into */
    struct bx_arena arena;
    void *params;                  /* of the struct that bx_methods[method]->params describes */
    bool pooled;                   /* params come from api->configs */
    struct api_metadata *metadata; /* what metadata of a configuration lies in; NULL: none */
    void *state;                   /* the method's own, from the arena */
    void (*then)(struct api_call *c);
    uint64_t deadline; /* boot time */
    uint64_t query;    /* number of the question to another node, or 0 */
    bool waiting;      /* in api->waits */
};
TAILQ_HEAD(api_calls, api_call);

/* What a method does. Each of BX_METHODS has one, api_NAME, in the file of its noun. */
struct api_method {
    void (*run)(struct api_call *c);
    /* Its command is applied: compose the answer. Methods that never write have none. */
    void (*written)(struct api_call *c, const struct bx_outcome *o);
    /* Of those that wait: a VM changed; time is over. */
    void (*vm_changed)(struct api_call *c, const struct bx_vm *vm, bool gone);
    void (*expired)(struct api_call *c);
    bool config; /* the parameters hold a VM's configuration: they come from that pool */
};
#define API_METHOD_EXTERN(upper, lower) extern const struct api_method api_##lower;
BX_METHODS(API_METHOD_EXTERN)

/* ---- for transports ---- */

/* A call with a copy of the n bytes of its request; NULL: memory is out. Then run it or drop it. */
struct api_call *api_call_create(struct api *a, struct api_client *client, const uint8_t *p,
                                 size_t n);
/* Find the method, check the client's role and the parameters, and begin. The values are used
 * during the call only, the texts they hold as long as the call lives. */
void api_call_run(struct api_call *c, struct bx_str method, bx_val params);
/* It was no request: there is no answer. */
void api_call_drop(struct api_call *c);

/* ---- for methods ---- */

/* n bytes from the call's arena, zeroed. Ends the process when memory is out. */
void *api_alloc(struct api_call *c, size_t n);
struct bx_str api_copy(struct api_call *c, struct bx_str s);

/* Answer with one object; NULL: nil. */
void api_reply(struct api_call *c, const struct bx_schema *s, const void *obj);
/* Answer with a list: what of it the parameters after, limit and match leave. */
void api_reply_list(struct api_call *c, const struct bx_schema *s, const struct bx_items *items);
/* Answer with exactly these items. */
void api_reply_items(struct api_call *c, const struct bx_schema *s, const struct bx_items *items);
void api_fail(struct api_call *c, const struct bx_err *err);
/* Between answers; nothing for a client that is gone or takes none. */
void api_notify(struct api_client *client, const char *name, const struct bx_schema *s,
                const void *obj);

/* After a barrier, or at once when stale is asked for: then(c). */
void api_read(struct api_call *c, void (*then)(struct api_call *c));
/* Propose; the method's `written` is called when it is decided well, else the call fails with the
 * outcome's words. */
void api_write(struct api_call *c, uint16_t kind, const void *body, struct bx_str tenant);
/* The method waits until it answers, expires, or the daemon stops. */
void api_wait(struct api_call *c);

/* ---- list.c ---- */

/* Do the items' fields have the values that `match` asks for? NULL fields are refused before:
 * BX_OK, or BX_INVALID for a key that the schema does not have. */
int api_match_check(const struct bx_schema *s, const struct bx_pairs *match, struct bx_err *err);
bool api_matches(const struct bx_schema *s, const struct bx_pairs *match, const void *obj);

#endif
