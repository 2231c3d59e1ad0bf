/* The resident driver: calls an algorithm's functions as the host asks for them, in a ring of records.

   The host writes records into RAM and then counts up `ready`; the driver works off one record after
   the other and waits, polling `ready`, when there are no more. So the host can write while a function
   runs. After the first call that went wrong nothing is called any more: what is or comes into the
   ring is passed over, so that the host never waits for it in vain.

   ARMv6-M instructions but for one part; position independent. The host fills in the mailbox when it uploads
   this file; the numbers here and in driver.py must agree.

   mailbox   0 state          0 well, 1 a call failed, 2 the stack's guard is broken
             4 done           records behind us, since the upload
             8 calls          calls begun: who watches sees that something moves
            12 at             r0 of the last call
            16 result         what the last call returned
            20 failed         `done` when the call that failed was made
            24 ready          records written, since the upload; the host writes this
            28 cursor         the record that is worked on, or will be next
            32 stack_top      initial SP of each call
            36 static_base    R9 of each call
            40 guard          lowest of the 8 guard words under the stack
            44 guard_pattern
            48 page           bytes that one call of ProgramPage takes

   record    0 function       with the Thumb bit: call it once. Without: call it for page after page
                              of r1 bytes at r0, from the buffer r2, each to return 0.
                              0 when the record is done: the host waits for that, and may use its
                              place again
             4 next           where the next record is
             8 r0 .. 20 r3    arguments
            24 expected       what one call has to return
*/

        .syntax unified
        .cpu    cortex-m0
        .thumb
        .section .text
        .balign 4

        .equ    STATE, 0
        .equ    DONE, 4
        .equ    CALLS, 8
        .equ    AT, 12
        .equ    RESULT, 16
        .equ    FAILED, 20
        .equ    READY, 24
        .equ    CURSOR, 28
        .equ    STACK_TOP, 32
        .equ    STATIC_BASE, 36
        .equ    GUARD, 40
        .equ    GUARD_PATTERN, 44
        .equ    PAGE, 48

        .global driver_start
driver_start:
        cpsid   i
        adr     r4, mailbox
        ldr     r1, [r4, #STACK_TOP]
        mov     sp, r1
look:
        ldr     r0, [r4, #READY]
        ldr     r1, [r4, #DONE]
        cmp     r0, r1
        beq     look
        ldr     r5, [r4, #CURSOR]
        ldr     r0, [r4, #STATE]
        cmp     r0, #0
        bne     release                 /* passed over */
        ldr     r0, [r4, #CALLS]
        adds    r0, #1
        str     r0, [r4, #CALLS]
        ldr     r0, [r4, #STATIC_BASE]
        mov     r9, r0
        ldr     r6, [r5, #0]
        ldr     r0, [r5, #8]
        ldr     r1, [r5, #12]
        ldr     r2, [r5, #16]
        ldr     r3, [r5, #20]
        str     r0, [r4, #AT]
        lsrs    r7, r6, #1
        bcs     call
        adds    r6, #1
        ldr     r7, [r4, #PAGE]
        cmp     r1, r7
        bls     call
        movs    r1, r7
call:
        blx     r6
        /* Nothing that the call should have preserved is relied upon. */
        cpsid   i
        adr     r4, mailbox
        ldr     r5, [r4, #CURSOR]
        str     r0, [r4, #RESULT]
        ldr     r1, [r4, #GUARD]
        ldr     r2, [r4, #GUARD_PATTERN]
        movs    r3, #8
guard:
        ldmia   r1!, {r6}
        cmp     r6, r2
        bne     broken
        subs    r3, #1
        bne     guard
        ldr     r6, [r5, #0]
        lsrs    r6, r6, #1
        bcc     one_page
        ldr     r1, [r5, #24]
        cmp     r0, r1
        bne     failed
release:
        /* Once function is 0 the host may write here again, so that is the last access. */
        ldr     r1, [r5, #4]
        movs    r0, #0
        str     r0, [r5, #0]
        str     r1, [r4, #CURSOR]
        ldr     r0, [r4, #DONE]
        adds    r0, #1
        str     r0, [r4, #DONE]
        b       driver_start
one_page:
        cmp     r0, #0
        bne     failed
        ldr     r1, [r4, #PAGE]
        ldr     r2, [r5, #12]
        cmp     r2, r1
        bls     release
        subs    r2, r2, r1
        str     r2, [r5, #12]
        ldr     r2, [r5, #8]
        adds    r2, r2, r1
        str     r2, [r5, #8]
        ldr     r2, [r5, #16]
        adds    r2, r2, r1
        str     r2, [r5, #16]
        b       driver_start
failed:
        movs    r0, #1
        b       stop
broken:
        movs    r0, #2
stop:
        str     r0, [r4, #STATE]
        ldr     r0, [r4, #DONE]
        str     r0, [r4, #FAILED]
        b       driver_start

        .balign 4
        .global mailbox
mailbox:
        .space  52

/* uint32_t sum_blocks(const uint8_t *data, const uint32_t shape[], uint32_t *out, uint32_t erased)
   shape = { bytes in a block, number of blocks }; writes two check sums for each block, which take
   in word after word w (single bytes where the block begins or ends at an odd address):

     first     = ror((first ^ w) * 0x9E3779B1, 15)
     second    = ror((second + w) * 0x9E3779B1, 11)

   Of a block that is blank all 64 bits are set; that is looked for where `erased` is all ones, and
   the block begins and ends at multiples of 256. Returns 0. It takes 6.6 instructions for a word,
   1.4 for a blank one; a CRC takes 24. What the sums notice: sums.py. ARMv7-M and
   later have `sum_blocks_7` in its place. */
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
        muls    r3, r1, r3
        rors    r3, r5
        eors    r2, r7
        muls    r2, r1, r2
        rors    r2, r4
        adds    r3, r7
        muls    r3, r1, r3
        rors    r3, r5
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
        muls    r3, r1, r3
        rors    r3, r5
        b       sum_next
sum_store:
        mov     r6, r8
        stmia   r6!, {r2, r3}
        mov     r8, r6
        b       sum_block

        .balign 4
multiplier:
        .word   0x9E3779B1              /* odd, so that no difference is multiplied away */

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

        .balign 4
polynomial:
        .word   0xEDB88320
        .global crc_end
crc_end:

/* uint32_t unpack(uint8_t *to, const uint8_t *from, const uint8_t *from_end, uint32_t window[2])
   Unpack one LZ4 block. What it refers back to lies in the window, from window[0] up to window[1],
   which `to` is part of; before its start comes its end. Returns 0. */
        .balign 4
        .global unpack
unpack:
        push    {r4-r7, lr}
        ldr     r4, [r3, #0]
        ldr     r5, [r3, #4]
        mov     r8, r4                  /* start of the window */
        mov     r9, r5                  /* its end */
        subs    r5, r5, r4
        mov     r10, r5                 /* its length */
token:
        ldrb    r3, [r1]
        adds    r1, #1
        lsrs    r4, r3, #4
        bl      extend
        cmp     r4, #0
        beq     no_literals
literal:
        ldrb    r5, [r1]
        adds    r1, #1
        strb    r5, [r0]
        adds    r0, #1
        subs    r4, #1
        bne     literal
no_literals:
        cmp     r1, r2
        bhs     unpacked                /* the last sequence has literals only */
        ldrb    r6, [r1]
        ldrb    r7, [r1, #1]
        adds    r1, #2
        lsls    r7, r7, #8
        orrs    r6, r7
        movs    r4, #15
        ands    r4, r3
        bl      extend
        adds    r4, #4
        subs    r6, r0, r6
        cmp     r6, r8
        bhs     copy
        add     r6, r10
copy:
        cmp     r6, r9
        bne     1f
        mov     r6, r8
1:      ldrb    r5, [r6]
        adds    r6, #1
        strb    r5, [r0]
        adds    r0, #1
        subs    r4, #1
        bne     copy
        b       token
unpacked:
        movs    r0, #0
        pop     {r4-r7, pc}
extend: /* r4: four bits of a length; if all are set, bytes are added up to the first below 255 */
        cmp     r4, #15
        bne     2f
1:      ldrb    r5, [r1]
        adds    r1, #1
        adds    r4, r4, r5
        cmp     r5, #255
        beq     1b
2:      bx      lr
        .global unpack_end
unpack_end:

/* uint32_t check_blank(uint32_t address, const uint32_t shape[], uint8_t *out, uint32_t pattern)
   shape = { bytes in a block, number of blocks, the algorithm's BlankCheck with its Thumb bit };
   calls BlankCheck(address, bytes, pattern) for one block after the other, and writes a byte for each:
   0 if it is blank, else 1. Returns 0. */
        .balign 4
        .global check_blank
check_blank:
        push    {r3-r7, lr}
        movs    r4, r0
        movs    r5, r1
        movs    r6, r2
        ldr     r7, [r5, #4]            /* blocks left */
        mov     r0, r9
        push    {r0, r1}                /* the static base, and eight bytes in all */
check_next:
        subs    r7, #1
        bmi     checked
        ldr     r0, [sp, #0]
        mov     r9, r0
        movs    r0, r4
        ldr     r1, [r5, #0]
        adds    r4, r4, r1
        ldr     r2, [sp, #8]            /* pattern */
        ldr     r3, [r5, #8]
        blx     r3
        cmp     r0, #0
        beq     1f
        movs    r0, #1
1:      strb    r0, [r6]
        adds    r6, #1
        b       check_next
checked:
        add     sp, #8
        movs    r0, #0
        pop     {r3-r7, pc}
        .balign 4
        .global check_blank_end
check_blank_end:

/* The same as sum_blocks, in the same place, for cores of ARMv7-M and ARMv8-M Mainline: they rotate an
   operand for nothing, so the sums are kept as they are before their rotation. 4.4 instructions for a
   word, 1.2 for a blank one. */
        .cpu    cortex-m3
        .balign 4
        .global sum_blocks_7
sum_blocks_7:
        push    {r4-r11, lr}
        ldrd    r4, r5, [r1]
        push    {r2-r5}                 /* where the sums go, erased, bytes in a block, blocks left */
        ldr     r1, multiplier_7
block_7:
        ldr     r4, [sp, #12]
        subs    r4, r4, #1
        bmi     done_7
        str     r4, [sp, #12]
        ldr     r4, [sp, #8]
        add     r12, r0, r4             /* end of this block */
        ldr     r3, [sp, #4]
        adds    r5, r3, #1
        bne     sums_7
        orrs    r4, r0
        lsls    r4, r4, #24
        bne     sums_7
        cmp     r0, r12
        beq     sums_7
        mov     r2, r0
blank_7:
        .rept 4
        ldmia   r0!, {r4-r11}
        ands    r3, r4
        ands    r3, r5
        ands    r3, r6
        ands    r3, r7
        and     r3, r3, r8
        and     r3, r3, r9
        and     r3, r3, r10
        and     r3, r3, r11
        .endr
        adds    r4, r3, #1
        bne     not_blank_7
        cmp     r0, r12
        bne     blank_7
        mov     r2, r3
        b       store_7
not_blank_7:
        mov     r0, r2
sums_7:
        mov     r2, #(1 << 15)          /* rotated: 1 */
        mov     r3, #(2 << 11)          /* rotated: 2 */
next_7:
        subs    r4, r12, r0             /* bytes left */
        beq     finished_7
        lsls    r5, r0, #30
        bne     byte_7
        cmp     r4, #4
        blo     byte_7
        cmp     r4, #32
        blo     word_7
        sub     lr, r12, #32            /* the last place where 32 bytes are left */
words_7:
        ldmia   r0!, {r4-r11}
        .irp w, r4, r5, r6, r7, r8, r9, r10, r11
        eor     r2, \w, r2, ror #15
        muls    r2, r1, r2
        add     r3, \w, r3, ror #11
        muls    r3, r1, r3
        .endr
        cmp     r0, lr
        bls     words_7
        b       next_7
word_7:
        ldr     r4, [r0], #4
        b       one_7
byte_7:
        ldrb    r4, [r0], #1
one_7:
        eor     r2, r4, r2, ror #15
        muls    r2, r1, r2
        add     r3, r4, r3, ror #11
        muls    r3, r1, r3
        b       next_7
finished_7:
        ror     r2, r2, #15
        ror     r3, r3, #11
store_7:
        ldr     r4, [sp, #0]
        stmia   r4!, {r2, r3}
        str     r4, [sp, #0]
        b       block_7
done_7:
        add     sp, sp, #16
        movs    r0, #0
        pop     {r4-r11, pc}
        .balign 4
multiplier_7:
        .word   0x9E3779B1
        .global sum_blocks_7_end
sum_blocks_7_end:
