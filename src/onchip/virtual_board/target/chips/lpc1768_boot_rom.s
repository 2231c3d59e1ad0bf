@ The boot ROM of the virtual LPC1768. Written for this model: it shares with NXP's only its
@ addresses and what UM10360 chapters 2.4 and 32 promise to the outside.
@
@ MODEL is no part of the chip: behind it sits the model that does the work (lpc17_iap.py).

        .syntax unified
        .cpu    cortex-m3
        .thumb

        .equ    MODEL,     0x1FFF4000
        .equ    COMMAND,   0x00         @ address of the command table
        .equ    RESULT,    0x04         @ address of the result table: writing it starts the command
        .equ    BUSY,      0x08
        .equ    BOOTABLE,  0x0C         @ 1: the vector checksum of the flash is right
        .equ    MEMMAP,    0x400FC040

        .word   0x10001FFC              @ initial stack
        .word   reset + 0x1FFF0001
        .word   hang  + 0x1FFF0001      @ NMI
        .word   hang  + 0x1FFF0001      @ HardFault

        .org    0x80
reset:  ldr     r0, =MODEL
        ldr     r1, [r0, #BOOTABLE]
        cmp     r1, #0
        beq     hang                    @ no user code: the ISP handler waits for a host
        ldr     r0, =MEMMAP
        movs    r1, #1
        str     r1, [r0]                @ from here on the flash lies at 0
        dsb
        isb
        movs    r0, #0
        ldr     r1, [r0]
        msr     msp, r1
        ldr     r1, [r0, #4]
        bx      r1

hang:   wfi
        b       hang

iap:    ldr     r2, =MODEL
        str     r0, [r2, #COMMAND]
        str     r1, [r2, #RESULT]
wait:   ldr     r3, [r2, #BUSY]
        cmp     r3, #0
        bne     wait
        bx      lr
        .ltorg

        .org    0x1FF0                  @ the address that every IAP user knows
        b.w     iap
