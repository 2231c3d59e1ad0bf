@ What the programs of random_thumb.py are linked with; $$NAME is filled in there.
.thumb_func
mix_frame:                  @ r0: frame; r1, r2, r3 free
    push {r4, r5, lr}
    ldr r1, =frame_sum
    ldr r2, [r1]
    movs r3, #0
    ldr r1, =trace_next
    ldr r5, [r1]
    adds r5, #32
    str r5, [r1]
    subs r5, #32
    ldr r1, =frame_sum
    push {r6}
1:  ldr r4, [r0, r3]
    cmp r3, #24
    bne 5f
    ldr r6, =after_pend       @ where in a pend helper the interrupt came is not compared
    subs r6, r4, r6
    cmp r6, #8
    bhi 5f
    ldr r4, =after_pend
5:  ldr r6, =dump             @ the trace ends where the dump begins
    cmp r5, r6
    bhs 4f
    str r4, [r5]
    adds r5, #4
4:  mov r12, r5
    movs r5, #13
    rors r2, r5
    adds r2, r2, r4
    mov r5, r12
    adds r3, #4
    cmp r3, #32
    bne 1b
    pop {r6}
    mrs r4, ipsr
    eors r2, r4
    str r2, [r1]
    ldr r1, =exception_count
    ldr r2, [r1]
    adds r2, #1
    str r2, [r1]
    pop {r4, r5, pc}
.ltorg
.global SVC_Handler, $fault, IRQ0_Handler, IRQ1_Handler, PendSV_Handler
.thumb_func
SVC_Handler:
    mrs r0, msp
    push {r0, lr}
    bl mix_frame
    pop {r0, r1}
    ldr r2, [r0, #24]       @ the number in the instruction goes into the stacked r1
    subs r2, #2
    ldrb r2, [r2]
    ldr r3, [r0, #4]
    eors r3, r2
    str r3, [r0, #4]
    bx r1
.thumb_func
$fault:
    mrs r0, msp
    push {r0, lr}
    bl mix_frame
    pop {r0, r1}
    ldr r2, [r0, #24]       @ go on behind the instruction
    ldrh r3, [r2]
    lsrs r3, #11
    cmp r3, #0x1D
    blo 6f
    adds r2, #2
6:  adds r2, #2
    str r2, [r0, #24]
    $note_fault
    bx r1
.ltorg
.thumb_func
IRQ0_Handler:
.thumb_func
PendSV_Handler:
    mrs r0, msp
    push {r4, lr}
    bl mix_frame
    $use_fp
    pop {r4, pc}
.ltorg
.thumb_func
IRQ1_Handler:               @ the most urgent; pends PendSV, which is tail-chained
    mrs r0, msp
    push {r4, lr}
    bl mix_frame
    ldr r0, =0xE000ED04
    ldr r1, =0x10000000
    str r1, [r0]
    pop {r4, pc}
.ltorg
.thumb_func
pend_irq0:
    push {r0, r1}
    movs r1, #1
    b 2f
.thumb_func
pend_irq1:
    push {r0, r1}
    movs r1, #2
    b 2f
.thumb_func
pend_both:
    push {r0, r1}
    movs r1, #3
2:  ldr r0, =0xE000E200
3:  str r1, [r0]
after_pend:
    dsb
    isb
    pop {r0, r1}
    bx lr
.thumb_func
pend_pendsv:
    push {r0, r1}
    ldr r0, =0xE000ED04
    ldr r1, =0x10000000
    b 3b
.ltorg
.thumb_func
dump_state:
    mov r12, r0
    mrs r0, apsr
    push {r0-r7}
    ldr r1, =dump_next
    ldr r2, [r1]
    str r0, [r2, #0]
    mov r0, r12
    str r0, [r2, #4]
    ldr r0, [sp, #4]
    str r0, [r2, #8]
    ldr r0, [sp, #8]
    str r0, [r2, #12]
    str r3, [r2, #16]
    str r4, [r2, #20]
    str r5, [r2, #24]
    str r6, [r2, #28]
    mov r0, r8
    str r0, [r2, #32]
    mov r0, r9
    str r0, [r2, #36]
    mov r0, r10
    str r0, [r2, #40]
    mov r0, r11
    str r0, [r2, #44]
    $dump_fp
    movs r0, #$half_a_dump
    adds r0, #$half_a_dump
    adds r2, r2, r0
    str r2, [r1]
    pop {r0-r7}
    bx lr
.ltorg
.data
.balign 8
.global trace, buffer, frame_sum, exception_count, dump, dump_next
buffer: .space $buffer_bytes
frame_sum: .word 1
exception_count: .word 0
dump_next: .word dump
trace_next: .word trace
.bss
.balign 8
trace: .space $trace_bytes
dump: .space $dump_bytes
