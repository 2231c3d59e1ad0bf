/* The resident runner: calls an algorithm's functions one after the other.

   The host writes a list of commands into RAM, sets the PC to `runner_start` and lets the core run.
   The runner calls each function in turn; it stops, at the BKPT, at the end of the list or at the
   first call that did not return what it had to. A failed or crashed list stays failed: started
   again, the runner refuses to go on, so that the host may have the next start in flight already.

   ARMv6-M instructions only; position independent. The host fills in the mailbox when it uploads
   this file; the numbers here and in runner.py must agree.

   mailbox   0 state          0 ready, 1 running, 2 failed, 3 stack guard broken, 4 started again
             4 cursor         the next command
             8 completed      commands that went well, since the upload
            12 result         what the last call returned
            16 stack_top      initial SP of each call
            20 static_base    R9 of each call
            24 guard          lowest of the 8 guard words under the stack
            28 guard_pattern

   command   0 function       with the Thumb bit; 0 ends the list
             4 r0 .. 16 r3    arguments; at the end of the list, which has these two words only,
                              r0 is the next list's address
            20 check          0: any result will do; 1: it must equal `expected`
            24 expected
            28 result         written by the runner
*/

        .syntax unified
        .cpu    cortex-m0
        .thumb
        .section .text
        .balign 4

        .global runner_start
runner_start:
        cpsid   i
        adr     r4, mailbox
        ldr     r0, [r4, #0]
        cmp     r0, #0
        bne     refuse
        movs    r0, #1
        str     r0, [r4, #0]
next:
        adr     r4, mailbox
        ldr     r1, [r4, #16]
        mov     sp, r1
        ldr     r5, [r4, #4]
        ldr     r6, [r5, #0]
        cmp     r6, #0
        beq     finished
        ldr     r0, [r4, #20]
        mov     r9, r0
        ldr     r0, [r5, #4]
        ldr     r1, [r5, #8]
        ldr     r2, [r5, #12]
        ldr     r3, [r5, #16]
        blx     r6
        /* Nothing that the call should have preserved is relied upon. */
        cpsid   i
        adr     r4, mailbox
        ldr     r5, [r4, #4]
        str     r0, [r5, #28]
        str     r0, [r4, #12]
        ldr     r1, [r4, #24]
        ldr     r2, [r4, #28]
        movs    r3, #8
guard:
        ldmia   r1!, {r6}
        cmp     r6, r2
        bne     broken
        subs    r3, #1
        bne     guard
        ldr     r1, [r5, #20]
        cmp     r1, #0
        beq     good
        ldr     r1, [r5, #24]
        cmp     r0, r1
        bne     failed
good:
        adds    r5, #32
        str     r5, [r4, #4]
        ldr     r0, [r4, #8]
        adds    r0, #1
        str     r0, [r4, #8]
        b       next
finished:
        ldr     r0, [r5, #4]
        str     r0, [r4, #4]
        movs    r0, #0
        b       stop
failed:
        movs    r0, #2
        b       stop
broken:
        movs    r0, #3
        b       stop
refuse:
        /* "Running" here means that the last list never came back: it crashed. SP and LR still
           tell where, so they are left alone. */
        cmp     r0, #1
        bne     halted
        movs    r0, #4
stop:
        str     r0, [r4, #0]
halted:
        bkpt    #0
        b       halted

/* uint32_t crc_table(uint32_t *table): fill 256 words; returns 0. CRC-32 of ISO 3309 (zlib, PNG). */
        .balign 4
        .global crc_table
crc_table:
        push    {r4, lr}
        ldr     r4, polynomial
        movs    r1, #0
1:      movs    r2, r1
        movs    r3, #8
2:      lsrs    r2, r2, #1
        bcc     3f
        eors    r2, r4
3:      subs    r3, #1
        bne     2b
        stmia   r0!, {r2}
        adds    r1, #1
        lsrs    r3, r1, #8
        beq     1b
        movs    r0, #0
        pop     {r4, pc}

/* uint32_t crc_blocks(const uint8_t *data, const uint32_t shape[], uint32_t *out, table):
   shape = { bytes in a block, number of blocks }; writes one CRC for each block; returns 0.
   Words are read where the address allows it. */
        .balign 4
        .global crc_blocks
crc_blocks:
        push    {r4-r7, lr}
        mov     r8, r2                  /* out */
        ldr     r4, [r1, #0]
        mov     r10, r4                 /* bytes in a block */
        ldr     r4, [r1, #4]
        mov     r11, r4                 /* blocks left */
block:
        mov     r4, r11
        cmp     r4, #0
        beq     crc_done
        subs    r4, #1
        mov     r11, r4
        movs    r1, #0
        mvns    r1, r1                  /* crc */
        mov     r2, r10                 /* bytes left in this block */
byte:
        cmp     r2, #0
        beq     block_done
        movs    r4, #3
        tst     r0, r4
        bne     single
        cmp     r2, #4
        bhs     words
single:
        ldrb    r4, [r0]
        adds    r0, #1
        subs    r2, #1
        eors    r4, r1
        uxtb    r4, r4
        lsls    r4, r4, #2
        ldr     r4, [r3, r4]
        lsrs    r1, r1, #8
        eors    r1, r4
        b       byte
words:
        lsrs    r6, r2, #2              /* whole words */
        lsls    r7, r6, #2
        subs    r2, r7
word:
        ldmia   r0!, {r4}
        eors    r1, r4
        .rept   4
        uxtb    r4, r1
        lsls    r4, r4, #2
        ldr     r4, [r3, r4]
        lsrs    r1, r1, #8
        eors    r1, r4
        .endr
        subs    r6, #1
        bne     word
        b       byte
block_done:
        mvns    r1, r1
        mov     r4, r8
        stmia   r4!, {r1}
        mov     r8, r4
        b       block
crc_done:
        movs    r0, #0
        pop     {r4-r7, pc}

/* uint32_t sum_blocks(const uint8_t *data, const uint32_t shape[], uint32_t *out, uint32_t erased)
   shape = { bytes in a block, number of blocks }; writes two check sums for each block, which take
   in word after word w (single bytes where the block begins or ends at an odd address):

     first     = ror((first ^ w) * 0x9E3779B1, 15)
     second    = ror(second + w, 11) * 0x9E3779B1

   Of a block that is blank all 64 bits are set; that is looked for where `erased` is all ones, and
   the block begins and ends at multiples of 256. Returns 0. It takes 6.6 instructions for a word,
   1.4 for a blank one; a CRC takes 24. What the sums notice: sums.py. */
        .balign 4
        .global sum_blocks
sum_blocks:
        push    {r4-r7, lr}
        mov     r8, r2                  /* out */
        ldr     r4, [r1, #0]
        mov     r10, r4                 /* bytes in a block */
        ldr     r4, [r1, #4]
        mov     r11, r4                 /* blocks left */
        mov     lr, r3                  /* erased */
sum_block:
        mov     r4, r11
        cmp     r4, #0
        bne     1f
        movs    r0, #0
        pop     {r4-r7, pc}
1:      subs    r4, #1
        mov     r11, r4
        mov     r4, r10
        adds    r4, r4, r0
        mov     r12, r4                 /* end of this block */
        /* Blank? */
        orrs    r4, r0
        lsls    r4, r4, #24
        bne     sums
        cmp     r0, r12
        beq     sums
        mov     r3, lr
        adds    r4, r3, #1
        bne     sums
        mov     r1, r0
        mov     r2, r3
blank:
        .rept 16
        ldmia   r0!, {r4-r7}
        ands    r4, r5
        ands    r6, r7
        ands    r4, r6
        ands    r2, r4
        .endr
        cmp     r2, r3
        bne     not_blank
        cmp     r0, r12
        bne     blank
        b       sum_store
not_blank:
        mov     r0, r1
sums:
        ldr     r1, multiplier
        movs    r2, #1                  /* first sum */
        movs    r3, #2                  /* second sum */
        movs    r4, #15
        movs    r5, #11
sum_next:
        mov     r7, r12
        subs    r7, r7, r0              /* bytes left */
        beq     sum_store
        lsls    r6, r0, #30
        bne     sum_byte
        cmp     r7, #4
        blo     sum_byte
        cmp     r7, #32
        blo     sum_word
        mov     r6, r12
        subs    r6, #32
        mov     r9, r6                  /* the last place where 32 bytes are left */
sum_8_words:
        .rept 4
        ldmia   r0!, {r6, r7}
        eors    r2, r6
        muls    r2, r1, r2
        rors    r2, r4
        adds    r3, r6
        rors    r3, r5
        muls    r3, r1, r3
        eors    r2, r7
        muls    r2, r1, r2
        rors    r2, r4
        adds    r3, r7
        rors    r3, r5
        muls    r3, r1, r3
        .endr
        cmp     r0, r9
        bls     sum_8_words
        b       sum_next
sum_word:
        ldmia   r0!, {r6}
        b       sum_one
sum_byte:
        ldrb    r6, [r0]
        adds    r0, #1
sum_one:
        eors    r2, r6
        muls    r2, r1, r2
        rors    r2, r4
        adds    r3, r6
        rors    r3, r5
        muls    r3, r1, r3
        b       sum_next
sum_store:
        mov     r6, r8
        stmia   r6!, {r2, r3}
        mov     r8, r6
        b       sum_block

        .balign 4
polynomial:
        .word   0xEDB88320
multiplier:
        .word   0x9E3779B1              /* odd, so that no difference is multiplied away */

        .balign 4
        .global mailbox
mailbox:
        .space  32
