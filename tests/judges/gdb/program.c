/* What the GDB judge debugs: functions to step through, variables to watch, a fault on demand. */

typedef unsigned int u32;

extern u32 data_load[], data_start[], data_end[], bss_start[], bss_end[];

struct point {
    int x;
    int y;
};

volatile u32 counter;
volatile u32 watched = 7;
volatile u32 fault_wanted;
volatile u32 spins;
struct point corner = {3, 4};
const char greeting[] = "hello, debugger";

__attribute__((noinline)) int add(int a, int b)
{
    int sum = a + b;
    return sum;
}

__attribute__((noinline)) int multiply(int a, int b)
{
    int product = 0;
    for (int i = 0; i < b; i++) /* loop */
        product = add(product, a);
    return product;
}

__attribute__((noinline)) u32 spin(u32 turns)
{
    u32 sum = 0;
    for (u32 i = 0; i < turns; i++) sum += i; /* spin */
    return sum;
}

__attribute__((noinline)) void touch(void)
{
    u32 before = watched; /* read */
    watched = before + 1; /* write */
}

__attribute__((noinline)) void crash(u32 *where)
{
    *where = 1; /* crash */
}

int main(void)
{
    for (;;) {
        counter++;                       /* top */
        corner.x = add(corner.x, 1);     /* call */
        corner.y = multiply(3, 4);       /* product */
        touch();                         /* touch */
        spins = spin(20);                /* spinning */
        if (fault_wanted)
            crash((u32 *)0xC0000000);    /* fault */
    }
}

void HardFault_Handler(void)
{
    for (;;)
        ; /* handler */
}

void Reset_Handler(void)
{
    u32 *from = data_load;
    for (u32 *to = data_start; to < data_end;)
        *to++ = *from++;
    for (u32 *to = bss_start; to < bss_end;)
        *to++ = 0;
#if defined(__ARM_FP)
    *(volatile u32 *)0xE000ED88 |= 0xF << 20; /* CPACR: the FPU on */
#endif
    main();
}

void Default_Handler(void)
{
    for (;;)
        ;
}

extern u32 stack_top[];

__attribute__((section(".vectors"), used)) void (*const vectors[16])(void) = {
    (void (*)(void))stack_top, Reset_Handler,     Default_Handler, HardFault_Handler,
    HardFault_Handler,         HardFault_Handler, HardFault_Handler,
};
