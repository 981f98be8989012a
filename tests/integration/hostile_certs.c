/* hostile_certs DIR CLUSTER KEY CA SEALED MS - what hostile_link.py attacks with: keys and
 * certificates that somebody has made, was given or has stolen, as DIR/NAME.key and DIR/NAME.crt.
 *
 *   forged    node 2, by a CA of the attacker with the names of the cluster's
 *   stolen    node 2, by the cluster's CA, of another key than node 2's
 *   user      a user of the cluster;   expired   one of yesterday
 *   csr       a signing request;       other     one of another key
 *
 * and as DIR/NAME.cmd commands that a node may not relay for node 2: state, report, put.
 *
 * CLUSTER is the cluster's id, KEY the file cluster.key, CA the certificate of its CA, SEALED the
 * CA's key in the state, MS the time since 1970. */
#include "pki/pki.h"

#include "wire/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY UINT64_C(86400000)

static const char *dir;
static uint8_t cluster[16];
static uint64_t now_ms;

static void must(bool good, const char *what, const struct bx_err *err)
{
    if (good)
        return;
    fprintf(stderr, "hostile_certs: %s: %s\n", what, err == NULL ? "" : err->msg);
    exit(1);
}

static void load(const char *path, struct bx_buf *out)
{
    uint8_t bytes[16384];
    FILE *f = fopen(path, "rb");
    size_t n;

    must(f != NULL, path, NULL);
    n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    must(bx_buf_append(out, bytes, n) == BX_OK, path, NULL);
}

static void save(const char *name, const char *suffix, const void *p, size_t n)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.%s", dir, name, suffix);
    f = fopen(path, "wb");
    must(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0, path, NULL);
}

static struct pki_key *make_key(const char *name)
{
    struct pki_key *key = NULL;
    struct bx_err err = {0};
    uint8_t der[PKI_KEY_MAX];
    size_t n = 0;

    must(pki_key_generate(&key, &err) == BX_OK, name, &err);
    must(pki_key_write(key, der, &n, &err) == BX_OK, name, &err);
    save(name, "key", der, n);
    return key;
}

static void issue(const char *name, const struct pki_key *ca_key, const struct bx_buf *ca,
                  struct pki_issue i)
{
    struct pki_key *key = make_key(name);
    struct bx_buf out = {0};
    struct bx_err err = {0};

    memcpy(i.cluster, cluster, 16);
    pki_key_public(key, i.spki);
    i.serial[15] = 7;
    must(pki_issue(ca_key, ca->data, ca->len, &i, &out, &err) == BX_OK, name, &err);
    save(name, "crt", out.data, out.len);
    bx_buf_release(&out);
    pki_key_destroy(key);
}

static void request(const char *name)
{
    struct pki_key *key = make_key(name);
    struct bx_buf out = {0};
    struct bx_err err = {0};

    must(pki_csr_make(key, &out, &err) == BX_OK, name, &err);
    save(name, "der", out.data, out.len);
    bx_buf_release(&out);
    pki_key_destroy(key);
}

static void command(const char *name, uint16_t kind, const void *body)
{
    struct bx_cmd_header head = {.kind = kind, .principal = bx_str(BX_PRINCIPAL_NODE)};
    struct bx_buf out = {0};

    must(bx_cmd_encode(&out, &head, body) == BX_OK, name, NULL);
    save(name, "cmd", out.data, out.len);
    bx_buf_release(&out);
}

static void commands(void)
{
    struct bx_cmd_node_state state = {.id = 2, .state = BX_NODE_DOWN};
    struct bx_cmd_vm_report report = {.vm = {1}, .node = 2, .epoch = 1, .phase = BX_PHASE_FAILED};
    struct bx_node_info put = {.id = 2, .name = bx_str("n2"), .address = bx_str("127.0.0.9:9")};

    command("state", BX_CMD_NODE_STATE, &state);
    command("report", BX_CMD_VM_REPORT, &report);
    command("put", BX_CMD_NODE_PUT, &put);
}

static struct pki_key *open_ca(const char *key_path, const char *sealed_path)
{
    struct bx_buf key = {0}, sealed = {0}, plain = {0};
    struct pki_key *ca = NULL;
    struct bx_err err = {0};

    load(key_path, &key);
    load(sealed_path, &sealed);
    must(key.len == PKI_SECRET, key_path, NULL);
    must(pki_open(key.data, cluster, 16, sealed.data, sealed.len, &plain, &err) == BX_OK, "the CA",
         &err);
    must(pki_key_read(plain.data, plain.len, &ca, &err) == BX_OK, "the CA", &err);
    pki_wipe_buf(&plain);
    pki_wipe_buf(&key);
    bx_buf_release(&sealed);
    return ca;
}

int main(int argc, char **argv)
{
    struct pki_issue node = {.kind = PKI_NODE, .node = 2, .role = "voter"};
    struct pki_issue user = {.kind = PKI_USER, .name = "mallory"};
    const uint8_t serial[PKI_SERIAL] = {1};
    struct pki_key *forged, *stolen;
    struct bx_buf ca = {0}, own = {0};
    struct bx_err err = {0};

    must(argc == 7 && bx_uuid_parse(argv[2], strlen(argv[2]), cluster), "usage", NULL);
    dir = argv[1];
    now_ms = strtoull(argv[6], NULL, 10);
    load(argv[4], &ca);
    stolen = open_ca(argv[3], argv[5]);
    forged = make_key("ca");
    must(pki_ca_make(forged, cluster, "local", now_ms, serial, &own, &err) == BX_OK, "CA", &err);
    save("ca", "crt", own.data, own.len);

    node.not_before_ms = user.not_before_ms = now_ms - 2 * DAY;
    node.not_after_ms = user.not_after_ms = now_ms + DAY;
    issue("forged", forged, &own, node);
    issue("stolen", stolen, &ca, node);
    issue("user", stolen, &ca, user);
    user.not_after_ms = now_ms - DAY;
    issue("expired", stolen, &ca, user);
    request("csr");
    request("other");
    commands();

    pki_key_destroy(stolen);
    pki_key_destroy(forged);
    bx_buf_release(&own);
    bx_buf_release(&ca);
    return 0;
}
