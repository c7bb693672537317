"""Holds dequantize_row against gguf-py: the same bits for random and for extreme blocks.

usage: dequantize_reference_test.py [EMULATOR…] DEQUANTIZE_TOOL
A NaN has only to be a NaN: its payload is the compiler's business.
"""

import itertools
import subprocess
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

# Where the half-precision scales of a block lie.
SCALE_OFFSETS = {
    T.Q4_0: [0],
    T.Q4_1: [0, 2],
    T.Q5_0: [0],
    T.Q5_1: [0, 2],
    T.Q8_0: [0],
    T.Q2_K: [80, 82],
    T.Q3_K: [108],
    T.Q4_K: [0, 2],
    T.Q5_K: [0, 2],
    T.Q6_K: [208],
    T.IQ4_NL: [0],
    T.IQ4_XS: [0],
}
# Zeros, the smallest and largest subnormals, the smallest normal, one, the largest, infinities and
# NaNs (quiet and signalling), of both signs; a third, which is inexact.
EXTREME_HALVES = [
    sign | bits
    for bits in (0x0000, 0x0001, 0x03FF, 0x0400, 0x3555, 0x3C00, 0x7BFF, 0x7C00, 0x7E00, 0x7C01)
    for sign in (0x0000, 0x8000)
]


def blocks_of(qtype, rng):
    size = gguf.GGML_QUANT_SIZES[qtype][1]
    if qtype in (T.F16, T.BF16):
        return np.arange(1 << 16, dtype="<u2").view(np.uint8).reshape(-1, size)
    if qtype == T.F32:
        words = rng.integers(0, 1 << 32, 10000, dtype=np.uint64).astype("<u4")
        words[:6] = [0, 1, 0x80000000, 0x7F7FFFFF, 0xFF800000, 0x7FC00000]
        return words.view(np.uint8).reshape(-1, size)
    offsets = SCALE_OFFSETS[qtype]
    # Whole blocks of random bytes, with the scales that these happen to make.
    parts = [rng.integers(0, 256, (3000, size), dtype=np.uint8)]
    # Scales of the size that models have.
    usual = rng.integers(0, 256, (3000, size), dtype=np.uint8)
    for offset in offsets:
        halves = rng.normal(0, 0.01, len(usual)).astype("<f2")
        usual[:, offset : offset + 2] = halves.view(np.uint8).reshape(-1, 2)
    parts.append(usual)
    # Every pair of extreme scales over blocks of zeros, of ones and of random bytes.
    for scales in itertools.product(EXTREME_HALVES, repeat=len(offsets)):
        extreme = np.stack(
            [
                np.zeros(size, np.uint8),
                np.full(size, 0xFF, np.uint8),
                rng.integers(0, 256, size, dtype=np.uint8),
            ]
        )
        for offset, scale in zip(offsets, scales):
            extreme[:, offset : offset + 2] = np.array([scale], "<u2").view(np.uint8)
        parts.append(extreme)
    return np.concatenate(parts)


def check(tool, qtype, rng):
    blocks = blocks_of(qtype, rng)
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(blocks, qtype).astype("<f4").ravel()
    run = subprocess.run([*tool, str(int(qtype))], input=blocks.tobytes(), capture_output=True)
    if run.returncode != 0:
        return f"{qtype.name}: the tool failed: {run.stderr.decode()}"
    got = np.frombuffer(run.stdout, "<f4")
    if got.size != expected.size:
        return f"{qtype.name}: {got.size} floats, expected {expected.size}"
    same = (got.view("<u4") == expected.view("<u4")) | (np.isnan(got) & np.isnan(expected))
    if not same.all():
        i = int(np.argmin(same))
        return (
            f"{qtype.name}: {int((~same).sum())} of {same.size} differ; the first is weight {i}: "
            f"{got[i]!r}, expected {expected[i]!r}"
        )
    # The comparison means nothing if gguf-py made only NaN of the blocks.
    finite = int(np.isfinite(expected).sum())
    if finite < same.size // 4:
        return f"{qtype.name}: only {finite} of {same.size} expected values are finite"
    print(f"{qtype.name}: {same.size} weights, {finite} of them finite, the same bits")
    return None


def main():
    tool = sys.argv[1:]
    rng = np.random.default_rng(20240229)
    failures = [
        failure
        for qtype in [T.F32, T.F16, T.BF16, *SCALE_OFFSETS]
        if (failure := check(tool, qtype, rng))
    ]
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
