/* A released Zephyr 4.4.0 (hci_usb for the nRF52840-DK) that its authors publish without symbols,
 * with the symbols and types that we found in it: which configuration it was built with shows in
 * its control blocks. THREAD_MONITOR, THREAD_NAME and FPU are off, POLL, TIMEOUT_64BIT and
 * THREAD_STACK_INFO are on. IMAGE is the path of its bytes. */
#include <stdint.h>

struct dnode { struct dnode *next, *prev; };
struct timeout { struct dnode node; void (*fn)(struct timeout *); int64_t dticks; };
struct _thread_base {
    union { struct dnode qnode_dlist; } ;
    void *pended_on;
    uint16_t user_options;
    int8_t prio;
    uint8_t sched_locked;
    uint8_t thread_state;
    void *swap_data;
    struct timeout timeout;
};
struct _callee_saved { uint32_t v1, v2, v3, v4, v5, v6, v7, v8, psp; };
struct _poller { uint32_t mode, head, result; };
struct _thread_stack_info { uintptr_t start; uint32_t size, delta; };
struct _thread_arch { uint32_t basepri, swap_return_value; };
struct k_thread {
    struct _thread_base base;
    struct _callee_saved callee_saved;
    void *init_data;
    struct dnode join_queue;
    struct _poller poller;
    struct _thread_stack_info stack_info;
    void *resource_pool;
    uintptr_t tls;
    struct _thread_arch arch;
};
_Static_assert(sizeof(struct k_thread) == 0x88, "the blocks lie 0x88 apart");

struct _cpu { uint32_t nested; char *irq_stack; struct k_thread *current, *idle_thread; void *id; };
struct z_kernel { struct _cpu cpus[1]; struct { struct k_thread *cache; struct dnode runq; } ready_q; };

extern struct z_kernel _kernel;

/* Types are those of the unit that defines a function of the kernel. */
void z_cstart(void);

__asm(".section .vectors, \"ax\"\n firmware:\n .incbin \"" IMAGE "\"\n"
      ".macro function name, at, size\n .globl \\name\n .type \\name, %function\n"
      ".thumb_set \\name, firmware + \\at\n .size \\name, \\size\n.endm\n"
      ".macro thread name, at\n .globl \\name\n .type \\name, %object\n"
      ".set \\name, \\at\n .size \\name, 0x88\n.endm\n"
      "function Reset_Handler, 0x35e0, 0x40\n"
      "function z_arm_pendsv, 0x3818, 0x60\n"
      "function arch_cpu_idle, 0x18a80, 0x1a\n"
      "function arch_swap, 0x173c0, 0x2c\n"
      ".globl _kernel\n .type _kernel, %object\n .set _kernel, 0x20002d70\n"
      "thread z_main_thread, 0x20000e78\n"
      "thread z_idle_threads, 0x20000df0\n"
      "thread k_sys_work_q, 0x20000fa8\n"
      "thread usb_driver, 0x20000d48\n"
      "thread bluetooth_1, 0x20000780\n"
      "thread bluetooth_2, 0x20000808\n"
      "thread bluetooth_3, 0x20000890\n"
      "thread bluetooth_4, 0x20000920\n"
      ".text");

void z_cstart(void)
{
    (void)*(struct k_thread *volatile *)&_kernel.cpus[0].current;
}
