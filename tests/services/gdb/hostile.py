"""Hostile clients: packets that GDB sends, the same bent, and plain noise."""

from __future__ import annotations

import random

from onchip.errors import OnchipError
from onchip.wire.gdb_rsp.framing import encode_packet

from .fakes import Talk

_TEXT = """
    m{ram},40 m{code},8 mffffffff,4 m{gap},4 x{ram},20 x{gap},0 M{ram},2:0102 M{code},1:00
    M{gap},1:00 X{ram},3:abc g p0 pf p10 p11 p13 p16 p30 P0=01000000 Pf={pc}
    P16=0000000000000000 P15=00000000
    G000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
    ? c s C05 S05 vCont;c vCont;s:1 vCont;s:1;c vCont;r{code},{code}:1 vCont;t vCont? vCtrlC !
    R00 D vKill;1 vRun; vAttach;1 Z0,{code},2 Z1,{code},2 Z0,{ram},2 Z2,{ram},4 Z3,{ram},1
    Z4,{ram},2 Z2,{ram},3 Z2,{ram},1000 z0,{code},2 z1,{code},2 z2,{ram},4 z3,{ram},1 z4,{ram},2
    Z0,{code},2;X1,27 Z1,{gap},2 Hg0 Hc-1 Hgp1.1 T1 T5 qC qfThreadInfo qsThreadInfo
    qThreadExtraInfo,1 qAttached qSupported:swbreak+;error-message+ qSupported vMustReplyEmpty
    qXfer:features:read:target.xml:0,fff qXfer:memory-map:read::10,20 qXfer:threads:read::0,fff
    qRcmd,68656c70 qRcmd,72657365742068616c74 qRcmd,726567 qRcmd,6d64772030 qRcmd,676f
    qRcmd,68616c74 qRcmd,696e666f qRcmd,6661756c74 qCRC:{ram},100 qCRC:{gap},4
    qSearch:memory:{ram};100;ab qSymbol:: QPassSignals:e vFlashErase:{gap},400
    vFlashWrite:{gap}:ab vFlashDone qTStatus jThreadsInfo QNonStop:1 QNonStop:0 vStopped
    QThreadEvents:1 Z0,{code},2;X7,26000022101327 Z0,{code},2;X5,2200220005;X1,27
    Z1,{code},2;cmds:1,Xe,260000220022003401000372640027 vCont;r{code},{code}0:1
    vFile:open:7372616d2e62696e,0,0 vFile:open:00,0,0 vFile:pread:3,10,0 vFile:fstat:3
    vFile:close:3 vFile:setfs:0 F0 F-1,4,C qMemoryRegionInfo:{ram} qSymbol:{ram}:7078
    QTinit QTDP:1:{code}:E:0:0 QTDP:2:{code}:E:3:2- QTDP:3:{code}:D:0:0:X3,220127
    QTDP:-2:{code}:R1FFFFFFM-1,{ram},10M-1,{gap},4M7,0,4- QTDP:-2:{code}:SR1X6,240000000017
    QTDP:-2:{code}:X5,2201220005 QTDP:-1:{code}:X7,24{ram}0d04 QTDPsrc:1:{code}:at:0:4:2a247063
    QTDV:2:5:0:6869 QTStart QTStart QTStop QTFrame:0 QTFrame:ffffffff QTFrame:pc:{code}
    QTFrame:tdp:1 QTFrame:outside:{code}:{ram} QTEnable:1:{code} QTDisable:1:{code} qTP:1:{code}
    qTV:1 qTV:2 qTfP qTsP qTfV qTsV qTBuffer:0,100 QTBuffer:size:200 QTBuffer:circular:1
    QTro:{ram},{gap} QTNotes:user:61;tstop:62; QTSave:61 QTDisconnected:0
    qXfer:traceframe-info:read::0,1000 qXfer:osdata:read:threads:0,1000 vFile:open:61,0,0
"""
TEMPLATES = _TEXT.split()
"""One or more of every kind of packet; ``k`` is left out, since it ends the conversation."""


def packets(seed, count, *, ram, code, gap):
    """Yield payloads: half as a client would send them, the others bent or made of noise."""
    dice = random.Random(seed)
    for _ in range(count):
        words = {"ram": f"{ram + dice.choice((0, 1, 4, 16)):x}", "gap": f"{gap:x}"}
        start = code + 2 * dice.randrange(8)
        words |= {"code": f"{start:x}", "pc": start.to_bytes(4, "little").hex()}
        payload = bytearray(dice.choice(TEMPLATES).format(**words).encode())
        kind = dice.random()
        if kind > 0.95:
            payload = bytearray(dice.randbytes(dice.randrange(20)))
        elif kind > 0.5:
            for _ in range(dice.randrange(1, 3)):
                bend(dice, payload)
        if payload[:1] not in (b"k", b"R") and not payload.startswith(b"vFlashErase"):
            yield bytes(payload)


def bend(dice, payload):
    """Flip, cut, insert or double something."""
    where = dice.randrange(len(payload) + 1)
    match dice.randrange(4):
        case 0 if where < len(payload):
            payload[where] ^= 1 << dice.randrange(8)
        case 1:
            del payload[where:]
        case 2:
            payload[where:where] = dice.choice(
                (b",", b";", b":", b"f", b"-1", b"\x00", b"ffffffff")
            )
        case _:
            payload[where:where] = payload[:8]


def torment(talk: Talk, payloads) -> int:
    """Send packets one after another; each is answered, or resumes and can be stopped."""
    answered = 0
    for payload in payloads:
        talk.sent.clear()
        talk.stub.handle(payload)
        final = [part for part in talk.sent if part[:1] != b"O" or part == b"OK"]
        if not final:
            assert talk.stub.waiting or payload[:1] in (b"R", b"F"), payload
            if talk.stub.waiting:
                stop(talk)
        else:
            assert len(final) == 1, (payload, final)
            assert encode_packet(final[0])
        answered += bool(final)
    return answered


def stop(talk: Talk) -> None:
    """Get the answer to a resume: a stop, or that the core was lost."""
    for _ in range(100):
        try:
            talk.target.poll()
        except OnchipError as error:
            talk.target.fail(error)
        if not talk.stub.waiting:
            return
        talk.target.run.interrupt()
    raise AssertionError("no stop")
