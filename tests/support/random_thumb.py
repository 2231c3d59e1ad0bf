"""Random Thumb programs for two machines to disagree about.

A program is a run of blocks; after each, all registers and flags go into a dump in RAM. r7 points
to a buffer, r12 is scratch. Blocks contain SVC, UDF, unaligned accesses and pended interrupts,
whose handlers mix the stacked frame into a checksum, so that a wrong stacked PC, xPSR or register
shows as well; and CFSR, FPCCR and FPSCR where there are such registers. Some blocks run with
CCR.UNALIGN_TRP, some handlers use FP.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from string import Template

LOW = tuple(f"r{n}" for n in range(7))
ALL = (*LOW, "r8", "r9", "r10", "r11")
BUFFER_BYTES = 256
TRACE_FRAMES = 100
DUMP_WORDS = 64  # of each block: registers, APSR, then FP registers and FPSCR
_SUPPORT = Path(__file__).with_name("random_thumb_support.S")

_NOTE_FAULT = """
    ldr r3, =0xE000ED28         @ CFSR, which this clears
    ldr r2, [r3]
    str r2, [r3]
    ldr r3, =frame_sum
    ldr r0, [r3]
    eor.w r0, r2, r0, ror #7
    str r0, [r3]
"""
_USE_FP = """
    ldr r3, =0xE000EF34         @ FPCCR
    ldr r2, [r3]
    ldr r0, =0xC000017B
    ands r2, r0
    vmov s1, r3
    vadd.f32 s3, s1, s1
    vmrs r0, fpscr
    eors r2, r0
    ldr r0, [r3]
    ands r0, #1                 @ LSPACT: the state is stacked by now
    eor.w r2, r2, r0, lsl #4
    ldr r3, =frame_sum
    ldr r0, [r3]
    eor.w r0, r2, r0, ror #7
    str r0, [r3]
"""


class Generator:
    """Writes one assembly file. ``cpu`` is m0, m3 or m4f."""

    def __init__(self, cpu: str, seed: int, *, blocks: int = 60, length: int = 40) -> None:
        self.cpu, self.blocks, self.length = cpu, blocks, length
        self._random = random.Random(f"{cpu} {seed}")
        self._labels = 0
        kinds: list[tuple[int, Callable[[], list[str]]]] = [
            *((30, self._narrow), (12, self._memory_narrow), (6, self._branch)),
            *((3, self._exception), (2, self._unaligned_narrow)),
        ]
        if cpu != "m0":
            kinds += [(30, self._wide), (10, self._memory_wide), (6, self._it_block)]
            kinds += [(3, self._unaligned_wide), (1, self._broken_exclusive)]
        if cpu == "m4f":
            kinds += [(12, self._dsp), (16, self._floating), (3, self._fp_memory)]
        self._kinds = [k for _, k in kinds]
        self._weights = [w for w, _ in kinds]

    # ---- the whole ------------------------------------------------------------------------------

    def source(self) -> str:
        """Return the assembly text; it defines ``random_main``, ``dump`` and ``buffer``."""
        lines = [".syntax unified", ".thumb", ".text", ".global random_main", ".thumb_func"]
        lines += ["random_main:", "push {r4-r7, lr}", "mov r4, r8", "mov r5, r9", "push {r4, r5}"]
        lines += ["ldr r7, =buffer"]
        for _ in range(self.blocks):
            lines += self._block()
        lines += ["pop {r4, r5}", "mov r8, r4", "mov r9, r5", "pop {r4-r7, pc}", ".ltorg"]
        return "\n".join([*lines, *self._support()]) + "\n"

    def _block(self) -> list[str]:
        lines = []
        if self.cpu != "m0":
            ccr = 0x208 if self._random.random() < 0.3 else 0x200
            lines += ["ldr r0, =0xE000ED14", f"ldr r1, ={ccr:#x}", "str r1, [r0]", "dsb", "isb"]
        for register in ALL:
            value = self._random.choice(
                (0, 1, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF, *[self._random.getrandbits(32)] * 4)
            )
            low = register in LOW
            lines.append(f"ldr {register if low else 'r0'}, ={value:#x}")
            if not low:
                lines.append(f"mov {register}, r0")
        if self.cpu == "m4f":
            for n in range(16):
                lines += [f"ldr r0, ={self._float_bits():#x}", f"vmov s{n}, r0"]
            lines += ["ldr r0, =0", "vmsr fpscr, r0"]
        for _ in range(self.length):
            lines += self._random.choices(self._kinds, self._weights)[0]()
        self._labels += 1
        return [*lines, "bl dump_state", f"b 9{self._labels}f", ".ltorg", f"9{self._labels}:"]

    def _float_bits(self) -> int:
        special = (0, 0x8000_0000, 0x3F80_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x0000_0001)
        if self._random.random() < 0.2:
            return self._random.choice(special)
        exponent = self._random.randint(100, 150)
        return self._random.getrandbits(1) << 31 | exponent << 23 | self._random.getrandbits(23)

    # ---- kinds of instructions ------------------------------------------------------------------

    def _low(self) -> str:
        return self._random.choice(LOW)

    def _one(self, names: str) -> str:
        return self._random.choice(names.split())

    def _any(self) -> str:
        return self._random.choice(ALL)

    def _narrow(self) -> list[str]:
        r, d, n, m = self._random, self._low(), self._low(), self._low()
        three = r.choice(("adds", "subs"))
        two = r.choice(("ands", "eors", "orrs", "bics", "adcs", "sbcs", "muls", "mvns", "rsbs"))
        shift, extend = (
            r.choice(("lsls", "lsrs", "asrs")),
            r.choice(("sxtb", "sxth", "uxtb", "uxth")),
        )
        two_text = f"{two} {d}, {d}, {m}"
        if two == "muls":
            two_text = f"muls {d}, {m}, {d}"
        elif two == "mvns":
            two_text = f"mvns {d}, {m}"
        elif two == "rsbs":
            two_text = f"rsbs {d}, {m}, #0"
        return [
            r.choice(
                (
                    *(f"{three} {d}, {n}, {m}", f"{three} {d}, {n}, #{r.randrange(8)}"),
                    *(f"{three} {d}, #{r.randrange(256)}", two_text, two_text),
                    f"{shift} {d}, {n}, #{r.randrange(1, 32)}",
                    f"{self._one('lsls lsrs asrs rors')} {d}, {d}, {m}",
                    *(f"movs {d}, #{r.randrange(256)}", f"{extend} {d}, {m}"),
                    f"{self._one('rev rev16 revsh')} {d}, {m}",
                    f"{self._one('cmp cmn tst')} {n}, {m}",
                    *(f"mov {self._any()}, {self._any()}", f"add {self._any()}, {self._any()}"),
                )
            )
        ]

    def _memory_narrow(self) -> list[str]:
        r, t = self._random, self._low()
        size, name = r.choice(((4, ""), (2, "h"), (1, "b")))
        offset = r.randrange(0, 28) * size
        if r.random() < 0.25:
            count = r.randint(1, 4)
            chosen = ", ".join(sorted(r.sample(LOW[:6], count)))
            kind = r.choice(("stmia", "ldmia"))
            return ["mov r12, r6", "mov r6, r7", f"{kind} r6!, {{{chosen}}}", "mov r6, r12"]
        if r.random() < 0.3:
            sign = r.choice(("sb", "sh"))
            index = r.choice([x for x in LOW if x != t])
            scale = 2 if sign == "sh" else 1
            return [f"movs {index}, #{r.randrange(60) * scale}", f"ldr{sign} {t}, [r7, {index}]"]
        return [f"{self._one('ldr str')}{name} {t}, [r7, #{offset}]"]

    def _branch(self) -> list[str]:
        self._labels += 1
        label = f"8{self._labels}"
        condition = self._random.choice(
            ["eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"]
        )
        inner = [line for _ in range(self._random.randint(1, 3)) for line in self._narrow()]
        if self.cpu != "m0" and self._random.random() < 0.3:
            return [
                f"{self._one('cbz cbnz')} {self._low()}, {label}f",
                *inner,
                f"{label}:",
            ]
        return [f"b{condition} {label}f", *inner, f"{label}:"]

    def _exception(self) -> list[str]:
        r = self._random
        kind = r.randrange(4)
        if kind == 0:
            return [f"svc #{r.randrange(256)}"]
        if kind == 1:
            return [f"udf #{r.randrange(256)}"]
        what = r.choice(("pend_irq0", "pend_irq1", "pend_both", "pend_pendsv"))
        return [f"bl {what}"]

    def _unaligned_narrow(self) -> list[str]:
        """Access memory off the boundary: LDM always faults, LDR on ARMv6-M or when asked to."""
        r, t = self._random, self._low()
        lines = ["mov r12, r6", f"adds r6, r7, #{r.randint(1, 3)}"]
        if r.random() < 0.5:
            chosen = ", ".join(sorted(r.sample(LOW[:6], r.randint(1, 3))))
            lines.append(f"{self._one('stmia ldmia')} r6!, {{{chosen}}}")
        else:
            lines.append(f"{self._one('ldr str')} {t if t != 'r6' else 'r0'}, [r6, #4]")
        return [*lines, "mov r6, r12"]

    def _unaligned_wide(self) -> list[str]:
        r, t = self._random, self._any()
        u = r.choice([x for x in ALL if x != t])
        chosen = ", ".join(sorted(r.sample(LOW, 3)))
        kinds = [f"{self._one('ldrd strd')} {t}, {u}, [r12, #8]", f"ldrex {t}, [r12, #4]"]
        kinds += [f"{self._one('ldmia.w stmdb.w')} r12, {{{chosen}}}"]
        kinds += [f"{self._one('ldr str')}.w {t}, [r12, #4]!", f"ldrd {t}, {u}, [r12], #4"]
        if self.cpu == "m4f":
            kinds += [f"{self._one('vldr vstr')} s{r.randrange(16)}, [r12, #8]"]
            kinds += [f"{self._one('vldmia vstmia')} r12!, {{s4-s7}}"]
        return [f"add.w r12, r7, #{r.choice((33, 34, 35, 64))}", r.choice(kinds)]

    def _broken_exclusive(self) -> list[str]:
        """An exception between LDREX and STREX makes the store fail."""
        t, u = self._random.sample(ALL, 2)
        place = "add.w r12, r7, #64"
        return [place, f"ldrex {t}, [r12]", "svc #1", place, f"strex {u}, {t}, [r12]"]

    def _wide(self) -> list[str]:
        r, d, n, m, a = self._random, self._any(), self._any(), self._any(), self._any()
        s = r.choice(("", "s"))
        op = r.choice(("add", "sub", "and", "orr", "eor", "bic", "adc", "sbc", "rsb", "orn"))
        shift = f"{self._one('lsl lsr asr ror')} #{r.randrange(1, 32)}"
        lsb = r.randrange(32)
        width = r.randint(1, 32 - lsb)
        constant = r.choice(
            (
                r.randrange(256),
                r.randrange(256) * 0x0001_0001,
                r.randrange(128, 256) << r.randrange(24),
            )
        )
        high = r.choice([x for x in ALL if x != d])
        return [
            r.choice(
                (
                    *(f"{op}{s}.w {d}, {n}, {m}, {shift}", f"{op}{s}.w {d}, {n}, #{constant:#x}"),
                    *(f"movw {d}, #{r.getrandbits(16)}", f"movt {d}, #{r.getrandbits(16)}"),
                    *(f"bfi {d}, {n}, #{lsb}, #{width}", f"bfc {d}, #{lsb}, #{width}"),
                    f"{self._one('ubfx sbfx')} {d}, {n}, #{lsb}, #{width}",
                    *(f"clz {d}, {m}", f"rbit {d}, {m}", f"mla {d}, {n}, {m}, {a}"),
                    *(f"mls {d}, {n}, {m}, {a}", f"udiv {d}, {n}, {m}", f"sdiv {d}, {n}, {m}"),
                    f"{self._one('umull smull umlal smlal')} {d}, {high}, {n}, {m}",
                    f"ssat {d}, #{r.randint(1, 32)}, {n}, lsl #{r.randint(1, 31)}",
                    f"ssat {d}, #{r.randint(1, 32)}, {n}, asr #{r.randint(1, 31)}",
                    f"usat {d}, #{r.randrange(32)}, {n}",
                    *(
                        f"{self._one('teq tst cmn cmp')}.w {n}, {m}, {shift}",
                        f"rrx{s} {d}, {m}",
                    ),
                    f"{self._one('lsl lsr asr ror')}{s}.w {d}, {n}, {m}",
                )
            )
        ]

    def _memory_wide(self) -> list[str]:
        r, t = self._random, self._any()
        u = r.choice([x for x in ALL if x != t])
        offset = r.randrange(0, 200)
        address = r.choice((f"[r7, #{offset}]", f"[r7, #{offset & ~3}]"))
        move = r.choice(("[r12], #4", "[r12, #8]!", "[r12, #-4]"))
        kind = r.randrange(6)
        if kind == 0:
            return [f"{self._one('ldrd strd')} {t}, {u}, [r7, #{offset & 0xFC}]"]
        if kind == 5:
            name = self._one("ldrt strt ldrht strht ldrbt strbt ldrsbt ldrsht")
            return [f"{name} {t}, [r7, #{offset}]"]
        if kind == 1:
            return [
                "add.w r12, r7, #32",
                f"{self._one('ldr str')} {t}, {move}",
                f"add.w {u}, {u}, r12",
            ]
        if kind == 2:
            status = r.choice([x for x in ALL if x not in (t, u)])
            return ["add.w r12, r7, #64", f"ldrex {t}, [r12]", f"strex {status}, {u}, [r12]"]
        if kind == 3:
            chosen = ", ".join(sorted(r.sample(LOW, 4)))
            return ["add.w r12, r7, #128", f"{self._one('ldmdb stmdb')} r12!, {{{chosen}}}"]
        return [f"{self._one('ldr str ldrh strh ldrb strb ldrsb ldrsh')}.w {t}, {address}"]

    def _it_block(self) -> list[str]:
        r = self._random
        condition, inverse = r.choice(
            (("eq", "ne"), ("cs", "cc"), ("mi", "pl"), ("ge", "lt"), ("hi", "ls"))
        )
        pattern = "".join(r.choice("te") for _ in range(r.randrange(4)))
        lines = [f"it{pattern} {condition}"]
        for slot in "t" + pattern:
            suffix = condition if slot == "t" else inverse
            d, n, m = self._low(), self._low(), self._low()
            lines.append(
                r.choice(
                    (
                        *(f"add{suffix} {d}, {n}, {m}", f"mov{suffix} {d}, {self._any()}"),
                        *(
                            f"ldr{suffix} {d}, [r7, #{r.randrange(20) * 4}]",
                            f"cmp{suffix} {n}, {m}",
                        ),
                        *(
                            f"str{suffix} {d}, [r7, #{r.randrange(20) * 4}]",
                            f"mul{suffix} {d}, {m}, {d}",
                        ),
                        f"svc{suffix} #{r.randrange(256)}",
                    )
                )
            )
        return lines

    def _dsp(self) -> list[str]:
        r, d, n, m, a = self._random, self._any(), self._any(), self._any(), self._any()
        parallel = r.choice(("s", "q", "sh", "u", "uq", "uh")) + r.choice(
            ("add16", "add8", "sub16", "sub8", "asx", "sax")
        )
        high = r.choice([x for x in ALL if x != d])
        return [
            r.choice(
                (
                    *(f"{parallel} {d}, {n}, {m}", f"sel {d}, {n}, {m}", f"usad8 {d}, {n}, {m}"),
                    *(f"{self._one('qadd qsub qdadd qdsub')} {d}, {n}, {m}",),
                    f"{self._one('smlad smlsd smladx smlabb')} {d}, {n}, {m}, {a}",
                    f"{self._one('smlatb smlawt smmlar')} {d}, {n}, {m}, {a}",
                    f"{self._one('smuad smusdx smulbt smulwb smmul')} {d}, {n}, {m}",
                    f"{self._one('smlald smlalbt umaal')} {d}, {high}, {n}, {m}",
                    f"pkhbt {d}, {n}, {m}, lsl #{r.randrange(1, 32)}",
                    f"{self._one('uxtab sxtah uxtab16')} {d}, {n}, {m}, ror #{8 * r.randint(1, 3)}",
                    f"{self._one('ssat16 usat16')} {d}, #{r.randint(1, 15)}, {n}",
                )
            )
        ]

    def _floating(self) -> list[str]:
        r = self._random
        d, n, m = (f"s{r.randrange(16)}" for _ in range(3))
        op = r.choice(("vadd", "vsub", "vmul", "vdiv", "vnmul", "vmla", "vmls", "vfma", "vfnms"))
        convert = r.choice(
            ("vcvt.s32.f32", "vcvt.u32.f32", "vcvt.f32.s32", "vcvt.f32.u32", "vcvtr.s32.f32")
        )
        return r.choice(
            (
                [f"{op}.f32 {d}, {n}, {m}"],
                [f"{op}.f32 {d}, {n}, {m}"],
                [f"{self._one('vabs vneg vsqrt')}.f32 {d}, {m}"],
                [f"{convert} {d}, {m}"],
                [f"vcvtb.f16.f32 {d}, {m}", f"vcvtt.f32.f16 {n}, {d}"],
                [f"{self._one('vcmp vcmpe')}.f32 {d}, {m}", "vmrs APSR_nzcv, fpscr"],
                [f"vmov {self._any()}, {m}"],
                [f"vmov {d}, {self._any()}"],
                [f"vmov.f32 {d}, #{self._one('1.0 -2.5 0.125 31.0')}"],
            )
        )

    def _fp_memory(self) -> list[str]:
        r = self._random
        kind = r.choice(("vldr", "vstr"))
        return r.choice(
            (
                [f"{kind} s{r.randrange(16)}, [r7, #{r.randrange(50) * 4}]"],
                [f"{kind} d{r.randrange(8)}, [r7, #{r.randrange(24) * 8}]"],
                ["add.w r12, r7, #64", f"{self._one('vldmia vstmia')} r12!, {{s4-s9}}"],
            )
        )

    # ---- handlers and helpers -------------------------------------------------------------------

    def _support(self) -> list[str]:
        """Return the handlers and helpers that the blocks call."""
        text = Template(_SUPPORT.read_text()).substitute(
            fault="HardFault_Handler" if self.cpu == "m0" else "UsageFault_Handler",
            note_fault="" if self.cpu == "m0" else _NOTE_FAULT,
            use_fp=_USE_FP if self.cpu == "m4f" else "",
            dump_fp=self._dump_fp(),
            half_a_dump=DUMP_WORDS * 2,
            buffer_bytes=BUFFER_BYTES,
            trace_bytes=TRACE_FRAMES * 32,
            dump_bytes=self.blocks * DUMP_WORDS * 4,
        )
        return text.splitlines()

    def _dump_fp(self) -> str:
        if self.cpu != "m4f":
            return ""
        return "add r0, r2, #64\n vstmia r0!, {s0-s15}\n vmrs r3, fpscr\n str r3, [r0]"
