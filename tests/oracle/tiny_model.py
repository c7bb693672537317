#!/usr/bin/env python3
"""Writes tiny random GGUF models of every architecture, and what the oracle says about them.

    tiny_model.py DIRECTORY

DIRECTORY gets NAME.gguf for every model, CASE.logits (float32 [tokens, vocab]) for every case and
cases.txt with a line a case: `case model f32|mixed context vocab token token ...`. The same bytes
at every run; tests/support/tiny_models.h reads them.
"""

import dataclasses
import pathlib
import sys
import zlib

import gguf
import numpy as np

import oracle

F32 = gguf.GGMLQuantizationType.F32
F16 = gguf.GGMLQuantizationType.F16
BF16 = gguf.GGMLQuantizationType.BF16
Q4_0 = gguf.GGMLQuantizationType.Q4_0
Q4_1 = gguf.GGMLQuantizationType.Q4_1
Q5_0 = gguf.GGMLQuantizationType.Q5_0
Q5_1 = gguf.GGMLQuantizationType.Q5_1
Q8_0 = gguf.GGMLQuantizationType.Q8_0
Q2_K = gguf.GGMLQuantizationType.Q2_K
Q3_K = gguf.GGMLQuantizationType.Q3_K
Q4_K = gguf.GGMLQuantizationType.Q4_K
Q5_K = gguf.GGMLQuantizationType.Q5_K
Q6_K = gguf.GGMLQuantizationType.Q6_K
IQ4_NL = gguf.GGMLQuantizationType.IQ4_NL
IQ4_XS = gguf.GGMLQuantizationType.IQ4_XS

TOKENS = 40  # positions of a case
WINDOW = 8  # so that most of them are past it

# Types that gguf-py cannot write: offset of the f16 scale in a block, and for types with mins the
# offset of theirs and the mean of scale * q over mean of min, which makes the weights' mean zero.
RANDOM_BLOCKS = {
    Q2_K: (80, 82, 1.5),
    Q3_K: (108, None, 0.0),
    Q4_K: (0, 2, 7.5),
    Q5_K: (0, 2, 15.5),
    Q6_K: (208, None, 0.0),
    IQ4_NL: (0, None, 0.0),
    IQ4_XS: (0, None, 0.0),
}


@dataclasses.dataclass
class Tiny:
    """One model. types: role -> type, or a list of types that layers take in turn."""

    name: str
    arch: str
    width: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 0  # 0: width / heads, and the file does not say it
    rotary: int = 0  # 0: the head, and the file does not say it
    ffn: int = 160
    tied: bool = False
    qkv_bias: bool = False
    all_bias: bool = False
    head_bias: bool = False
    factors: tuple = ()  # names of rope factor tensors
    types: dict = dataclasses.field(default_factory=dict)
    meta: dict = dataclasses.field(default_factory=dict)
    contexts: dict = dataclasses.field(default_factory=lambda: {"": 0})  # case suffix -> context

    def head_width(self):
        return self.head_dim or self.width // self.heads

    def type_of(self, role, layer=0):
        kind = self.types.get(role, self.types.get("rest", F32))
        return kind[layer % len(kind)] if isinstance(kind, list) else kind


Q4_K_M = {"rest": Q4_K, "v": [Q6_K, Q4_K], "down": [Q4_K, Q6_K], "embd": Q6_K, "head": Q6_K}
Q4_K_M_ODD = {  # Q4_K_M where rows are no multiple of 256
    "rest": Q5_0, "v": [Q8_0, Q5_0], "down": [Q6_K, Q4_K], "embd": Q8_0, "head": Q8_0,
}  # fmt: skip
SOFT_CAPS = {"attn_logit_softcapping": 6.0, "final_logit_softcapping": 10.0}

MODELS = [
    Tiny("llama-f32", "llama"),
    Tiny("llama-linear-f32", "llama", kv_heads=1,
         meta={"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    Tiny("llama-yarn-f32", "llama", width=128, rotary=32,
         meta={"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
               "rope.scaling.original_context_length": 256}),
    Tiny("llama-bias-f16", "llama", kv_heads=4, all_bias=True,
         types={"rest": F16, "v": BF16, "down": BF16, "embd": F16}),
    Tiny("llama-q4km", "llama", width=256, layers=3, ffn=512, tied=True, factors=("rope_freqs",),
         types=Q4_K_M),
    Tiny("llama-types", "llama", width=256, layers=4, ffn=256,
         types={"embd": Q5_1, "head": Q3_K, "q": [Q4_0, Q4_1, Q5_0, Q5_1],
                "k": [Q8_0, Q2_K, Q3_K, Q5_K], "v": [Q4_K, Q6_K, IQ4_NL, IQ4_XS],
                "output": [BF16, F16, F32, Q8_0], "gate": [Q2_K, IQ4_XS, Q4_1, Q4_K],
                "up": [Q5_K, Q5_1, Q6_K, Q4_0], "down": [Q3_K, Q5_0, Q2_K, IQ4_NL]}),
    Tiny("qwen2-f32", "qwen2", qkv_bias=True, head_bias=True),
    Tiny("qwen2-q5q8", "qwen2", width=96, heads=6, ffn=256, tied=True, qkv_bias=True,
         head_bias=True, types=Q4_K_M_ODD),
    Tiny("qwen3-f32", "qwen3", head_dim=32, tied=True),
    Tiny("qwen3-q4km", "qwen3", width=256, head_dim=128, ffn=256, types=Q4_K_M),
    Tiny("gemma2-f32", "gemma2", layers=4, head_dim=32, tied=True,
         meta={"attention.sliding_window": WINDOW} | SOFT_CAPS),
    Tiny("gemma2-q4km", "gemma2", width=256, layers=3, head_dim=64, ffn=256, tied=True,
         types=Q4_K_M, meta={"attention.sliding_window": WINDOW} | SOFT_CAPS),
    Tiny("gemma3-f32", "gemma3", layers=7, head_dim=32, kv_heads=1, tied=True,
         meta={"attention.sliding_window": WINDOW, "rope.freq_base": 1e6,
               "rope.scaling.type": "linear", "rope.scaling.factor": 8.0}),
    Tiny("gemma3-q5q8", "gemma3", width=160, layers=7, head_dim=32, ffn=256, tied=True,
         types=Q4_K_M_ODD, meta={"attention.sliding_window": WINDOW, "rope.freq_base": 1e6}),
    Tiny("phi3-f32", "phi3", rotary=12, factors=("rope_factors_long", "rope_factors_short"),
         meta={"rope.scaling.original_context_length": 64, "rope.scaling.attn_factor": 1.25},
         contexts={"": 0, "-short": 64}),
    Tiny("phi3-q4km", "phi3", width=256, ffn=256, kv_heads=4,
         types=Q4_K_M | {"qkv": Q5_K}, meta={"attention.sliding_window": 2047}),
]  # fmt: skip


def vocabulary():
    """A SentencePiece vocabulary with byte fallback: (text, score, type) a token, 320 in all."""
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    letters = ["\u2581"] + [chr(code) for code in range(ord("a"), ord("z") + 1)]
    merges = "\u2581t he in er \u2581a th \u2581the an re on \u2581s ll lo \u2581w or ld wor"
    merges += " \u2581he \u2581hello hel \u2581world world"
    words = [word for word in merges.split(" ")]
    words += ["hell", "\u2581an", "\u2581and", "and", "is", "\u2581is", "es", "ed", "ing", "ou"]
    order = words + letters
    pieces += [(text, -float(rank), 1) for rank, text in enumerate(order)]
    assert len({piece[0] for piece in pieces}) == len(pieces)
    assert len(pieces) < 320
    pieces += [(f"<unused{i}>", 0.0, 5) for i in range(319 - len(pieces))]
    pieces += [("<|endoftext|>", 0.0, 3)]  # llama.cpp does not load phi3 without it
    return pieces


class Writer:
    """Writes one model; every tensor is drawn from the model's own generator."""

    def __init__(self, tiny, path):
        self.tiny = tiny
        self.random = np.random.default_rng(zlib.crc32(tiny.name.encode()))
        self.out = gguf.GGUFWriter(path, tiny.arch)

    def meta(self, key, value):
        key = f"{self.tiny.arch}.{key}"
        if isinstance(value, str):
            self.out.add_string(key, value)
        elif isinstance(value, float):
            self.out.add_float32(key, value)
        else:
            self.out.add_uint32(key, value)

    def vector(self, name, size, mean=0.0, deviation=0.1):
        values = mean + deviation * self.random.standard_normal(size)
        self.out.add_tensor(name, values.astype(np.float32))

    def matrix(self, name, kind, rows, cols, gain=1.0):
        """Weights of standard deviation gain / sqrt(cols): outputs as large as inputs x gain."""
        deviation = gain / np.sqrt(cols)
        if kind in RANDOM_BLOCKS:
            data = self.random_blocks(kind, rows, cols, deviation)
        else:
            dense = (deviation * self.random.standard_normal((rows, cols))).astype(np.float32)
            data = gguf.quants.quantize(dense, kind)
        self.out.add_tensor(name, data, raw_dtype=kind)

    def random_blocks(self, kind, rows, cols, deviation):
        """Random bits in every field but the block scales, which make the deviation right."""
        scale_at, min_at, min_ratio = RANDOM_BLOCKS[kind]
        weights, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = self.random.integers(0, 256, (rows * cols // weights, size), dtype=np.uint8)

        def set_scales(scale):
            half = np.asarray(scale, dtype=np.float16).reshape(-1, 1)
            blocks[:, scale_at : scale_at + 2] = half.view(np.uint8)
            if min_at is not None:
                half = (half.astype(np.float32) * min_ratio).astype(np.float16)
                blocks[:, min_at : min_at + 2] = half.view(np.uint8)

        set_scales(np.ones(len(blocks)))
        unit = gguf.quants.dequantize(blocks.reshape(rows, -1), kind).std()
        set_scales(deviation / unit * self.random.uniform(0.6, 1.4, len(blocks)))
        return blocks.reshape(rows, -1)

    def write(self):
        self.write_metadata()
        self.write_tokenizer()
        self.write_tensors()
        self.out.write_header_to_file()
        self.out.write_kv_data_to_file()
        self.out.write_tensors_to_file()
        self.out.close()

    def write_metadata(self):
        tiny = self.tiny
        self.out.add_name(f"tiny {tiny.name}")
        self.meta("context_length", 1024)
        self.meta("embedding_length", tiny.width)
        self.meta("block_count", tiny.layers)
        self.meta("feed_forward_length", tiny.ffn)
        self.meta("attention.head_count", tiny.heads)
        self.meta("attention.head_count_kv", tiny.kv_heads)
        self.meta("attention.layer_norm_rms_epsilon", 1e-3)  # large enough to be seen
        if tiny.head_dim:
            self.meta("attention.key_length", tiny.head_dim)
            self.meta("attention.value_length", tiny.head_dim)
        if tiny.rotary:
            self.meta("rope.dimension_count", tiny.rotary)
        for key, value in tiny.meta.items():
            self.meta(key, value)

    def write_tokenizer(self):
        pieces = vocabulary()
        self.out.add_tokenizer_model("llama")
        self.out.add_tokenizer_pre("default")
        self.out.add_token_list([text for text, _, _ in pieces])
        self.out.add_token_scores([score for _, score, _ in pieces])
        self.out.add_token_types([kind for _, _, kind in pieces])
        self.out.add_unk_token_id(0)
        self.out.add_bos_token_id(1)
        self.out.add_eos_token_id(2)
        self.out.add_add_bos_token(True)
        self.out.add_add_space_prefix(True)
        self.out.add_chat_template(
            "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n"
            "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
        )

    def write_tensors(self):
        tiny = self.tiny
        vocab = len(vocabulary())
        # A gain of 4 spreads the logits so that a wrong cap or scale cannot hide.
        self.matrix("token_embd.weight", tiny.type_of("embd"), vocab, tiny.width, 4.0)
        self.vector("output_norm.weight", tiny.width, 1.0)
        if not tiny.tied:
            self.matrix("output.weight", tiny.type_of("head"), vocab, tiny.width, 4.0)
        if tiny.head_bias:
            self.vector("output.bias", vocab)
        pairs = (tiny.rotary or tiny.head_width()) // 2
        for name in tiny.factors:
            factors = self.random.uniform(1.0, 8.0, pairs).astype(np.float32)
            self.out.add_tensor(f"{name}.weight", factors)
        for layer in range(tiny.layers):
            self.write_layer(layer)

    def write_layer(self, layer):
        tiny = self.tiny
        prefix = f"blk.{layer}"
        gemma = tiny.arch in oracle.GEMMA
        q_width = tiny.heads * tiny.head_width()
        kv_width = tiny.kv_heads * tiny.head_width()

        def linear(role, name, rows, cols, bias, gain=1.0):
            kind = tiny.type_of(role, layer)
            self.matrix(f"{prefix}.{name}.weight", kind, rows, cols, gain)
            if bias:
                self.vector(f"{prefix}.{name}.bias", rows)

        def norm(name, size):
            self.vector(f"{prefix}.{name}.weight", size, 1.0)

        norm("attn_norm", tiny.width)
        bias = tiny.qkv_bias or tiny.all_bias
        if tiny.arch == "phi3":
            linear("qkv", "attn_qkv", q_width + 2 * kv_width, tiny.width, bias, 1.5)
        else:
            linear("q", "attn_q", q_width, tiny.width, bias, 1.5)
            linear("k", "attn_k", kv_width, tiny.width, bias, 1.5)
            linear("v", "attn_v", kv_width, tiny.width, bias)
        if tiny.arch in ("qwen3", "gemma3"):
            norm("attn_q_norm", tiny.head_width())
            norm("attn_k_norm", tiny.head_width())
        linear("output", "attn_output", tiny.width, q_width, tiny.all_bias)
        if gemma:
            norm("post_attention_norm", tiny.width)
        norm("ffn_norm", tiny.width)
        if tiny.arch == "phi3":
            linear("up", "ffn_up", 2 * tiny.ffn, tiny.width, tiny.all_bias)
        else:
            linear("gate", "ffn_gate", tiny.ffn, tiny.width, tiny.all_bias)
            linear("up", "ffn_up", tiny.ffn, tiny.width, tiny.all_bias)
        linear("down", "ffn_down", tiny.width, tiny.ffn, tiny.all_bias)
        if gemma:
            norm("post_ffw_norm", tiny.width)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    cases = []
    for tiny in MODELS:
        path = directory / f"{tiny.name}.gguf"
        Writer(tiny, path).write()
        random = np.random.default_rng(zlib.crc32(f"tokens of {tiny.name}".encode()))
        tokens = [1] + random.integers(3, 300, TOKENS - 1).tolist()
        kinds = {tensor.tensor_type for tensor in gguf.GGUFReader(path).tensors}
        kind = "f32" if kinds == {F32} else "mixed"
        for suffix, context in tiny.contexts.items():
            logits = oracle.Oracle(path, context, np.float64).logits(tokens).astype("<f4")
            assert np.isfinite(logits).all()
            case = tiny.name + suffix
            logits.tofile(directory / f"{case}.logits")
            ids = " ".join(map(str, tokens))
            cases.append(f"{case} {tiny.name} {kind} {context} {logits.shape[1]} {ids}\n")
    (directory / "cases.txt").write_text("".join(cases))


if __name__ == "__main__":
    main()
