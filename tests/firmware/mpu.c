/* Random regions of the MPU, and accesses in and around them: what each comes to; ARMv7-M. */
#include "cortex.h"

#define MPU_CTRL REG(0xE000ED94)
#define MPU_RNR REG(0xE000ED98)
#define MPU_RBAR REG(0xE000ED9C)
#define MPU_RASR REG(0xE000EDA0)
#define SCRATCH 0x20008000u
#define SCRATCH_SIZE 0x2000u

static volatile uint32_t skip; /* where to go on */
static volatile uint32_t digest;
static uint32_t seed = 12345;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void add(uint32_t value)
{
    digest = (digest ^ value) * 16777619u;
}

void fault_body(uint32_t *frame)
{
    add(ipsr());
    add(CFSR);
    if (CFSR & 0x80)
        add(MMFAR);
    CFSR = CFSR;
    frame[6] = skip & ~1u;
    frame[7] = (frame[7] & ~0x0600FC00u) | 1u << 24;
}

#define HANDLER(name)                                                                             \
    __attribute__((naked)) void name(void)                                                        \
    {                                                                                             \
        __asm volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b fault_body");      \
    }
HANDLER(HardFault_Handler)
HANDLER(MemManage_Handler)
HANDLER(BusFault_Handler)
HANDLER(UsageFault_Handler)

void SVC_Handler(void)
{
    set_control(0);
}

#define TRY(code, address, value)                                                                 \
    do {                                                                                          \
        register uint32_t at __asm("r1") = address;                                               \
        register uint32_t with __asm("r2") = value;                                               \
        __asm volatile("ldr r0, =1f + 1\n str r0, [%2]\n" code "\n1: nop\n"                       \
                       : "+r"(at), "+r"(with) : "r"(&skip) : "r0", "r3", "memory", "cc");         \
        add(with);                                                                                \
    } while (0)

static void attempt(uint32_t address)
{
    switch (next() % 6) {
    case 0: TRY("ldr r2, [r1]", address, 1); break;
    case 1: TRY("ldrb r2, [r1]", address, 1); break;
    case 2: TRY("str r2, [r1]", address, next()); break;
    case 3: TRY("strb r2, [r1]", address, next()); break;
    case 4: TRY("cmp r1, r1\n itt eq\n streq r2, [r1]\n addeq r2, #1", address, next()); break;
    case 5: TRY("cmp r1, r1\n itt eq\n ldreq r2, [r1]\n addeq r2, #1", address, 1); break;
    }
}

static void region(uint32_t number, uint32_t base, uint32_t attributes)
{
    MPU_RNR = number;
    MPU_RBAR = base;
    MPU_RASR = attributes;
}

static void random_region(uint32_t number)
{
    static const uint8_t rights[] = {0, 1, 2, 3, 5, 6};
    uint32_t size = 4 + next() % 9; /* 32 bytes to 8 KiB */
    uint32_t base = SCRATCH + next() % SCRATCH_SIZE / (2u << size) * (2u << size);
    /* QEMU 7.2 opens the whole KiB after an access to a smaller subregion that is disabled. */
    uint32_t srd = size == 12 ? next() & 0xFF : 0;
    uint32_t enable = next() % 8 != 0;
    region(number, base, rights[next() % 6] << 24 | srd << 8 | size << 1 | enable);
}

int main(void)
{
    SHCSR = 7 << 16;
    region(0, 0, 6 << 24 | 27 << 1 | 1);           /* code: everybody reads */
    region(1, 0x20000000, 3 << 24 | 15 << 1 | 1);  /* 64 KiB of RAM: everybody */
    for (int round = 0; round < 60; round++) {
        for (uint32_t number = 2; number < 8; number++)
            random_region(number);
        MPU_CTRL = round % 4 ? 5 : 7;
        if (round % 2)
            set_control(1);
        for (int i = 0; i < 40; i++)
            attempt(SCRATCH + (next() % SCRATCH_SIZE & ~3u));
        __asm volatile("svc 0" ::: "memory");
        MPU_CTRL = 0;
        note(digest);
    }
    return 0;
}
