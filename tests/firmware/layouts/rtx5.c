/* RTX5's structures as of 5.5.3; see scheduler.h. */
#include <stdint.h>

#define FILL 0xCC

typedef struct osRtxThread_s {
    uint8_t id, state, flags, attr;
    const char *name;
    struct osRtxThread_s *thread_next, *thread_prev, *delay_next, *delay_prev, *thread_join;
    uint32_t delay;
    int8_t priority, priority_base;
    uint8_t stack_frame, flags_options;
    uint32_t wait_flags, thread_flags;
    void *mutex_list, *stack_mem;
    uint32_t stack_size, sp, thread_addr, tz_memory;
} osRtxThread_t;

typedef struct {
    uint8_t id, state, flags, reserved;
    const char *name;
    osRtxThread_t *thread_list;
} osRtxObject_t;

typedef struct {
    const char *os_id;
    uint32_t version;
    struct { uint8_t state, blocked, pendSV, reserved; uint32_t tick; } kernel;
    int32_t tick_irqn;
    struct {
        struct { osRtxThread_t *curr, *next; } run;
        osRtxObject_t ready;
        osRtxThread_t *idle, *delay_list, *wait_list, *terminate_list;
        struct { osRtxThread_t *thread; uint32_t timeout; } robin;
    } thread;
} osRtxInfo_t;
osRtxInfo_t osRtxInfo;

typedef osRtxThread_t thread_t;
#include "scheduler.h"

static thread_t threads[THREADS];
static thread_t *running(void) { return osRtxInfo.thread.run.curr; }
static void run(thread_t *thread) { osRtxInfo.thread.run.curr = thread; }

static void create(thread_t *thread, const char *name, int priority, void *stack, uint32_t size,
                   uint32_t *top)
{
    thread->id = 0xF1;
    thread->name = name;
    thread->priority = thread->priority_base = 40 - 8 * priority;
    thread->stack_mem = stack;
    thread->stack_size = size;
    *(uint32_t *)stack = 0xE25A2EA5;
    thread->stack_frame = 0xFD;
    thread->sp = (uint32_t)(top - 8);
}

static void mark(thread_t *thread, enum state state)
{
    static const uint8_t values[] = { 1, 2, 0x13, 0x83, 3 };
    thread->state = values[state];
    thread->delay = state == SLEEPING ? 5 : state == WAITING ? 0xFFFFFFFF : 0;
}

static void relink(void)
{
    osRtxThread_t **ready = &osRtxInfo.thread.ready.thread_list;
    osRtxThread_t **delayed = &osRtxInfo.thread.delay_list, **waiting = &osRtxInfo.thread.wait_list;
    for (int i = 0; i < THREADS; i++) {
        osRtxThread_t *each = &threads[i];
        if (each->state == 1) {
            *ready = each;
            ready = &each->thread_next;
        } else if (each->state == 0x13) {
            *delayed = each;
            delayed = &each->delay_next;
        } else if (each->state == 0x83) {
            *waiting = each;
            waiting = &each->delay_next;
        }
    }
    *ready = *delayed = *waiting = NULL;
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "ldr r3, =osRtxInfo\n ldr r1, [r3, %0]\n"
        "mrs r12, psp\n stmdb r12!, {r4-r11}\n"
        "tst lr, #0x10\n it eq\n vstmdbeq r12!, {s16-s31}\n"
        "strb lr, [r1, %1]\n str r12, [r1, %2]\n"
        "push {r0, lr}\n bl choose\n pop {r0, lr}\n"
        "ldr r3, =osRtxInfo\n ldr r1, [r3, %0]\n"
        "ldr r12, [r1, %2]\n ldrsb lr, [r1, %1]\n"
        "tst lr, #0x10\n it eq\n vldmiaeq r12!, {s16-s31}\n"
        "ldmia r12!, {r4-r11}\n msr psp, r12\n bx lr\n .ltorg"
        ::"i"(offsetof(osRtxInfo_t, thread.run.curr)), "i"(offsetof(thread_t, stack_frame)),
        "i"(offsetof(thread_t, sp)));
}

void osRtxThreadDispatch(osRtxThread_t *thread)
{
    osRtxInfo.thread.run.next = thread;
    osRtxInfo.kernel.state = 2;
}

int main(void)
{
    osRtxInfo.os_id = "RTX V5.5.4";
    osRtxInfo.version = 50050004;
    osRtxInfo.kernel.state = 1;
    osRtxInfo.thread.ready.id = 0x80;
    osRtxThreadDispatch(&threads[0]);
    start_all();
}
