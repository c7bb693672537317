"""Loads models of real size, as sparse files, into a device that keeps hashes: the whole way of
`ix run --device neuron` but for running. What lies on each core is what numpy computes from the file
by gguf-py's dequantisation, and memory is what the shapes say.

    load_model_test.py IX IX_LOAD_MODEL LIBNRT NEURONX_CC [SHAPE]

Without SHAPE: a small Llama 3 in every form of weights. With it: llama-3.1-8b or llama-2-7b.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

import gguf
import numpy as np

IX, LOAD_MODEL, LIBNRT, NEURONX_CC, *SHAPES = sys.argv[1:]
T = gguf.GGMLQuantizationType
RANKS = 2
CHUNK = 128  # rows of a prefill, by which the cache is longer than the context
MICRO_CODE = 96 << 20  # what the fake takes from a core at its start
MOST_ANONYMOUS = 1_000_000_000
CORE_BYTES = 16_000_000_000


def bf16(values):
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def crc_of_repeated(element, size):
    crc, block = 0, element * ((1 << 20) // len(element))
    for done in range(0, size, len(block)):
        crc = zlib.crc32(block[: min(len(block), size - done)], crc)
    return crc


class Model:
    """A file, and how a llama is dealt to the ranks."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}

        def number(key):
            return int(reader.fields[f"llama.{key}"].contents())

        self.layers = number("block_count")
        self.heads = number("attention.head_count")
        self.kv_heads = number("attention.head_count_kv")
        self.head_dim = number("rope.dimension_count")

    def rows_and_columns(self, name, rank):
        """Rows and columns of the tensor that a rank holds, in its order."""
        cols, rows = (int(dim) for dim in self.tensors[name].shape)

        def half(count):
            return np.arange(rank * count // RANKS, (rank + 1) * count // RANKS)

        kind = name.split(".")[-2]
        if kind in ("attn_q", "attn_k"):  # whole heads; within each the even rows, then the odd ones
            heads = half(self.heads if kind == "attn_q" else self.kv_heads)
            order = np.concatenate([np.arange(0, self.head_dim, 2), np.arange(1, self.head_dim, 2)])
            return (heads[:, None] * self.head_dim + order).ravel(), np.arange(cols)
        if kind in ("attn_output", "ffn_down"):
            return np.arange(rows), half(cols)
        assert kind in ("attn_v", "ffn_gate", "ffn_up", "output"), kind
        return half(rows), np.arange(cols)

    def weights(self, name, rank):
        """float32 [out, in] of a rank, a few thousand rows at a time."""
        tensor = self.tensors[name]
        rows, columns = self.rows_and_columns(name, rank)
        for first in range(0, len(rows), 4096):
            data = tensor.data[rows[first : first + 4096]]
            yield gguf.quants.dequantize(data, tensor.tensor_type)[:, columns]

    def pieces(self, name, rank, form):
        """{suffix: array as it lies on the device} of a tensor."""
        tensor = self.tensors[name]
        if tensor.tensor_type == T.F32:
            return {"": tensor.data}
        if name == "token_embd.weight":  # a table: as in the file, whole
            step = 4096
            table = [bf16(gguf.quants.dequantize(tensor.data[i : i + step], tensor.tensor_type))
                     for i in range(0, len(tensor.data), step)]
            return {"": np.concatenate(table)}
        if form == "q4" and tensor.tensor_type == T.Q4_K:
            return self.q4(name, rank)
        if form == "int8":
            weights = np.concatenate(list(self.weights(name, rank)))
            scales = np.abs(weights).max(axis=1) / np.float32(127)
            with np.errstate(invalid="ignore"):
                values = np.rint(weights / scales[:, None])
            values = np.where(scales[:, None] == 0, 0, values)
            return {"": np.clip(values, -127, 127).astype(np.int8).T, ".scales": scales}
        convert = bf16 if form in ("bf16", "q4") else lambda w: w.astype(np.float16)
        return {"": np.concatenate([convert(part) for part in self.weights(name, rank)]).T}

    def element_of_hole(self, name, form, suffix):
        """What each element of a matrix of zero bytes is. (0 - 32) times 0 of Q6_K is -0."""
        kind = self.tensors[name].tensor_type
        if suffix or form == "int8" or (form == "q4" and kind == T.Q4_K):
            return bytes(1)
        block = np.zeros((1, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        value = gguf.quants.dequantize(block, kind)[0, :1]
        return (value.astype(np.float16) if form == "f16" else bf16(value)).tobytes()

    def q4(self, name, rank):
        """Q4_K's own nibbles, scales and minimums, read from its blocks."""
        rows, columns = self.rows_and_columns(name, rank)
        blocks = self.tensors[name].data[rows].reshape(len(rows), -1, 144)
        d = blocks[:, :, 0:4].copy().view(np.float16).astype(np.float32)
        packed = blocks[:, :, 4:16].astype(np.int32)
        low, high, last = packed[..., 0:4], packed[..., 4:8], packed[..., 8:12]
        scales = np.concatenate([low & 63, (last & 15) | (low >> 6 << 4)], axis=-1)
        minimums = np.concatenate([high & 63, (last >> 4) | (high >> 6 << 4)], axis=-1)
        qs = blocks[:, :, 16:].reshape(*blocks.shape[:2], 4, 1, 32)
        nibbles = np.concatenate([qs & 15, qs >> 4], axis=3)  # 8 sub-blocks of 32
        part = columns[::32] // 32
        nibbles = nibbles.reshape(len(rows), -1, 32)[:, part]
        packed = (nibbles[..., :16] | (nibbles[..., 16:] << 4)).reshape(len(rows), -1)
        scaled = (d[..., 0:1] * scales).reshape(len(rows), -1)[:, part]
        lowered = (d[..., 1:2] * minimums).reshape(len(rows), -1)[:, part]
        return {"": packed.T, ".scales": scaled.T.astype(np.float32),
                ".minimums": lowered.T.astype(np.float32)}

    def bytes_of_rank(self):
        """Of weights in bf16, from the shapes."""
        total = 0
        for name, tensor in self.tensors.items():
            elements = int(np.prod(tensor.shape))
            if name == "rope_freqs.weight":
                continue  # goes into angles
            if tensor.tensor_type == T.F32:
                total += elements * 4
            else:
                total += elements * 2 // (1 if name == "token_embd.weight" else RANKS)
        return total


class Load:
    """One load, and what the fake wrote of it."""

    def __init__(self, directory, model, form, context, layers_per_program=0):
        directory = Path(directory)
        paths = {"IX_LIBNRT": LIBNRT, "IX_NEURONX_CC": NEURONX_CC,
                 "IX_NEURON_CACHE": directory / "cache", "FAKE_NRT_CORES": RANKS,
                 "FAKE_NRT_STORE": "hash", "FAKE_NRT_HASHES": directory / f"hashes-{form}",
                 "FAKE_NRT_DIR": directory / "device", "FAKE_NRT_LOG": directory / f"log-{form}"}
        environment = os.environ | {key: str(value) for key, value in paths.items()}
        done = subprocess.run([LOAD_MODEL, model, str(RANKS), form, str(layers_per_program),
                               str(context)], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.report = json.loads(done.stdout)
        self.log = paths["FAKE_NRT_LOG"].read_text().splitlines()
        self.hashes = {}  # (name, core): (bytes, crc)
        for line in paths["FAKE_NRT_HASHES"].read_text().splitlines():
            name, core, size, crc = line.rsplit(" ", 3)
            self.hashes.setdefault((name, int(core)), []).append((int(size), crc))

    def most_used(self):
        """Bytes of each core."""
        found = [re.fullmatch(r"core \d+ used at most (\d+) bytes", line) for line in self.log]
        return [int(match[1]) for match in found if match]

    def programs(self):
        return sorted({line.split()[1] for line in self.log if line.startswith("loaded ")})


def chosen_tensors(low, high):
    """A dozen matrices: those of layer `low` are Q4_K, attn_v and ffn_down of `high` Q6_K. Norms
    are in the file anyway."""
    return ["token_embd.weight", "output.weight", f"blk.{low}.attn_q.weight",
            f"blk.{high}.attn_q.weight", f"blk.{high}.attn_k.weight", f"blk.{low}.attn_v.weight",
            f"blk.{high}.attn_v.weight", f"blk.{low}.attn_output.weight",
            f"blk.{high}.ffn_gate.weight", f"blk.{low}.ffn_up.weight", f"blk.{low}.ffn_down.weight",
            f"blk.{high}.ffn_down.weight"]


class LoadTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        self.path = Path(temporary.name) / "m.gguf"

    def synth(self, shape, filled, *numbers):
        fills = [word for name in filled for word in ("--fill", name)]
        subprocess.run([IX, "synth", shape, "-o", self.path, "--sparse", *fills, *numbers],
                       check=True, capture_output=True)
        return Model(self.path)

    def check_hashes(self, model, load, form, filled):
        """Every array on every core: chosen ones and vectors by numpy, the others are holes."""
        holes = {}
        expected = {}
        for name, tensor in model.tensors.items():
            if name == "rope_freqs.weight":
                continue
            for core in range(RANKS):
                if name in filled or tensor.tensor_type == T.F32:
                    for suffix, array in model.pieces(name, core, form).items():
                        data = np.ascontiguousarray(array)
                        crc = zlib.crc32(memoryview(data).cast("B"))
                        expected[name + suffix, core] = [(data.nbytes, str(crc))]
                    continue
                for suffix in ("", ".scales", ".minimums"):
                    for size, _ in load.hashes.get((name + suffix, core), []):
                        key = model.element_of_hole(name, form, suffix), size
                        if key not in holes:
                            holes[key] = crc_of_repeated(*key)
                        expected[name + suffix, core] = [(size, str(holes[key]))]
        got = {key: value for key, value in load.hashes.items()
               if key[0].startswith(("blk.", "output", "token_embd"))}
        self.assertEqual(got, expected)
        names = {name for name, _ in got}
        self.assertEqual(names & model.tensors.keys(), model.tensors.keys() - {"rope_freqs.weight"})
        kinds = {model.tensors[name].tensor_type.name for name in filled}
        self.assertEqual(kinds, {"Q4_K", "Q6_K"})
        # A rank's part differs from the other's, but for what both hold whole.
        for name in filled:
            same = got[name, 0] == got[name, 1]
            self.assertEqual(same, name == "token_embd.weight", name)

    def check_memory(self, model, load, context):
        weights = model.bytes_of_rank()
        self.assertEqual(load.report["weight_bytes"], weights)
        heads = model.kv_heads // RANKS
        cache = model.layers * heads * model.head_dim * 2 * 2 * (context + CHUNK)
        self.assertEqual(len(load.most_used()), RANKS)
        for used in load.most_used():
            self.assertLess(used, CORE_BYTES)
            # Inputs, results and programs come on top.
            self.assertGreater(used, MICRO_CODE + weights + cache)
            self.assertLess(used, (MICRO_CODE + weights + cache) * 1.02)
        self.assertLessEqual(load.report["most_anonymous_bytes"], MOST_ANONYMOUS)

    def check_log(self, load):
        self.assertEqual([line for line in load.log if re.match("ERROR|COMPLAINT", line)], [])
        # Two buckets of prefill and decode, the head of a prefill, the best tokens.
        self.assertGreaterEqual(len(load.programs()), 6)


@unittest.skipIf(SHAPES, "a large one is asked for")
class SmallLoad(LoadTest):
    def test_in_every_form(self):
        filled = chosen_tensors(0, 3)
        model = self.synth("llama-3.1-8b", filled, "--layers", "4", "--width", "1024", "--heads",
                           "8", "--kv-heads", "2", "--ffn", "3584", "--vocab", "4000")
        for form in ("bf16", "f16", "int8", "q4"):
            with self.subTest(form=form):
                load = Load(self.directory, self.path, form, 2048)
                self.check_hashes(model, load, form, filled)
                self.check_log(load)
                self.assertLessEqual(load.report["most_anonymous_bytes"], MOST_ANONYMOUS)


@unittest.skipUnless(SHAPES, "no large one is asked for")
class LargeLoad(LoadTest):
    def test_of_a_model_of_real_size(self):
        filled = chosen_tensors(4, 31)
        context = {"llama-3.1-8b": 8192, "llama-2-7b": 4096}[SHAPES[0]]
        model = self.synth(SHAPES[0], filled)
        load = Load(self.directory, self.path, "bf16", context)
        print(json.dumps(load.report | {"most_used": load.most_used(),
                                        "programs": load.programs()}))
        self.check_memory(model, load, context)
        self.check_log(load)
        self.check_hashes(model, load, "bf16", filled)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
