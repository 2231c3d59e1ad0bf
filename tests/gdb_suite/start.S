/* A program starts here after GDB's load, which sets the pc and nothing else. */

    .syntax unified
    .thumb

    .section .suite.vectors, "a"
    .p2align 7                      /* what VTOR takes */
suite_vectors:
    .word   __stack
    .word   suite_start
    .word   suite_fault             /* NMI */
    .word   suite_fault             /* HardFault */
    .word   suite_fault             /* MemManage */
    .word   suite_fault             /* BusFault */
    .word   suite_fault             /* UsageFault */
    .rept   9
    .word   suite_fault
    .endr

    .data
    .align  2
suite_starts:
    .word   0

    .section .suite.start, "ax"
    .global suite_start
    .type   suite_start, %function
    .thumb_func
suite_start:
    ldr     r0, =__stack
    mov     sp, r0
    sub     r1, r0, #0x4000         /* as a new process, without what the last one left there */
    movs    r2, #0
1:  str     r2, [r1], #4
    cmp     r1, r0
    bne     1b
    ldr     r0, =0xE000ED08         /* VTOR */
    ldr     r1, =suite_vectors
    str     r1, [r0]
    ldr     r0, =0xE000ED88         /* CPACR: CP10 and CP11, the FPU */
    ldr     r1, [r0]
    orr     r1, r1, #0x00F00000
    str     r1, [r0]
    dsb
    isb
    ldr     r0, =suite_starts       /* loaded, then changed: compare-sections is to find it */
    ldr     r1, [r0]
    adds    r1, r1, #1
    str     r1, [r0]
    movs    r0, #0
    mov     lr, r0
    ldr     r0, =_start             /* crt0 of picolibc, which runs main and exits with its value */
    bx      r0

/* What crt0 calls for main: it gives none of the arguments that programs on a computer have. */
    .global __wrap_main
    .type   __wrap_main, %function
    .thumb_func
__wrap_main:
    push    {lr}
    ldr     r0, =suite_name
    movs    r1, #0
    movs    r2, #0
    push    {r0, r1, r2}            /* argv, on the stack */
    movs    r0, #1
    mov     r1, sp
    bl      __real_main
    add     sp, sp, #12
    pop     {pc}

    .section .rodata
suite_name:
    .asciz  "program"

    .section .suite.start, "ax"
    .global suite_fault
    .type   suite_fault, %function
    .thumb_func
suite_fault:
    b       suite_fault
