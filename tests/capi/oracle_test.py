"""The exact product, by the library as any program loads it, against gguf-py and numpy in double.

usage: oracle_test.py LIBRARY
Weights: gguf-py's dequantisation, rounded to float16 by numpy. Bound: the sum of K products in FP32,
gamma(K) |A| |B| with gamma(K) = K u / (1 - K u), u = 2^-24. Where the double result is infinite or
NaN, the FP32 one has to be the same.
"""

import ctypes
import itertools
import os
import subprocess
import sys

import gguf
import numpy as np

U = 2.0**-24
EXTREME_HALVES = [
    sign | bits
    for bits in (0x0000, 0x0001, 0x03FF, 0x0400, 0x3555, 0x3C00, 0x7BFF, 0x7C00, 0x7E00)
    for sign in (0x0000, 0x8000)
]


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("precision", ctypes.c_int32),
        ("b_transposed", ctypes.c_int32),
        ("lda", ctypes.c_int64),
        ("ldb", ctypes.c_int64),
        ("ldc", ctypes.c_int64),
    ]


def load(path):
    library = ctypes.CDLL(path)
    library.ix_last_error.restype = ctypes.c_char_p
    gemm = library.ix_gemm_q4_K
    gemm.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 3 + [ctypes.c_void_p] * 2

    def multiply(blocks, b, m, n, k, options):
        c = np.full((m, options.ldc or n), 12345.0, "<f4")
        status = gemm(blocks.ctypes.data, b.ctypes.data, c.ctypes.data, m, n, k,
                      ctypes.addressof(options), None)
        assert status == 0, library.ix_last_error()
        return c

    return multiply


def random_blocks(rng, count, kind):
    blocks = rng.integers(0, 256, (count, 144), dtype=np.uint8)
    scales = rng.normal(0, 0.01, (count, 2)).astype("<f2")
    if kind == "subnormal":
        scales = rng.integers(0, 0x400, (count, 2)).astype("<u2").view("<f2")
    if kind == "extreme":
        scales = rng.choice(np.array(EXTREME_HALVES, "<u2"), (count, 2)).view("<f2")
    blocks[:, :4] = np.ascontiguousarray(scales).view(np.uint8)
    return blocks


def random_b(rng, shape, kind):
    b = rng.normal(0, 1, shape).astype("<f2")
    if kind == "extreme":
        special = np.array([np.inf, -np.inf, np.nan, 0, -0.0, 65504, 2.0**-24], "<f2")
        rare = rng.random(shape) < 0.001
        b[rare] = rng.choice(special, int(rare.sum()))
    return b


def check(multiply, rng, m, n, k, kind, transposed, padded):
    lda, ldb, ldc = k // 256, (k if transposed else n), n
    if padded:
        lda, ldb, ldc = lda + 2, ldb + 5, ldc + 3
    blocks = random_blocks(rng, m * lda, kind).reshape(m, lda * 144)
    with np.errstate(all="ignore"):
        weights = gguf.quants.dequantize(
            np.ascontiguousarray(blocks[:, : k // 256 * 144]).reshape(-1, 144),
            gguf.GGMLQuantizationType.Q4_K,
        ).reshape(m, k).astype("<f2").astype("<f8")
    stored = random_b(rng, (n if transposed else k, ldb), kind)
    b = stored[:, : (k if transposed else n)].astype("<f8")
    b = b.T if transposed else b
    options = Options(ctypes.sizeof(Options), 0, int(transposed), lda, ldb, ldc)
    c = multiply(blocks, stored, m, n, k, options)
    with np.errstate(all="ignore"):
        # Not by BLAS: infinity and NaN have to come out as IEEE has them, term by term.
        expected = np.stack([(weights * b[:, j]).sum(axis=1) for j in range(n)], axis=1)
        magnitude = np.stack([np.abs(weights * b[:, j]).sum(axis=1) for j in range(n)], axis=1)
        bound = k * U / (1 - k * U) * magnitude
        got = c[:, :n].astype("<f8")
        finite = np.isfinite(expected)
        good = np.where(finite, np.abs(got - expected) <= bound,
                        (got == expected) | (np.isnan(got) & np.isnan(expected)))
    where = f"m={m} n={n} k={k} {kind} transposed={transposed} padded={padded}"
    if not good.all():
        i, j = np.argwhere(~good)[0]
        sys.exit(f"{where}: C[{i}, {j}] = {got[i, j]!r}, expected {expected[i, j]!r} "
                 f"within {bound[i, j]!r}; {int((~good).sum())} differ")
    if not (c[:, n:] == 12345.0).all():
        sys.exit(f"{where}: floats between the rows of C were written")
    if kind == "usual" and not finite.all():
        sys.exit(f"{where}: the oracle is not finite")
    return int(finite.sum()), good.size


def run(path):
    multiply = load(path)
    rng = np.random.default_rng(20250101)
    shapes = [(1, 1, 256), (31, 12, 256), (33, 13, 512), (64, 1, 1024), (70, 37, 768),
              (100, 200, 512)]
    cases = finite = total = 0
    for (m, n, k), kind, transposed, padded in itertools.product(
            shapes, ("usual", "subnormal", "extreme"), (False, True), (False, True)):
        found, size = check(multiply, rng, m, n, k, kind, transposed, padded)
        cases, finite, total = cases + 1, finite + found, total + size
    if finite == total or finite < total // 3:
        sys.exit(f"{finite} of {total} results are finite: the cases show too little")
    print(f"{os.environ.get('IX_CPU_ISA')}: {cases} cases, {finite} of {total} results finite")


def main():
    if "IX_CPU_ISA" in os.environ:
        return run(sys.argv[1])
    ran = 0
    for isa in ("generic", "avx2", "avx512vnni"):  # the set is chosen once a process
        env = {**os.environ, "IX_CPU_ISA": isa}
        result = subprocess.run([sys.executable, *sys.argv], env=env, capture_output=True, text=True)
        if result.returncode != 0 and "cannot run on this machine" in result.stderr:
            continue
        print(result.stdout + result.stderr, end="")
        if result.returncode != 0:
            sys.exit(1)
        ran += 1
    if ran == 0:
        sys.exit("no instruction set ran")
    return None


if __name__ == "__main__":
    main()
