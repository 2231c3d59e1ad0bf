/* A scheduler of our own that keeps its books as another kernel does.
 *
 * No package that a test may depend on has the sources of Zephyr, RTX5 or ThreadX. So zephyr.c,
 * rtx5.c and threadx.c declare the structures as those kernels document them and switch threads
 * with the frames that their ports document; who runs is decided here, for all three. A file gives
 *
 *   thread_t                 the control block
 *   thread_t *running(void), void run(thread_t *)
 *   void create(thread_t *, const char *name, int priority, void *stack, uint32_t size, uint32_t *top)
 *   void mark(thread_t *, enum state)      writes down what a thread does
 *   void relink(void)                      after all of them: lists, if it has some
 *   PendSV_Handler                         saves, calls choose(), restores
 */
#pragma once
#include <stddef.h>
#include <string.h>
#include "../cortex.h"

enum state { READY, RUNNING, SLEEPING, WAITING, SUSPENDED };
enum { SENSOR, BLINKER, MEASURE, CRUNCH, IDLE, THREADS };
#define STACK 128
#ifndef TICK
#define TICK 1000
#endif

static const char *const names[THREADS] = { "sensor", "blinker", "measure", "crunch", "idle" };
static uint64_t stacks[THREADS][STACK];
static enum state states[THREADS];
static uint32_t wakes[THREADS];
volatile uint32_t ticks, blinks, readings, crunched, interrupts;
volatile float factor = 1.5f, product;

static thread_t *running(void);
static void run(thread_t *thread);
static void create(thread_t *thread, const char *name, int priority, void *stack, uint32_t size,
                   uint32_t *top);
static void mark(thread_t *thread, enum state state);
static void relink(void);
static thread_t threads[THREADS];

/* The one that is ready and was listed first: the order is that of their priorities. */
__attribute__((used)) static void choose(void)
{
    int next = IDLE;
    for (int i = THREADS - 1; i >= 0; i--) {
        if (states[i] == SLEEPING && (int32_t)(wakes[i] - ticks) <= 0)
            states[i] = READY;
        if (states[i] == READY)
            next = i;
    }
    for (int i = 0; i < THREADS; i++)
        mark(&threads[i], i == next ? RUNNING : states[i]);
    run(&threads[next]);
    relink();
}

static inline void yield(void)
{
    ICSR = PENDSVSET;
    barrier();
}

__attribute__((noinline)) void rest(uint32_t count)
{
    int me = running() - threads;
    wakes[me] = ticks + count;
    states[me] = SLEEPING;
    yield();
}

__attribute__((noinline)) uint32_t wait_for_sample(uint32_t channel)
{
    states[running() - threads] = WAITING;
    yield();
    return channel;
}

static void sensor(void)
{
    for (;;)
        readings += wait_for_sample(3);
}

static void blinker(void)
{
    for (;; blinks++)
        rest(7);
}

static void measure(void)
{
    for (;;) {
        float kept = factor * 2.0f;
        rest(9);
        product = kept * factor;
    }
}

__attribute__((noinline)) void handle_interrupt(uint32_t line) { interrupts += line; }
void IRQ3_Handler(void) { handle_interrupt(3); }

__attribute__((noinline)) void crunch_on(float start)
{
    for (float sum = start;; sum += factor) {
        crunched++;
        if (crunched % 512 == 0)
            pend_irq(3);
        if (sum > 1e6f)
            sum = start;
    }
}

static void crunch(void) { crunch_on(0.25f); }
static void idle(void) { for (;;) ; }

void SysTick_Handler(void)
{
    ticks++;
    ICSR = PENDSVSET;
}

/* Where PendSV saves what main() leaves behind, once: nobody reads it. */
static thread_t nobody;
static uint64_t nobodys_stack[64];

static void start_all(void)
{
    static void (*const entries[THREADS])(void) = { sensor, blinker, measure, crunch, idle };
    for (int i = 0; i < THREADS; i++) {
        memset(stacks[i], FILL, sizeof stacks[i]);
        uint32_t *top = (uint32_t *)(stacks[i] + STACK);
        *--top = 1u << 24;
        *--top = (uint32_t)entries[i] & ~1u;
        *--top = 0;
        top -= 5;
        create(&threads[i], names[i], i, stacks[i], sizeof stacks[i], top);
        states[i] = READY;
    }
    set_psp(nobodys_stack + 64);
    run(&nobody);
    SHPR3 = 0xFFu << 16 | 0xFFu << 24;
    set_irq_priority(3, 0xC0);
    NVIC_ISER = 1 << 3;
    SYST_RVR = TICK - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    set_control(2);
    yield();
}
