/* Zephyr's structures as of 4.0 with CONFIG_THREAD_MONITOR, THREAD_NAME, THREAD_STACK_INFO,
 * FPU_SHARING and DEBUG_THREAD_INFO; see scheduler.h. USE_SWITCH: the frames of 4.4 with
 * CONFIG_USE_SWITCH, which are in nobody's hardware format. */
#include <stdint.h>

#define FILL 0xAA

struct dnode { struct dnode *next, *prev; };
struct k_thread;
struct timeout { struct dnode node; void (*fn)(struct timeout *); int32_t dticks; };
struct _thread_base {
    union { struct dnode qnode_dlist; struct { void *children[2]; } qnode_rb; };
    void *pended_on;
    uint8_t user_options, thread_state;
    union { struct { int8_t prio; uint8_t sched_locked; }; uint16_t preempt; };
    void *swap_data;
    struct timeout timeout;
};
struct _callee_saved { uint32_t v1, v2, v3, v4, v5, v6, v7, v8, psp; };
struct __thread_entry { void *pEntry, *parameter1, *parameter2, *parameter3; };
struct _thread_stack_info { uintptr_t start; uint32_t size, delta; };
struct _preempt_float { float s16, others[15]; };
struct _thread_arch {
    uint32_t basepri, swap_return_value;
    struct _preempt_float preempt_float;
    union {
        uint32_t mode;
        struct { uint8_t mode_bits, mode_exc_return; uint16_t mode_reserved2; };
    };
};
struct k_thread {
    struct _thread_base base;
    struct _callee_saved callee_saved;
    void *init_data;
    struct dnode join_queue;
#ifndef NO_MONITOR
    struct __thread_entry entry;
    struct k_thread *next_thread;
    char name[32];
#endif
    struct _thread_stack_info stack_info;
    void *resource_pool;
    struct _thread_arch arch;
#ifdef USE_SWITCH
    void *switch_handle;
#endif
};
struct _cpu {
    uint32_t nested;
    char *irq_stack;
    struct k_thread *current, *idle_thread;
    uint8_t id;
    void *fp_ctx;
};
struct z_kernel {
    struct _cpu cpus[1];
    struct { struct k_thread *cache; struct dnode runq; } ready_q;
    struct k_thread *current_fp;
#ifndef NO_MONITOR
    struct k_thread *threads;
#endif
};
struct z_kernel _kernel;

typedef struct k_thread thread_t;
#include "scheduler.h"

static struct dnode queue_of_samples;
static thread_t threads[THREADS];
static thread_t *running(void) { return _kernel.cpus[0].current; }
static void run(thread_t *thread) { _kernel.cpus[0].current = _kernel.ready_q.cache = thread; }
static void relink(void) {}

static void create(thread_t *thread, const char *name, int priority, void *stack, uint32_t size,
                   uint32_t *top)
{
    (void)name;
#ifndef NO_MONITOR
    strcpy(thread->name, name);
    thread->next_thread = _kernel.threads;
    _kernel.threads = thread;
#endif
    thread->base.prio = priority - 1; /* the first one is cooperative */
    thread->stack_info = (struct _thread_stack_info){ (uintptr_t)stack, size, 0 };
#ifdef USE_SWITCH
    uint32_t entry = top[6];
    top -= 9;
    memset(top, 0, 17 * sizeof *top);
    top[1] = 1u << 24;
    top[16] = entry | 1;
    thread->switch_handle = top;
#else
    thread->callee_saved.psp = (uint32_t)top;
    thread->arch.mode_exc_return = 0xFD;
#endif
}

static void mark(thread_t *thread, enum state state)
{
    static const uint8_t bits[] = { 0x80, 0x80, 0x10, 0x02, 0x10 };
    thread->base.thread_state = bits[state];
    thread->base.timeout.node.next = state == SLEEPING ? &queue_of_samples : NULL;
    thread->base.pended_on = state == WAITING ? &queue_of_samples : NULL;
}

#ifdef USE_SWITCH

struct frame { uint32_t r0_r3[4], r12, lr, pc, xpsr, s[16], fpscr, reserved; };
struct switched { uint32_t xpsr, r[13], lr, pc; };
#define BASIC 32

/* saved: r4-r11 and EXC_RETURN, as PendSV has pushed them and is to pop them. */
__attribute__((used)) static void *switch_threads(struct frame *at, uint32_t *saved)
{
    uint32_t high[16];
    int fpu = !(saved[8] & 0x10);
    if (fpu)
        __asm volatile("vstmia %0, {s16-s31}" ::"r"(high) : "memory");
    struct frame old = *at;
    uint32_t *out = (uint32_t *)((uint8_t *)at + (fpu ? sizeof old : BASIC)) + (old.xpsr >> 9 & 1);
    struct switched *frame = (struct switched *)out - 1;
    *frame = (struct switched){ .xpsr = old.xpsr, .lr = old.lr, .pc = old.pc | 1 };
    memcpy(frame->r, old.r0_r3, sizeof old.r0_r3);
    memcpy(frame->r + 4, saved, 32);
    frame->r[12] = old.r12;
    out = (uint32_t *)frame;
    if (fpu) {
        *--out = old.fpscr;
        out = memcpy(out - 16, high, sizeof high);
        out = memcpy(out - 16, old.s, sizeof old.s);
    }
    *--out = fpu;
    running()->switch_handle = out;

    choose();

    uint32_t *in = running()->switch_handle;
    struct frame new;
    fpu = *in++;
    if (fpu) {
        memcpy(new.s, in, sizeof new.s);
        memcpy(high, in + 16, sizeof high);
        new.fpscr = in[32];
        in += 33;
    }
    struct switched next = *(struct switched *)in;
    memcpy(new.r0_r3, next.r, sizeof new.r0_r3);
    memcpy(saved, next.r + 4, 32);
    saved[8] = fpu ? 0xFFFFFFED : 0xFFFFFFFD;
    new.r12 = next.r[12], new.lr = next.lr, new.pc = next.pc & ~1u, new.xpsr = next.xpsr;
    uint32_t size = fpu ? sizeof new : BASIC;
    void *to = (uint8_t *)(in + 16 - (next.xpsr >> 9 & 1)) - size;
    memcpy(to, &new, size);
    if (fpu)
        __asm volatile("vldmia %0, {s16-s31}" ::"r"(high) : "memory");
    return to;
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile("mrs r0, psp\n push {r3-r11, lr}\n add r1, sp, #4\n bl switch_threads\n"
                   "msr psp, r0\n pop {r3-r11, lr}\n bx lr");
}

#else

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "ldr r1, =_kernel\n ldr r2, [r1, %0]\n"
        "add r0, r2, %1\n strb lr, [r0]\n"
        "add r0, r2, %2\n mrs ip, psp\n stmia r0, {r4-r11, ip}\n"
        "tst lr, #0x10\n bne 1f\n add r0, r2, %3\n vstmia r0, {s16-s31}\n1:"
        "push {r0, lr}\n bl choose\n pop {r0, lr}\n"
        "ldr r1, =_kernel\n ldr r2, [r1, %0]\n"
        "add r0, r2, %1\n ldrsb lr, [r0]\n"
        "tst lr, #0x10\n bne 2f\n add r0, r2, %3\n vldmia r0, {s16-s31}\n2:"
        "add r0, r2, %2\n ldmia r0, {r4-r11, ip}\n msr psp, ip\n bx lr\n .ltorg"
        ::"i"(offsetof(struct z_kernel, cpus[0].current)),
        "i"(offsetof(thread_t, arch.mode_exc_return)), "i"(offsetof(thread_t, callee_saved)),
        "i"(offsetof(thread_t, arch.preempt_float)));
}

#endif

#ifdef NO_MONITOR

struct k_thread never_started;
static const uint8_t dummy = 1;
#define NAMED(symbol, index)                                                            \
    __asm volatile(".globl " #symbol "\n .type " #symbol ", %%object\n"                 \
                   ".set " #symbol ", threads + %c0\n .size " #symbol ", %c1"           \
                   ::"i"((index) * sizeof(thread_t)), "i"(sizeof(thread_t)))

/* The threads as K_THREAD_DEFINE and the kernel name them. */
void z_cstart(void)
{
    NAMED(_k_thread_obj_sensor, SENSOR);
    NAMED(_k_thread_obj_blinker, BLINKER);
    NAMED(_k_thread_obj_measure, MEASURE);
    NAMED(z_main_thread, CRUNCH);
    NAMED(z_idle_threads, IDLE);
    nobody.base.thread_state = dummy; /* as the one that Zephyr starts in */
    start_all();
}

int main(void)
{
    __asm volatile("" ::"r"(&never_started));
    z_cstart();
}

#else

#define NOT_IMPLEMENTED 0xFFFFFFFF
const uint32_t _kernel_thread_info_offsets[] = {
    1,
    offsetof(struct _cpu, current),
    offsetof(struct z_kernel, threads),
    offsetof(thread_t, entry),
    offsetof(thread_t, next_thread),
    offsetof(struct _thread_base, thread_state),
    offsetof(struct _thread_base, user_options),
    offsetof(struct _thread_base, prio),
    offsetof(thread_t, callee_saved.psp),
    offsetof(thread_t, name),
    offsetof(thread_t, arch),
    offsetof(struct _thread_arch, preempt_float),
    NOT_IMPLEMENTED,
    offsetof(struct _thread_arch, mode_exc_return),
};
const uint32_t _kernel_thread_info_num_offsets =
    sizeof _kernel_thread_info_offsets / sizeof(uint32_t);

void z_cstart(void) { start_all(); }

int main(void)
{
    __asm volatile("" ::"r"(_kernel_thread_info_offsets), "r"(&_kernel_thread_info_num_offsets));
    z_cstart();
}

#endif
