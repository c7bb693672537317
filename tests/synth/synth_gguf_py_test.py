"""Holds the files of ix synth against gguf-py, numpy and llama.cpp's rule, written out by hand.

    synth_gguf_py_test.py IX [MODEL]

With MODEL, a real Gemma 3 270M in Q4_K_M: the synthetic one has the same tensors, types and numbers.
"""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import gguf
import numpy as np

IX, *MODELS = sys.argv[1:]
T = gguf.GGMLQuantizationType

# Layers of 32 in which attn_v and ffn_down are Q6_K: 0-3, 28-31, and of 4, 5, ... every third.
MORE_BITS_OF_32 = {0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31}


def synth(directory, *arguments):
    path = Path(directory) / "m.gguf"
    subprocess.run([IX, "synth", *arguments, "-o", path, "--force"], check=True,
                   capture_output=True)
    return gguf.GGUFReader(path)


SMALL_VOCABULARY = ("--vocab", "1000")  # gguf-py takes seconds for 100,000 tokens


def types_of(reader):
    return {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}


def shapes_of(reader):
    return {tensor.name: [int(d) for d in tensor.shape] for tensor in reader.tensors}


def value(reader, key):
    return reader.fields[key].contents()


def philox(counter, key):
    """Philox4x32-10 of four words and two, after Salmon et al. 2011."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.array(c, dtype="<u4").view(np.uint8)


def draw(seed, name, counter):
    digest = 0xCBF29CE484222325
    for byte in name.encode():
        digest = (digest ^ byte) * 0x100000001B3 & (1 << 64) - 1
    words = [counter & 0xFFFFFFFF, counter >> 32, digest & 0xFFFFFFFF, digest >> 32]
    return philox(words, [seed & 0xFFFFFFFF, seed >> 32])


class SynthTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)

    def synth(self, *arguments):
        return synth(self.temporary.name, *arguments)


@unittest.skipIf(MODELS, "only the real model is asked for")
class Mix(SynthTest):
    """Types per tensor."""

    def check_llama_32_layers(self, reader, extra):
        expected = {"token_embd.weight": "Q4_K", "output_norm.weight": "F32",
                    "output.weight": "Q6_K"} | extra
        for i in range(32):
            high = "Q6_K" if i in MORE_BITS_OF_32 else "Q4_K"
            for name, kind in [("attn_norm", "F32"), ("ffn_norm", "F32"), ("attn_q", "Q4_K"),
                               ("attn_k", "Q4_K"), ("attn_v", high), ("attn_output", "Q4_K"),
                               ("ffn_gate", "Q4_K"), ("ffn_up", "Q4_K"), ("ffn_down", high)]:
                expected[f"blk.{i}.{name}.weight"] = kind
        self.assertEqual(types_of(reader), expected)

    def test_llama_2_7b(self):
        reader = self.synth("llama-2-7b", "--sparse")
        self.check_llama_32_layers(reader, {})
        shapes = shapes_of(reader)
        self.assertEqual(shapes["blk.0.attn_k.weight"], [4096, 4096])
        self.assertEqual(shapes["blk.0.ffn_down.weight"], [11008, 4096])
        self.assertEqual(shapes["output.weight"], [4096, 32000])
        self.assertEqual(value(reader, "llama.attention.head_count_kv"), 32)
        self.assertEqual(value(reader, "general.file_type"), 15)

    def test_llama_3_1_8b(self):
        reader = self.synth("llama-3.1-8b", "--sparse")
        self.check_llama_32_layers(reader, {"rope_freqs.weight": "F32"})
        shapes = shapes_of(reader)
        self.assertEqual(shapes["blk.0.attn_k.weight"], [4096, 1024])
        self.assertEqual(shapes["blk.0.ffn_up.weight"], [4096, 14336])
        self.assertEqual(shapes["token_embd.weight"], [4096, 128256])
        self.assertEqual(shapes["rope_freqs.weight"], [64])
        self.assertEqual(value(reader, "llama.rope.freq_base"), 500000)
        self.assertEqual(len(value(reader, "tokenizer.ggml.tokens")), 128256)
        # transformers' _compute_llama3_parameters.
        inverse = 1 / 500000 ** (np.arange(0, 128, 2) / 128)
        wavelength = 2 * np.pi / inverse
        smooth = (8192 / wavelength - 1) / (4 - 1)
        between = (1 - smooth) * inverse / 8 + smooth * inverse
        slow = np.where(wavelength > 8192, inverse / 8, inverse)
        medium = (wavelength >= 2048) & (wavelength <= 8192)
        expected = inverse / np.where(medium, between, slow)
        factors = next(t for t in reader.tensors if t.name == "rope_freqs.weight").data
        np.testing.assert_allclose(factors, expected, rtol=1e-6)

    def test_70b_has_five_bits_where_eight_heads_share_v(self):
        types = types_of(self.synth("llama-3.1-70b", "--sparse", *SMALL_VOCABULARY))
        self.assertEqual([types[f"blk.{i}.attn_v.weight"] for i in (9, 10, 11, 12, 69, 70)],
                         ["Q6_K", "Q5_K", "Q5_K", "Q6_K", "Q6_K", "Q6_K"])
        self.assertEqual(types["blk.10.ffn_down.weight"], "Q4_K")

    def test_rows_that_256_or_32_do_not_divide(self):
        types = types_of(self.synth("smollm2-135m", "--sparse", *SMALL_VOCABULARY))
        self.assertEqual(types["token_embd.weight"], "Q8_0")  # tied, would be Q6_K
        self.assertEqual(types["blk.5.attn_q.weight"], "Q5_0")
        self.assertEqual(types["blk.5.attn_v.weight"], "Q8_0")  # (5 - 3) % 3 == 2
        self.assertEqual(types["blk.4.attn_v.weight"], "Q5_0")
        self.assertEqual(types["blk.5.ffn_down.weight"], "Q6_K")
        self.assertNotIn("output.weight", types)
        types = types_of(self.synth("tinyllama-1.1b", "--sparse", "--width", "80", "--ffn", "100",
                                    "--heads", "2", "--kv-heads", "1", "--head-dim", "40",
                                    *SMALL_VOCABULARY))
        self.assertEqual(set(types.values()), {"F16", "F32"})

    def test_tensors_of_other_architectures(self):
        types = types_of(self.synth("qwen2.5-7b", "--sparse", "--layers", "1",
                                    *SMALL_VOCABULARY))
        self.assertEqual([types[f"blk.0.attn_{x}.bias"] for x in "qkv"], ["F32"] * 3)
        names = types_of(self.synth("qwen3-0.6b", "--sparse", "--layers", "1",
                                    *SMALL_VOCABULARY))
        self.assertIn("blk.0.attn_q_norm.weight", names)
        self.assertNotIn("blk.0.attn_q.bias", names)


@unittest.skipIf(MODELS, "only the real model is asked for")
class Weights(SynthTest):
    def check_deviation(self, reader, kinds):
        """Weights of mean 0 and deviation 1 / sqrt(columns), by gguf-py's dequantisation."""
        seen = set()
        for tensor in reader.tensors:
            cols = int(tensor.shape[0])
            if tensor.tensor_type == T.F32:
                continue
            seen.add(tensor.tensor_type.name)
            if tensor.tensor_type == T.F16:
                weights = np.array(tensor.data, dtype=np.float32)
            else:
                weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            self.assertTrue(np.isfinite(weights).all())
            relative = weights * np.sqrt(cols)
            # The minimums are the same for 32 weights, so a mean is of few independent ones.
            self.assertLess(abs(relative.mean()), 8 / np.sqrt(weights.size / 32), tensor.name)
            self.assertLess(abs(relative.std() - 1), 0.1, tensor.name)
        self.assertEqual(seen, set(kinds))

    def test_have_the_deviation_of_trained_ones(self):
        small = ["--vocab", "600", "--layers", "3", "--heads", "4", "--kv-heads", "2"]
        self.check_deviation(self.synth("tinyllama-1.1b", *small, "--width", "512", "--ffn", "768",
                                        "--head-dim", "64"), ["Q4_K", "Q6_K"])
        self.check_deviation(self.synth("tinyllama-1.1b", *small, "--width", "288", "--ffn", "160",
                                        "--head-dim", "40"), ["Q5_0", "Q8_0"])
        self.check_deviation(self.synth("tinyllama-1.1b", *small, "--width", "100", "--ffn", "300",
                                        "--head-dim", "50"), ["F16"])
        seventy = ["--vocab", "400", "--heads", "2", "--kv-heads", "1"]
        self.check_deviation(self.synth("llama-3.1-70b", *seventy, "--width", "256", "--ffn", "256",
                                        "--head-dim", "128"), ["Q4_K", "Q5_K", "Q6_K"])
        self.check_deviation(self.synth("llama-3.1-70b", *seventy, "--width", "96", "--ffn", "96",
                                        "--head-dim", "48"), ["Q5_0", "Q5_1", "Q8_0"])

    def test_are_the_generators_on_any_machine(self):
        seed = 2**40 + 5
        reader = self.synth("tinyllama-1.1b", "--vocab", "600", "--layers", "1", "--width", "512",
                            "--ffn", "768", "--heads", "4", "--kv-heads", "2", "--head-dim", "64",
                            "--seed", str(seed))
        tensors = {tensor.name: tensor for tensor in reader.tensors}

        name = "blk.0.attn_q.weight"  # Q4_K, 144 bytes a block: nine draws
        block = 77
        expected = np.concatenate([draw(seed, name, block * 9 + i) for i in range(9)])
        spread = int(expected[0:2].view("<u2")[0]) % 512
        mean = np.float32(1 / np.sqrt(np.float64(512)) / 258.32)
        scale = np.float16(mean * np.float32(0.75 + spread / 1024))
        expected[0:2] = np.array([scale]).view(np.uint8)
        minimum = np.float16(np.float32(7.5) * np.float32(scale))
        expected[2:4] = np.array([minimum]).view(np.uint8)
        got = tensors[name].data.reshape(-1, 144)[block]
        np.testing.assert_array_equal(got, expected)

        name = "blk.0.ffn_norm.weight"
        drawn = int(draw(seed, name, 300)[0:2].view("<u2")[0])
        self.assertEqual(tensors[name].data[300],
                         np.float32(1 + 0.125 * (drawn / 32768 - 1)))

    def test_of_norms_are_near_one_and_of_biases_near_zero(self):
        reader = self.synth("qwen2.5-0.5b", "--sparse", "--layers", "1", *SMALL_VOCABULARY)
        for tensor in reader.tensors:
            if tensor.name.endswith("norm.weight"):
                self.assertLessEqual(abs(tensor.data - 1).max(), 0.125)
                self.assertGreater(tensor.data.std(), 0.05)
            elif tensor.name.endswith(".bias"):
                self.assertLessEqual(abs(tensor.data).max(), 0.125)
                self.assertGreater(tensor.data.std(), 0.05)


@unittest.skipUnless(MODELS, "no model")
class RealModel(SynthTest):
    def test_has_the_same_tensors_and_numbers(self):
        real = gguf.GGUFReader(MODELS[0])
        ours = self.synth("gemma-3-270m", "--sparse", *SMALL_VOCABULARY)
        self.assertEqual(types_of(ours), types_of(real))
        shapes = shapes_of(real)
        self.assertEqual(shapes["token_embd.weight"], [640, 262144])
        self.assertEqual(shapes_of(ours), shapes | {"token_embd.weight": [640, 1000]})
        for key, field in ours.fields.items():
            if re.match(r"gemma3\.|general\.(file_type|architecture|quant)", key):
                self.assertEqual(field.contents(), value(real, key), key)
                self.assertEqual(field.types, real.fields[key].types, key)
        missing = {key for key in real.fields if key.startswith("gemma3.")} - set(ours.fields)
        self.assertEqual(missing, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
