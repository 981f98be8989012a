#include "sys/stack.h"

#include "rec/rec.h"

#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <string.h>
#include <sys/types.h>
#include <ucontext.h>

#define NAME 32u
#define BUILD 20u /* bytes of a build id, SHA-1 */

static struct object {
    uintptr_t base, low, high;
    char name[NAME];
    char build[2 * BUILD + 1];
} objects[STACK_OBJECTS];
static uint32_t n_objects;
static uint8_t build_id[64];
static size_t n_build_id;

/* ---- what is loaded ---- */

static const ElfW(Nhdr) * find_build_id(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + h->p_vaddr, end = at + h->p_memsz;

        while (h->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const void *)at;

            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4)
                return note;
            at += sizeof *note + ((note->n_namesz + 3u) & ~3u) + ((note->n_descsz + 3u) & ~3u);
        }
    }
    return NULL;
}

static void take_build_id(const struct dl_phdr_info *info, struct object *o)
{
    static const char hex[] = "0123456789abcdef";
    const ElfW(Nhdr) *note = find_build_id(info);
    const uint8_t *id = note == NULL ? NULL : (const uint8_t *)(note + 1) + 4;

    for (size_t i = 0; note != NULL && i < note->n_descsz && i < BUILD; i++) {
        o->build[2 * i] = hex[id[i] >> 4];
        o->build[2 * i + 1] = hex[id[i] & 15];
    }
    if (note != NULL && o == objects && note->n_descsz <= sizeof build_id) {
        memcpy(build_id, id, note->n_descsz);
        n_build_id = note->n_descsz;
    }
}

/* The first object is the program itself, whose name is empty here. */
static int take_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct object *o = &objects[n_objects];
    const char *path = info->dlpi_name, *slash;
    size_t n;

    (void)size, (void)ctx;
    if (n_objects == STACK_OBJECTS)
        return 1;
    *o = (struct object){.base = info->dlpi_addr, .low = UINTPTR_MAX};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + h->p_vaddr;

        if (h->p_type != PT_LOAD)
            continue;
        o->low = low < o->low ? low : o->low;
        o->high = low + h->p_memsz > o->high ? low + h->p_memsz : o->high;
    }
    path = n_objects == 0 ? program_invocation_short_name : path;
    slash = strrchr(path, '/');
    path = slash == NULL ? path : slash + 1;
    n = strlen(path);
    memcpy(o->name, path, n < NAME ? n : NAME - 1);
    take_build_id(info, o);
    n_objects++;
    return 0;
}

void stack_open(void)
{
    void *first[1];

    n_objects = 0;
    dl_iterate_phdr(take_object, NULL);
    backtrace(first, 1); /* it loads a library the first time */
}

const uint8_t *stack_build_id(size_t *n)
{
    *n = n_build_id;
    return build_id;
}

static const struct object *object_of(uintptr_t address)
{
    for (uint32_t i = 0; i < n_objects; i++)
        if (address >= objects[i].low && address < objects[i].high)
            return &objects[i];
    return NULL;
}

/* ---- registers ---- */

const char *stack_hex(char out[STACK_HEX], uint64_t v)
{
    static const char hex[] = "0123456789abcdef";
    char digits[16];
    size_t n = 0, at = 2;

    do {
        digits[n++] = hex[v & 15];
        v >>= 4;
    } while (v > 0);
    memcpy(out, "0x", 2);
    while (n > 0)
        out[at++] = digits[--n];
    out[at] = '\0';
    return out;
}

static void record_register(const char *name, uint64_t value)
{
    char text[STACK_HEX];

    BX_ERROR("stack", "register", "name", name, "value", stack_hex(text, value));
}

#if defined __x86_64__
static const struct {
    const char *name;
    int index;
} registers[] = {
    {"rip", REG_RIP}, {"rsp", REG_RSP}, {"rbp", REG_RBP}, {"rax", REG_RAX}, {"rbx", REG_RBX},
    {"rcx", REG_RCX}, {"rdx", REG_RDX}, {"rsi", REG_RSI}, {"rdi", REG_RDI}, {"r8", REG_R8},
    {"r9", REG_R9},   {"r10", REG_R10}, {"r11", REG_R11}, {"r12", REG_R12}, {"r13", REG_R13},
    {"r14", REG_R14}, {"r15", REG_R15}, {"efl", REG_EFL}, {"err", REG_ERR}, {"trapno", REG_TRAPNO},
};

void stack_record_registers(const void *context)
{
    const ucontext_t *u = context;

    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        record_register(registers[i].name, (uint64_t)u->uc_mcontext.gregs[registers[i].index]);
}

static uint64_t program_counter(const void *context)
{
    return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}
#elif defined __aarch64__
void stack_record_registers(const void *context)
{
    const mcontext_t *m = &((const ucontext_t *)context)->uc_mcontext;
    char name[4] = "x0";

    record_register("pc", m->pc);
    record_register("sp", m->sp);
    record_register("pstate", m->pstate);
    for (int i = 0; i < 31; i++) {
        name[1] = (char)(i < 10 ? '0' + i : '0' + i / 10);
        name[2] = (char)(i < 10 ? '\0' : '0' + i % 10);
        record_register(name, m->regs[i]);
    }
}

static uint64_t program_counter(const void *context)
{
    return ((const ucontext_t *)context)->uc_mcontext.pc;
}
#else
void stack_record_registers(const void *context)
{
    (void)context;
}

static uint64_t program_counter(const void *context)
{
    (void)context;
    return 0;
}
#endif

/* ---- frames ---- */

void stack_take(struct stack *s, const void *context)
{
    int n;

    s->n = 0;
    s->pc = context == NULL ? 0 : program_counter(context);
    n = backtrace(s->frames, (int)STACK_FRAMES);
    s->n = n < 0 ? 0 : (uint32_t)n;
}

/* The frame where the signal came: those before it are the handler's. */
static uint32_t first_frame(const struct stack *s)
{
    for (uint32_t i = 0; i < s->n && s->pc != 0; i++)
        if ((uint64_t)(uintptr_t)s->frames[i] == s->pc)
            return i;
    return 0;
}

static void record_frame(uint32_t n, uintptr_t address, bool returns)
{
    const struct object *o = object_of(address);
    uintptr_t offset = address - (o == NULL ? 0 : o->base) - returns;
    char text[STACK_HEX];

    BX_ERROR("stack", "frame", "n", n, "object", o == NULL ? "" : o->name, "offset",
             stack_hex(text, offset));
}

void stack_record(const struct stack *s)
{
    uint32_t first = first_frame(s);

    if (s->pc != 0 && (s->n == 0 || (uint64_t)(uintptr_t)s->frames[first] != s->pc))
        record_frame(0, (uintptr_t)s->pc, false); /* the stack could not be followed to there */
    for (uint32_t i = first; i < s->n; i++) {
        uintptr_t address = (uintptr_t)s->frames[i];

        record_frame(i - first, address, (uint64_t)address != s->pc);
    }
    for (uint32_t i = 0; i < n_objects; i++) {
        char text[STACK_HEX];

        BX_ERROR("stack", "object", "name", objects[i].name, "base",
                 stack_hex(text, objects[i].base), "build", objects[i].build);
    }
}
