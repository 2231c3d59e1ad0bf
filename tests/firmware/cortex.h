/* What the test programs share: system registers, a log in RAM, and how they end. */
#pragma once
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define REG8(address) (*(volatile uint8_t *)(address))
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER REG(0xE000E100)
#define NVIC_ICER REG(0xE000E180)
#define NVIC_ISPR REG(0xE000E200)
#define NVIC_ICPR REG(0xE000E280)
#define NVIC_IABR REG(0xE000E300)
#define ICSR REG(0xE000ED04)
#define VTOR REG(0xE000ED08)
#define AIRCR REG(0xE000ED0C)
#define SCR REG(0xE000ED10)
#define CCR REG(0xE000ED14)
#define SHPR2 REG(0xE000ED1C)
#define SHPR3 REG(0xE000ED20)
#define SHCSR REG(0xE000ED24)
#define CFSR REG(0xE000ED28)
#define HFSR REG(0xE000ED2C)
#define MMFAR REG(0xE000ED34)
#define BFAR REG(0xE000ED38)
#define CPACR REG(0xE000ED88)
#define FPCCR REG(0xE000EF34)
#define PENDSVSET (1u << 28)
#define PENDSTSET (1u << 26)

#define LOG_SIZE 256
extern volatile uint32_t log_count;
extern volatile uint32_t log_entries[LOG_SIZE];

static inline void note(uint32_t value)
{
    uint32_t n = log_count;
    if (n < LOG_SIZE)
        log_entries[n] = value;
    log_count = n + 1;
}

/* Where every program ends: a BKPT in an endless loop. */
void finished(void);

/* Works on ARMv6-M too, which has word access to the priorities only. */
static inline void set_irq_priority(int irq, uint32_t priority)
{
    volatile uint32_t *word = &REG(0xE000E400 + (irq & ~3));
    int shift = 8 * (irq & 3);
    *word = (*word & ~(0xFFu << shift)) | priority << shift;
}

static inline void barrier(void) { __asm volatile("dsb\n isb" ::: "memory"); }
static inline void pend_irq(int irq) { NVIC_ISPR = 1u << irq; barrier(); }
static inline void disable_interrupts(void) { __asm volatile("cpsid i" ::: "memory"); }
static inline void enable_interrupts(void) { __asm volatile("cpsie i\n isb" ::: "memory"); }
#define INLINE static inline __attribute__((always_inline))
INLINE uint32_t ipsr(void) { uint32_t v; __asm volatile("mrs %0, ipsr" : "=r"(v)); return v; }
INLINE uint32_t get_control(void) { uint32_t v; __asm volatile("mrs %0, control" : "=r"(v)); return v; }
INLINE void set_control(uint32_t v) { __asm volatile("msr control, %0\n isb" :: "r"(v) : "memory"); }
INLINE uint32_t get_psp(void) { uint32_t v; __asm volatile("mrs %0, psp" : "=r"(v)); return v; }
INLINE void set_psp(void *v) { __asm volatile("msr psp, %0" :: "r"(v)); }
