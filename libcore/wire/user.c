#include "wire/command.h"

#include "codec/base64url.h"

#include <string.h>

/* ---- commands ---- */

#define NAME(strukt, member) BX_FIELD(strukt, member, BX_T_STR, .max = 255)
#define ROLE(strukt) BX_FIELD(strukt, role, BX_T_ENUM, .names = bx_user_role_names)

static const struct bx_field create_fields[] = {
    NAME(bx_cmd_user_create, name),
    ROLE(bx_cmd_user_create),
    NAME(bx_cmd_user_create, tenant),
};
const struct bx_schema bx_cmd_user_create_schema =
    BX_SCHEMA("user.create", BX_CMD_SCHEMA(USER_CREATE), bx_cmd_user_create, create_fields);

static const struct bx_field set_fields[] = {
    NAME(bx_cmd_user_set, name),
    ROLE(bx_cmd_user_set),
    NAME(bx_cmd_user_set, tenant),
    BX_FIELD(bx_cmd_user_set, sets_role, BX_T_BOOL),
    BX_FIELD(bx_cmd_user_set, sets_tenant, BX_T_BOOL),
    NAME(bx_cmd_user_set, scope),
};
const struct bx_schema bx_cmd_user_set_schema =
    BX_SCHEMA("user.set", BX_CMD_SCHEMA(USER_SET), bx_cmd_user_set, set_fields);

static const struct bx_field delete_fields[] = {
    NAME(bx_cmd_user_delete, name),
    NAME(bx_cmd_user_delete, scope),
};
const struct bx_schema bx_cmd_user_delete_schema =
    BX_SCHEMA("user.delete", BX_CMD_SCHEMA(USER_DELETE), bx_cmd_user_delete, delete_fields);

static const struct bx_field token_create_fields[] = {
    NAME(bx_cmd_user_token_create, user),
    BX_FIELD(bx_cmd_user_token_create, secret_hash, BX_T_UUID, .secret = true),
    {.name = "secret_hash_rest",
     .type = BX_T_UUID,
     .offset = offsetof(struct bx_cmd_user_token_create, secret_hash) + 16,
     .secret = true},
    BX_FIELD(bx_cmd_user_token_create, ttl_ms, BX_T_U64),
    NAME(bx_cmd_user_token_create, scope),
    BX_FIELD(bx_cmd_user_token_create, certificate, BX_T_BOOL, .omit = true, .since = 3),
};
const struct bx_schema bx_cmd_user_token_create_schema =
    BX_SCHEMA("user_token.create", BX_CMD_SCHEMA(USER_TOKEN_CREATE), bx_cmd_user_token_create,
              token_create_fields);

static const struct bx_field token_delete_fields[] = {
    BX_FIELD(bx_cmd_user_token_delete, id, BX_T_U64),
    NAME(bx_cmd_user_token_delete, scope),
};
const struct bx_schema bx_cmd_user_token_delete_schema =
    BX_SCHEMA("user_token.delete", BX_CMD_SCHEMA(USER_TOKEN_DELETE), bx_cmd_user_token_delete,
              token_delete_fields);

/* ---- replies ---- */

static const struct bx_field reply_fields[] = {
    NAME(bx_user_reply, name),
    ROLE(bx_user_reply),
    BX_FIELD(bx_user_reply, tenant, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_user_reply, created_index, BX_T_U64),
    BX_FIELD(bx_user_reply, modified_index, BX_T_U64),
};
const struct bx_schema bx_user_reply_schema =
    BX_REPLY_SCHEMA("user", USER, bx_user_reply, reply_fields);

static const struct bx_field token_reply_fields[] = {
    BX_FIELD(bx_user_token_reply, id, BX_T_U64),
    NAME(bx_user_token_reply, user),
    BX_FIELD(bx_user_token_reply, expires_ms, BX_T_U64, .nil = true),
    BX_FIELD(bx_user_token_reply, used_ms, BX_T_U64, .nil = true),
    BX_FIELD(bx_user_token_reply, certificate, BX_T_BOOL, .omit = true, .since = 3),
};
const struct bx_schema bx_user_token_reply_schema =
    BX_REPLY_SCHEMA("user-token", USER_TOKEN, bx_user_token_reply, token_reply_fields);

static const struct bx_field cert_reply_fields[] = {
    BX_FIELD(bx_user_cert_reply, id, BX_T_U64),
    NAME(bx_user_cert_reply, user),
    BX_FIELD(bx_user_cert_reply, expires_ms, BX_T_U64),
    BX_FIELD(bx_user_cert_reply, certificate, BX_T_STR),
};
const struct bx_schema bx_user_cert_reply_schema =
    BX_REPLY_SCHEMA("user-certificate", USER_CERT, bx_user_cert_reply, cert_reply_fields);

/* ---- methods ---- */

static void no_role(void *params)
{
    ((struct bx_user_params *)params)->role = BX__USER_ROLES;
}

#define USER NAME(bx_user_params, user)
static const struct bx_field list_params_fields[] = {BX_PARAMS_LISTS, BX_PARAMS_TENANT};
static const struct bx_field show_params_fields[] = {USER, BX_PARAMS_READS};
static const struct bx_field delete_params_fields[] = {USER, BX_PARAMS_WRITES};
static const struct bx_field create_params_fields[] = {
    USER, ROLE(bx_user_params), NAME(bx_user_params, tenant), BX_PARAMS_WRITES};
static const struct bx_field set_params_fields[] = {
    USER, ROLE(bx_user_params), NAME(bx_user_params, tenant),
    BX_FIELD(bx_user_params, no_tenant, BX_T_BOOL), BX_PARAMS_WRITES};

BX_METHOD(USER_CREATE, user_create, bx_user_params, create_params_fields, user,
          .name = "user.create", .verb = "POST", .path = "/v1/users", .role = BX_RPC_ADMIN,
          .scope = BX_SCOPE_TENANT, .mutates = true, .defaults = no_role,
          .about = "Create a user with a `role` in a tenant, or in the whole cluster.");

BX_METHOD(USER_LIST, user_list, bx_plain_params, list_params_fields, user, .name = "user.list",
          .verb = "GET", .path = "/v1/users", .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT,
          .key = "name", .about = "All users, sorted by name.");

BX_METHOD(USER_SHOW, user_show, bx_user_params, show_params_fields, user, .name = "user.show",
          .verb = "GET", .path = "/v1/users/{user}", .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT,
          .about = "One user.");

BX_METHOD(USER_SET, user_set, bx_user_params, set_params_fields, user, .name = "user.set",
          .verb = "PATCH", .path = "/v1/users/{user}", .role = BX_RPC_ADMIN,
          .scope = BX_SCOPE_TENANT, .mutates = true, .defaults = no_role,
          .about = "Change the role of a user, its tenant, or with `no_tenant` make it one of the "
                   "whole cluster. It holds from the next call of the user on. A user who gets "
                   "another tenant, or none, loses its tokens.");

BX_METHOD(USER_DELETE, user_delete, bx_user_params, delete_params_fields, user,
          .name = "user.delete", .verb = "DELETE", .path = "/v1/users/{user}", .role = BX_RPC_ADMIN,
          .scope = BX_SCOPE_TENANT, .mutates = true,
          .about = "Delete a user and its tokens. Only the name in the reply is meaningful.");

/* ---- methods about tokens ---- */

#define OF_USER NAME(bx_user_token_params, user)
static const struct bx_field token_create_params_fields[] = {
    OF_USER,
    BX_FIELD(bx_user_token_params, secret_hash, BX_T_STR, .max = 64, .secret = true),
    BX_FIELD(bx_user_token_params, ttl_s, BX_T_U64),
    BX_PARAMS_WRITES,
};
static const struct bx_field token_list_params_fields[] = {OF_USER, BX_PARAMS_LISTS};
static const struct bx_field token_delete_params_fields[] = {
    BX_FIELD(bx_user_token_params, id, BX_T_U64), BX_PARAMS_WRITES};

BX_METHOD(USER_TOKEN_CREATE, user_token_create, bx_user_token_params, token_create_params_fields,
          user_token, .name = "user.token_create", .verb = "POST",
          .path = "/v1/users/{user}/tokens", .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT,
          .mutates = true,
          .about = "Let a user prove itself with a secret of 32 random bytes, of which "
                   "`secret_hash` is the SHA-256 in hex. The client makes the secret and keeps it: "
                   "its token is `blx_` and the secret in base64url. It expires after `ttl_s` "
                   "seconds; 0, the default: never.");

static const struct bx_field cert_create_params_fields[] = {
    NAME(bx_user_cert_params, user),
    BX_FIELD(bx_user_cert_params, csr, BX_T_STR, .max = BX_CSR_TEXT_MAX),
    BX_FIELD(bx_user_cert_params, ttl_s, BX_T_U64),
    BX_PARAMS_WRITES,
};
BX_METHOD(
    USER_CERT_CREATE, user_cert_create, bx_user_cert_params, cert_create_params_fields, user_cert,
    .name = "user.cert_create", .verb = "POST", .path = "/v1/users/{user}/certificates",
    .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT, .mutates = true,
    .about = "Certify the key of a signing request (PKCS #10 in PEM form, of an EC key on "
             "P-256) as one of this user, who proves itself with it in the TLS handshake. "
             "What the request says besides the key is ignored. The certificate is listed and "
             "deleted as a token, and is valid for `ttl_s` seconds, by default 31536000, a "
             "year. The same request gets its certificate again, for what is left of them.");

BX_METHOD(
    USER_TOKEN_LIST, user_token_list, bx_user_token_params, token_list_params_fields, user_token,
    .name = "user.token_list", .verb = "GET", .path = "/v1/users/{user}/tokens",
    .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT, .key = "id",
    .about = "The valid tokens and certificates of a user, by id, without their secrets. `used_ms` "
             "is about the node that is asked: when it was used there last, since the daemon "
             "started.");

BX_METHOD(USER_TOKEN_DELETE, user_token_delete, bx_user_token_params, token_delete_params_fields,
          user_token, .name = "user.token_delete", .verb = "DELETE", .path = "/v1/user-tokens/{id}",
          .role = BX_RPC_ADMIN, .scope = BX_SCOPE_TENANT, .mutates = true,
          .about = "Delete a token or a certificate: it proves nothing from now on. Of the answer, "
                   "only the id is set.");

/* ---- the text of a token ---- */

#define PREFIX "blx_"
#define PREFIX_LEN 4u
_Static_assert(BX_USER_TOKEN_TEXT == PREFIX_LEN + BX_BASE64URL_SIZE(BX_USER_SECRET),
               "the length of the text");

void bx_user_token_text(const uint8_t secret[BX_USER_SECRET], char out[BX_USER_TOKEN_TEXT + 1])
{
    memcpy(out, PREFIX, PREFIX_LEN);
    bx_base64url_write(secret, BX_USER_SECRET, out + PREFIX_LEN);
    out[BX_USER_TOKEN_TEXT] = '\0';
}

bool bx_user_token_parse(struct bx_str text, uint8_t secret[BX_USER_SECRET])
{
    size_t n;

    return text.n == BX_USER_TOKEN_TEXT && memcmp(text.p, PREFIX, PREFIX_LEN) == 0 &&
           bx_base64url_read(text.p + PREFIX_LEN, text.n - PREFIX_LEN, secret, &n);
}
