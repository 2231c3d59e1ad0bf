"""Opcodes that many tests assemble with. Source: DDI 0403 A7.7."""

from __future__ import annotations

NOP, WFE, WFI, SEV = 0xBF00, 0xBF20, 0xBF30, 0xBF40
BKPT, SVC, UDF = 0xBE00, 0xDF00, 0xDE00  # each with number 0
LDR, STR, STRB = 0x6808, 0x6008, 0x7008  # r0, [r1]
ADDS_R0 = 0x3001  # adds r0, #1
BX_LR, BX_R1 = 0x4770, 0x4708
CPSID_I, CPSIE_I, CPSID_F = 0xB672, 0xB662, 0xB671
LOOP = 0xE7FE  # b to itself
B_BACK_1 = 0xE7FD  # b to the instruction before

COUNT = (ADDS_R0, B_BACK_1)
"""A program that counts in r0."""
