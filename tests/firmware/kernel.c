/* A small preemptive kernel: round robin on SysTick, context switch in PendSV, FP state per task,
 * tasks unprivileged on PSP, a blocking queue through SVC. */
#include "cortex.h"

#define TASKS 4
#define STACK 128

struct task { uint32_t *sp; uint32_t exc_return; uint32_t wake; };
static struct task tasks[TASKS];
static uint64_t stacks[TASKS][STACK];
struct task *current;
volatile uint32_t ticks, switches, counters[TASKS], errors;
volatile uint32_t queue[8], queue_head, queue_tail, produced, consumed;
static volatile uint32_t done;

__attribute__((used)) void choose(void)
{
    uint32_t i = current >= tasks && current < tasks + TASKS ? current - tasks : TASKS - 1;
    for (uint32_t n = 0; n < TASKS; n++) {
        i = (i + 1) % TASKS;
        if (tasks[i].wake <= ticks)
            break;
    }
    if (current != &tasks[i])
        switches++;
    current = &tasks[i];
}

void SysTick_Handler(void)
{
    ticks++;
    ICSR = PENDSVSET;
}

#if __ARM_ARCH >= 7
__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "mrs r0, psp\n ldr r3, =current\n ldr r2, [r3]\n"
#ifdef __ARM_FP
        "tst lr, #16\n it eq\n vstmdbeq r0!, {s16-s31}\n"
#endif
        "stmdb r0!, {r4-r11}\n stm r2, {r0, lr}\n"
        "mov r0, #0x40\n msr basepri, r0\n bl choose\n mov r0, #0\n msr basepri, r0\n"
        "ldr r3, =current\n ldr r2, [r3]\n ldm r2, {r0, lr}\n ldmia r0!, {r4-r11}\n"
#ifdef __ARM_FP
        "tst lr, #16\n it eq\n vldmiaeq r0!, {s16-s31}\n"
#endif
        "msr psp, r0\n bx lr\n .ltorg");
}
#else
__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "mrs r0, psp\n ldr r3, =current\n ldr r2, [r3]\n mov r1, lr\n"
        "subs r0, #32\n str r0, [r2]\n str r1, [r2, #4]\n stmia r0!, {r4-r7}\n"
        "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n stmia r0!, {r4-r7}\n"
        "cpsid i\n bl choose\n cpsie i\n"
        "ldr r3, =current\n ldr r2, [r3]\n ldr r0, [r2]\n ldr r1, [r2, #4]\n"
        "adds r0, #16\n ldmia r0!, {r4-r7}\n mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
        "msr psp, r0\n subs r0, #32\n ldmia r0!, {r4-r7}\n bx r1\n .ltorg");
}
#endif

/* svc 0: yield; svc 1: sleep r0 ticks */
__attribute__((used)) void svc_body(uint32_t *frame)
{
    uint8_t number = ((uint8_t *)frame[6])[-2];
    if (number == 1)
        current->wake = ticks + frame[0];
    ICSR = PENDSVSET;
}
__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile("mrs r0, psp\n ldr r1, =svc_body\n bx r1\n .ltorg");
}

static inline void yield(void) { __asm volatile("svc 0" ::: "memory"); }
static inline void sleep_ticks(uint32_t n)
{
    register uint32_t r0 __asm("r0") = n;
    __asm volatile("svc 1" : "+r"(r0) :: "memory");
}

static void producer(void)
{
    for (uint32_t n = 0;; n++) {
        while (queue_head - queue_tail == 8)
            yield();
        queue[queue_head & 7] = n * n;
        queue_head++;
        produced = n + 1;
        counters[0]++;
        if (n % 16 == 0)
            sleep_ticks(2);
    }
}

static void consumer(void)
{
    for (uint32_t n = 0;; n++) {
        while (queue_head == queue_tail)
            sleep_ticks(1);
        if (queue[queue_tail & 7] != n * n)
            errors++;
        queue_tail++;
        consumed = n + 1;
        counters[1]++;
        if (consumed == ITEMS)
            done = 1;
    }
}

/* Two tasks that live in floating point (or, without an FPU, in the registers). */
static void numeric(uint32_t which)
{
    float sum = 0, step = which == 2 ? 0.5f : 0.25f;
    uint32_t n = 0;
    while (!done) {
        sum += step;
        n++;
        if (sum != (float)n * step)
            errors++;
        if (n == 100) {
            n = 0;
            sum = 0;
            counters[which]++;
            if (which == 3)
                yield();
        }
    }
    if (which == 2) {
        note(errors);
        note(consumed >= ITEMS);
        note(switches > 20);
        note(counters[2] > 0 && counters[3] > 0);
        finished();
    }
    for (;;)
        sleep_ticks(1000);
}
static void numeric2(void) { numeric(2); }
static void numeric3(void) { numeric(3); }

int main(void)
{
    void (*const entries[TASKS])(void) = { producer, consumer, numeric2, numeric3 };
    for (int i = 0; i < TASKS; i++) {
        uint32_t *sp = (uint32_t *)(stacks[i] + STACK);
        *--sp = 1u << 24;
        *--sp = (uint32_t)entries[i] & ~1u;
        *--sp = 0xFFFFFFFF;
        for (int r = 0; r < 5; r++)
            *--sp = 0x11111111 * r;
        for (int r = 0; r < 8; r++)
            *--sp = 0x01010101 * r;
        tasks[i].sp = sp;
        tasks[i].exc_return = 0xFFFFFFFD;
    }
    static uint64_t first[64]; /* where the first switch saves what nobody needs */
    static struct task nobody;
    current = &nobody;
    nobody.wake = 0xFFFFFFFF;
    set_psp(first + 64);
    SHPR3 = 0x80u << 24 | 0xC0u << 16;
    SHPR2 = 0x80u << 24;
    SYST_RVR = TICK - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    set_control(3);
    yield();
    for (;;)
        ;
}
