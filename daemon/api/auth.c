/* auth - who a client is by its token or certificate, and what it may call.
 *
 *   sys.hello with a token --> its hash is in the state: the client is that user from now on
 *                          \-> it is not: its source is counted a wrong token; after a barrier, for
 *                              the state here may be behind, it is looked for once more, and then
 *                              refused, or the count taken back
 *
 * A certificate that the CA has signed is a token whose hash is that of its key. It needs no hello;
 * but a node that is behind may not know it yet, and with a hello looks for it as for a token.
 *
 * What a user may is looked up at each call, so a user or a token that is deleted, or expires, may
 * nothing from then on. From a source that has sent several wrong tokens, others that are not in
 * the state are not looked for any further for a while; a source is an address, or a user of the
 * unix socket. Those that are in the state are taken, so nobody keeps out others of the same
 * source: a secret has 256 bits, and the delay is for the barriers that misses cost. */
#include "api/priv.h"

#include "mem/alloc.h"
#include "rec/rec.h"
#include "state/user.h"
#include "pki/pki.h"
#include "sys/rate.h"
#include "wire/sys.h"

#include <stdio.h>
#include <string.h>

#define FREE_TRIES 5u
#define DELAY_MS 1000u /* after so many wrong tokens; twice as long after each further one */
#define DELAY_MAX_MS 30000u
#define FORGET_MS 600000u /* without a wrong token */
#define SUSPECTS_MAX 256u /* the one whose last wrong token is the longest ago gives way */

struct suspect {
    char source[API_PARTY_NAME]; /* empty: free */
    uint32_t wrong;
    uint64_t last, until; /* boot time */
};

struct api_auth {
    struct suspect suspects[SUSPECTS_MAX];
    uint64_t wrong;         /* tokens of all */
    struct rate_bound told; /* of them */
};

void api_auth_create(struct api *a)
{
    a->auth = bx_must_calloc(1, sizeof *a->auth);
}

void api_auth_destroy(struct api *a)
{
    api_token_uses_close(a);
    bx_free(a->auth);
}

static uint64_t now_ms(const struct api *a)
{
    return a->o.clock->ops->boot_ms(a->o.clock);
}

/* ---- wrong tokens ---- */

static const char *source_of(const struct api_client *client)
{
    const struct api_party *p = client->party;

    return client->is_local && p->parent != NULL ? p->parent->name : p->name;
}

static struct suspect *find_suspect(struct api *a, const char *source)
{
    for (uint32_t i = 0; i < SUSPECTS_MAX; i++) {
        if (strcmp(a->auth->suspects[i].source, source) == 0)
            return &a->auth->suspects[i];
    }
    return NULL;
}

static struct suspect *add_suspect(struct api *a, const char *source)
{
    struct suspect *s = &a->auth->suspects[0];

    for (uint32_t i = 1; i < SUSPECTS_MAX && s->source[0] != '\0'; i++) {
        if (a->auth->suspects[i].source[0] == '\0' || a->auth->suspects[i].last < s->last)
            s = &a->auth->suspects[i];
    }
    *s = (struct suspect){.wrong = 0};
    snprintf(s->source, sizeof s->source, "%s", source);
    return s;
}

static void count_miss(struct api *a, const char *source)
{
    struct suspect *s = find_suspect(a, source);
    uint64_t now = now_ms(a), delay;

    if (s == NULL)
        s = add_suspect(a, source);
    if (now - s->last >= FORGET_MS)
        s->wrong = 0;
    s->last = now;
    s->wrong += s->wrong < FREE_TRIES + 6;
    if (s->wrong >= FREE_TRIES) {
        delay = (uint64_t)DELAY_MS << (s->wrong - FREE_TRIES);
        s->until = now + (delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS);
    }
}

/* It was valid: the state here was behind. */
static void take_back(struct api *a, const char *source)
{
    struct suspect *s = find_suspect(a, source);

    if (s == NULL || s->wrong == 0)
        return;
    s->wrong--;
    if (s->wrong < FREE_TRIES)
        s->until = 0;
}

static void tell_wrong(struct api *a, const char *source)
{
    a->auth->wrong++;
    if (rate_may(&a->auth->told, now_ms(a), 1, NULL))
        BX_WARNING("api", "wrong token", "source", source, "tokens", a->auth->wrong);
}

/* The client waits for nothing here: it is told to come again. */
static int check_delay(struct api *a, const char *source, struct bx_err *err)
{
    const struct suspect *s = find_suspect(a, source);
    uint64_t now = now_ms(a);

    if (s == NULL || s->until <= now)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "too many wrong tokens from %s", source);
    bx_err_hint(err, "try again in %u s", (unsigned)((s->until - now + 999) / 1000));
    return BX_BUSY;
}

/* ---- the user of a token ---- */

_Static_assert(BX_USER_VIEWER + 1 == BX_RPC_VIEWER && BX_USER_OPERATOR + 1 == BX_RPC_OPERATOR &&
                   BX_USER_ADMIN + 1 == BX_RPC_ADMIN,
               "the roles of users are those of methods");

/* Of what is applied, and of what has passed since then: a token also ends in a cluster in which
 * nothing happens. */
uint64_t api_auth_left_ms(const struct api *a, const struct bx_user_token *t)
{
    uint64_t left = bx_user_token_left_ms(bx_node_fsm(a->node), t);
    uint64_t idle = bx_node_idle_ms(a->node);

    return left == UINT64_MAX ? left : left > idle ? left - idle : 0;
}

/* The user, if this is the hash of a token that is valid; NULL. */
static const struct bx_user *user_of(struct api *a, const uint8_t hash[BX_USER_SECRET_HASH],
                                     bool certificate)
{
    const struct bx_view *v = bx_node_view(a->node);
    const struct bx_user_token *t = bx_view_user_token(v, hash);

    if (t == NULL || t->certificate != certificate || api_auth_left_ms(a, t) == 0)
        return NULL;
    return bx_view_get(v, BX_TABLE_USER, &t->user);
}

static void become(struct api_client *client, const struct bx_user *u)
{
    client->role = (enum bx_rpc_role)(u->role + 1);
    snprintf(client->tenant, sizeof client->tenant, BX_STR_FMT, BX_STR_ARG(u->tenant));
    snprintf(client->principal, sizeof client->principal, "user:" BX_STR_FMT, BX_STR_ARG(u->name));
}

/* Without a quorum it is not known here what was deleted meanwhile. */
static int check_quorum(const struct api *a, struct bx_err *err)
{
    if (bx_node_has_quorum(a->node))
        return BX_OK;
    bx_node_no_leader(a->node, "token", "", err);
    bx_err_hint(err, "ask another node, or this one over its unix socket without a token");
    return BX_NO_LEADER;
}

static int refuse_token(const struct api_client *client, struct bx_err *err)
{
    bx_err_set(err, BX_DENIED, "the %s of this connection has expired, or was deleted",
               client->by_certificate ? "certificate" : "token");
    bx_err_hint(err, "have an administrator create another: blixardctl user %s",
                client->by_certificate ? "cert NAME --out PREFIX" : "token create NAME");
    return BX_DENIED;
}

static int refresh(struct api_client *client, struct bx_err *err)
{
    const struct bx_user *u;

    if (!client->by_token || client->api->node == NULL)
        return BX_OK;
    if (check_quorum(client->api, err) != BX_OK)
        return BX_NO_LEADER;
    u = user_of(client->api, client->token, client->by_certificate);
    if (u != NULL) {
        become(client, u);
        return BX_OK;
    }
    client->role = BX_RPC_ANY;
    return refuse_token(client, err);
}

bool api_auth_holds(const struct api_call *c, struct bx_err *err)
{
    struct api_client *client = c->client;
    enum bx_rpc_role least = bx_methods[c->method]->role;

    if (client == NULL || c->carried || !client->by_token || least == BX_RPC_ANY)
        return true;
    if (refresh(client, err) != BX_OK)
        return false;
    if (client->role >= least && strcmp(client->tenant, c->tenant) == 0)
        return true;
    refuse_token(client, err);
    return false;
}

void api_auth_certified(struct api_client *client, const struct pki_cert *cert)
{
    struct bx_err err;

    if (cert->kind != PKI_USER) { /* it has no rights here, and may have a token */
        pki_cert_name(cert, client->principal, sizeof client->principal);
        return;
    }
    memcpy(client->token, cert->pin, sizeof client->token);
    client->by_token = client->by_certificate = true;
    if (refresh(client, &err) == BX_OK)
        api_token_note_use(client->api, client->token);
}

/* Answer what it waits for. Sending may close it, and then none is pending. */
static void end_waits(struct api_client *client, const struct bx_err *err)
{
    struct api_call *c = TAILQ_FIRST(&client->pending);

    while (c != NULL) {
        bool waits = c->queue == &client->api->waits;

        if (waits)
            api_fail(c, err);
        c = waits ? TAILQ_FIRST(&client->pending) : TAILQ_NEXT(c, own);
    }
}

void api_auth_sweep(struct api *a)
{
    struct api_client *client, *next;
    struct bx_err err;

    if (a->node != NULL)
        (void)bx_node_idle_ms(a->node); /* what has expired stays so */
    for (client = TAILQ_FIRST(&a->watchers); client != NULL; client = next) {
        next = TAILQ_NEXT(client, watcher);
        if (refresh(client, &err) != BX_DENIED) /* without a quorum there is nothing new to watch */
            continue;
        api_watch_stop(client);
        end_waits(client, &err);
        client->ops->end(client, &err);
    }
}

/* ---- sys.hello ---- */

struct greeting {
    uint8_t hash[BX_USER_SECRET_HASH];
    bool certificate; /* of one */
    void (*then)(struct api_call *c);
    char source[API_PARTY_NAME];
};

static void deny(struct api_call *c)
{
    const struct greeting *g = c->state;
    struct bx_err err;

    tell_wrong(c->api, g->source);
    bx_err_set(&err, BX_DENIED, "%s unknown or expired", g->certificate ? "certificate" : "token");
    bx_err_hint(&err, "have an administrator create another: blixardctl user %s",
                g->certificate ? "cert NAME --out PREFIX" : "token create NAME");
    api_fail(c, &err);
}

static void admit(struct api_call *c, const struct bx_user *u)
{
    struct greeting *g = c->state;

    if (c->client != NULL) {
        memcpy(c->client->token, g->hash, sizeof g->hash);
        c->client->by_token = true;
        c->client->by_certificate = g->certificate;
        become(c->client, u);
        api_token_note_use(c->api, g->hash);
    }
    g->then(c);
}

static void look_again(struct api_call *c)
{
    const struct greeting *g = c->state;
    const struct bx_user *u = user_of(c->api, g->hash, g->certificate);

    if (u == NULL) {
        deny(c);
        return;
    }
    take_back(c->api, g->source);
    admit(c, u);
}

/* Its token is not in the state. What costs more is counted before. */
static void miss(struct api_call *c, bool is_token)
{
    const struct greeting *g = c->state;
    struct bx_err err;

    if (check_delay(c->api, g->source, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    count_miss(c->api, g->source);
    if (is_token)
        api_read(c, look_again);
    else
        deny(c);
}

/* The SHA-256 of the secret; false: the text is no token. */
static bool hash_token(struct bx_str text, uint8_t out[BX_USER_SECRET_HASH])
{
    uint8_t secret[BX_USER_SECRET];
    bool is_token = bx_user_token_parse(text, secret);

    if (is_token)
        bx_sha256(secret, sizeof secret, out);
    pki_wipe(secret, sizeof secret);
    return is_token;
}

void api_auth_hello(struct api_call *c, void (*then)(struct api_call *c))
{
    const struct bx_hello_params *p = c->params;
    struct greeting *g = c->state = api_alloc(c, sizeof *g);
    const struct bx_user *u;
    struct bx_err err;
    bool is_token;

    g->then = then;
    snprintf(g->source, sizeof g->source, "%s", source_of(c->client));
    if (c->api->node == NULL) {
        bx_err_set(&err, c->api->o.identity->node == 0 ? BX_CONFLICT : BX_SHUTDOWN,
                   "tokens are known to members of a cluster only, and this host is none yet");
        bx_err_hint(&err, "use the unix socket, without a token");
        api_fail(c, &err);
        return;
    }
    if (check_quorum(c->api, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    g->certificate = p->token.n == 0;
    if (g->certificate)
        memcpy(g->hash, c->client->token, sizeof g->hash);
    is_token = g->certificate || hash_token(p->token, g->hash);
    u = is_token ? user_of(c->api, g->hash, g->certificate) : NULL;
    if (u != NULL)
        admit(c, u);
    else
        miss(c, is_token);
}

/* ---- what a client may call ---- */

/* A client of which nothing is known but that it is there. */
static int refuse_unknown(const struct api_client *client, struct bx_err *err)
{
    const char *who = client->principal;

    if (client->by_token)
        return refuse_token(client, err);
    if (client->is_local) {
        bx_err_set(err, BX_DENIED, "permission denied (uid %s)",
                   strncmp(who, "uid:", 4) == 0 ? who + 4 : who);
        bx_err_hint(err, "pass the token of a user with --token-file, use root or the account that "
                         "runs blixardd, or have an administrator add this account to the "
                         "--operator-group or --admin-group of blixardd");
    } else if (strncmp(who, "node ", 5) == 0) {
        bx_err_set(err, BX_DENIED, "permission denied: the certificate of %s is not one of a user",
                   who);
        bx_err_hint(err, "an administrator makes one: blixardctl user cert NAME --out PREFIX");
    } else {
        bx_err_set(err, BX_DENIED,
                   "permission denied: clients over TCP need a token or certificate");
        bx_err_hint(err,
                    "pass those of a user: --token-file or BLIXARD_TOKEN, or --cert and --key");
    }
    return BX_DENIED;
}

int api_auth_unknown(struct api_client *client, struct bx_err *err)
{
    struct api *a = client->api;

    a->refused++;
    if (rate_may(&a->told, now_ms(a), 1, NULL))
        BX_WARNING("api", "permission denied", "client", client->principal, "socket", a->o.socket,
                   "requests", a->refused);
    return refuse_unknown(client, err);
}

static int refuse_role(const struct api_call *c, const struct bx_method_info *m, struct bx_err *err)
{
    const char *who = c->principal, *method = m->name;
    bool is_uid = strncmp(who, "uid:", 4) == 0;

    if (c->role >= m->role)
        bx_err_set(err, BX_DENIED, "permission denied: %s (%s, of tenant %s)", method, who,
                   c->tenant);
    else
        bx_err_set(err, BX_DENIED, "permission denied: %s (%s%s)", method, is_uid ? "uid " : "",
                   is_uid ? who + 4 : who);
    if (!is_uid)
        bx_err_hint(err, "have an administrator of the cluster do it, or change the role: "
                         "blixardctl user set NAME --role R");
    else
        bx_err_hint(err, "use root or the account that runs blixardd, or have an administrator add "
                         "this account to the --admin-group of blixardd");
    return BX_DENIED;
}

/* For whom the call is: another node has said it, or what is known of the client now. */
static void take_caller(struct api_call *c)
{
    if (c->carried)
        return;
    c->role = c->client->role;
    memcpy(c->tenant, c->client->tenant, sizeof c->tenant);
}

int api_auth_check(struct api_call *c, struct bx_err *err)
{
    const struct bx_method_info *m = bx_methods[c->method];
    struct api_client *client = c->client;
    int rc = m->role == BX_RPC_ANY ? BX_OK : refresh(client, err);

    if (rc != BX_OK)
        return rc;
    if (client->by_token && client->role > BX_RPC_ANY && m->role > BX_RPC_ANY)
        api_token_note_use(client->api, client->token);
    if (client->role == BX_RPC_ANY && m->role > BX_RPC_ANY)
        return api_auth_unknown(client, err);
    take_caller(c);
    if (c->role < m->role || (c->tenant[0] != '\0' && m->scope == BX_SCOPE_CLUSTER))
        return refuse_role(c, m, err);
    if (client->is_node && !m->relayed)
        return bx_err_set(err, BX_DENIED, "permission denied: %s (node)", m->name);
    return BX_OK;
}
