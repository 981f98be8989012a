#include "params.h"

#include "build.h"

void params_key(struct params *p, const char *key)
{
    build_str(&p->b, key);
    p->n++;
}

void params_str(struct params *p, const char *key, const char *value)
{
    params_key(p, key);
    build_str(&p->b, value);
}

void params_u64(struct params *p, const char *key, uint64_t value)
{
    params_key(p, key);
    build_u64(&p->b, value);
}

void params_bool(struct params *p, const char *key, bool value)
{
    params_key(p, key);
    build_bool(&p->b, value);
}

void params_request_id(struct params *p, const char *id)
{
    params_str(p, "request_id", id);
    p->request_id = id;
}

void params_close(struct params *p)
{
    bx_buf_release(&p->b);
    p->n = 0;
    p->request_id = NULL;
}
