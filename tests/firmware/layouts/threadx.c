/* ThreadX's structures as of 6.x without extensions; see scheduler.h. */
#include <stdint.h>

#define FILL 0xEF

typedef uint32_t ULONG;
typedef unsigned UINT;
typedef struct TX_THREAD_STRUCT {
    ULONG tx_thread_id, tx_thread_run_count;
    void *tx_thread_stack_ptr, *tx_thread_stack_start, *tx_thread_stack_end;
    ULONG tx_thread_stack_size, tx_thread_time_slice, tx_thread_new_time_slice;
    struct TX_THREAD_STRUCT *tx_thread_ready_next, *tx_thread_ready_previous;
    char *tx_thread_name;
    UINT tx_thread_priority, tx_thread_state, tx_thread_delayed_suspend, tx_thread_suspending;
    UINT tx_thread_preempt_threshold;
    void (*tx_thread_schedule_hook)(struct TX_THREAD_STRUCT *, ULONG);
    void (*tx_thread_entry)(ULONG);
    ULONG tx_thread_entry_parameter;
    struct { ULONG ticks[2]; void *function; ULONG parameter; void *links[3]; } tx_thread_timer;
    void (*tx_thread_suspend_cleanup)(struct TX_THREAD_STRUCT *, ULONG);
    void *tx_thread_suspend_control_block;
    struct TX_THREAD_STRUCT *tx_thread_suspended_next, *tx_thread_suspended_previous;
    ULONG tx_thread_suspend_info;
    void *tx_thread_additional_suspend_info;
    UINT tx_thread_suspend_option, tx_thread_suspend_status;
    struct TX_THREAD_STRUCT *tx_thread_created_next, *tx_thread_created_previous;
} TX_THREAD;
TX_THREAD *_tx_thread_current_ptr, *_tx_thread_created_ptr;
ULONG _tx_thread_created_count;
volatile ULONG _tx_thread_system_state;
_Static_assert(sizeof(TX_THREAD) == 144, "the layout without extensions");

typedef TX_THREAD thread_t;
#include "scheduler.h"

static uint32_t queue_of_samples[8];
static thread_t threads[THREADS];
static thread_t *running(void) { return _tx_thread_current_ptr; }
static void run(thread_t *thread) { _tx_thread_current_ptr = thread; }
static void relink(void) {}

__attribute__((noinline)) void _tx_thread_create(TX_THREAD *thread)
{
    thread->tx_thread_id = 0x54485244;
    TX_THREAD *first = _tx_thread_created_ptr ? _tx_thread_created_ptr : thread;
    TX_THREAD *last = _tx_thread_created_ptr ? first->tx_thread_created_previous : thread;
    thread->tx_thread_created_next = first;
    thread->tx_thread_created_previous = last;
    first->tx_thread_created_previous = last->tx_thread_created_next = thread;
    _tx_thread_created_ptr = first;
    _tx_thread_created_count++;
}

static void create(thread_t *thread, const char *name, int priority, void *stack, uint32_t size,
                   uint32_t *top)
{
    thread->tx_thread_name = (char *)name;
    thread->tx_thread_priority = priority;
    thread->tx_thread_stack_start = stack;
    thread->tx_thread_stack_end = (char *)stack + size - 1;
    thread->tx_thread_stack_size = size;
    top -= 9;
    *top = 0xFFFFFFFD;
    thread->tx_thread_stack_ptr = top;
    _tx_thread_create(thread);
}

static void mark(thread_t *thread, enum state state)
{
    static const uint8_t values[] = { 0, 0, 4, 5, 3 };
    thread->tx_thread_state = values[state];
    thread->tx_thread_suspend_control_block = state == WAITING ? queue_of_samples : NULL;
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "ldr r0, =_tx_thread_current_ptr\n ldr r1, [r0]\n"
        "mrs r12, psp\n stmdb r12!, {r4-r11}\n"
        "tst lr, #0x10\n it eq\n vstmdbeq r12!, {s16-s31}\n"
        "stmdb r12!, {lr}\n str r12, [r1, #8]\n"
        "bl choose\n"
        "ldr r0, =_tx_thread_current_ptr\n ldr r1, [r0]\n"
        "ldr r12, [r1, #8]\n ldmia r12!, {lr}\n"
        "tst lr, #0x10\n it eq\n vldmiaeq r12!, {s16-s31}\n"
        "ldmia r12!, {r4-r11}\n msr psp, r12\n bx lr\n .ltorg");
}

int main(void)
{
    _tx_thread_system_state = 0xF0F0F0F0;
    for (volatile int n = 0; n < 10; n++)
        ;
    _tx_thread_system_state = 0;
    start_all();
}
