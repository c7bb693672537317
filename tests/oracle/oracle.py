#!/usr/bin/env python3
"""Logits of a GGUF model in plain numpy: the oracle that graphs and backends are held against.

Written from the definitions of the architectures, without a look at the graph. Weights are
dequantised by gguf-py. `dtype` is the type of matrix products; sums of norms and softmax are always
float64.

    oracle.py MODEL.gguf --tokens 1,2,3 [--context N] [--dtype float64] [--out logits.npy]
"""

import argparse
import math

import gguf
import numpy as np

GEMMA = ("gemma2", "gemma3")
ARCHITECTURES = ("llama", "qwen2", "qwen3", "phi3") + GEMMA


class Oracle:
    """One model. context: the context that will be used; 0 is the model's own."""

    def __init__(self, path, context=0, dtype=np.float32):
        reader = gguf.GGUFReader(path)
        self.meta = {
            key: field.contents()
            for key, field in reader.fields.items()
            if not key.startswith("tokenizer.")
        }
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.dtype = dtype
        self.arch = self.meta["general.architecture"]
        if self.arch not in ARCHITECTURES:
            raise ValueError(f"unknown architecture {self.arch}")

        self.layers = self.key("block_count")
        self.width = self.key("embedding_length")
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv", self.heads)
        self.head_dim = self.key("attention.key_length", self.width // self.heads)
        self.value_dim = self.key("attention.value_length", self.width // self.heads)
        self.rotary = self.key("rope.dimension_count", self.head_dim)
        self.eps = self.key("attention.layer_norm_rms_epsilon")
        self.context = context or self.key("context_length")
        self.weights = {}

    def key(self, name, default=None):
        value = self.meta.get(f"{self.arch}.{name}", default)
        if value is None:
            raise KeyError(f"{self.arch}.{name}")
        return value

    def has(self, name):
        return name in self.tensors

    def weight(self, name):
        """[rows, cols] or [cols]."""
        if name not in self.weights:
            tensor = self.tensors[name]
            dense = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            self.weights[name] = dense.astype(self.dtype, copy=False)
        return self.weights[name]

    def linear(self, x, name):
        """x [n, in] -> [n, out]."""
        y = x @ self.weight(f"{name}.weight").T
        if self.has(f"{name}.bias"):
            y = y + self.weight(f"{name}.bias")
        return y

    def norm(self, x, name):
        """RMS norm over the last axis."""
        wide = x.astype(np.float64)
        scale = 1.0 / np.sqrt((wide * wide).mean(axis=-1, keepdims=True) + self.eps)
        return (wide * scale * self.weight(f"{name}.weight")).astype(self.dtype)

    # Which layers see how far, and how they turn.

    def window(self, layer):
        """Positions a layer sees; 0 for all."""
        if self.arch not in GEMMA:
            return 0
        window = self.key("attention.sliding_window", 4096 if self.arch == "gemma2" else 0)
        every = 2 if self.arch == "gemma2" else 6  # the last of every so many layers is global
        every = self.meta.get(f"{self.arch}.attention.sliding_window_pattern", every)
        if isinstance(every, list):
            return window if every[layer] else 0
        return window if layer % every != every - 1 else 0

    def frequencies(self, layer):
        """(radians a position for each pair, factor of sine and cosine)."""
        local = self.arch == "gemma3" and self.window(layer) > 0
        base = self.key("rope.freq_base", 10000.0)
        if local:
            base = self.key("rope.freq_base_swa", 10000.0)
        pair = np.arange(self.rotary // 2, dtype=np.float64)
        frequency = base ** (-2.0 * pair / self.rotary)
        kind = self.key("rope.scaling.type", "linear")
        factor = 1.0 if local else self.key("rope.scaling.factor", 1.0)
        magnitude = self.key("rope.scaling.attn_factor", 1.0)

        if self.has("rope_freqs.weight"):
            frequency = frequency / self.weight("rope_freqs.weight").astype(np.float64)
        if self.has("rope_factors_long.weight"):
            original = self.key("rope.scaling.original_context_length", self.key("context_length"))
            form = "long" if self.context > original else "short"
            frequency = frequency / self.weight(f"rope_factors_{form}.weight").astype(np.float64)

        if kind in ("linear", "longrope"):
            return frequency / factor, magnitude
        if kind == "yarn":
            # Peng et al., "YaRN", section 3.2 and 3.4.
            original = self.key("rope.scaling.original_context_length")

            def pair_that_turns(times):
                return (
                    self.rotary
                    * math.log(original / (times * 2 * math.pi))
                    / (2 * math.log(base))
                )

            low = max(math.floor(pair_that_turns(self.key("rope.scaling.yarn_beta_fast", 32.0))), 0)
            high = min(
                math.ceil(pair_that_turns(self.key("rope.scaling.yarn_beta_slow", 1.0))),
                self.rotary - 1,
            )
            interpolated = np.clip((pair - low) / max(high - low, 0.001), 0.0, 1.0)
            frequency = frequency * (1 - interpolated) + frequency / factor * interpolated
            return frequency, magnitude * (1 + 0.1 * math.log(factor))
        if kind == "none":
            return frequency, magnitude
        raise ValueError(f"rope scaling {kind}")

    def rotate(self, x, layer):
        """x [n, heads, head_dim], the row is the position."""
        frequency, magnitude = self.frequencies(layer)
        angle = np.arange(len(x), dtype=np.float64)[:, None, None] * frequency
        cos = (np.cos(angle) * magnitude).astype(self.dtype)
        sin = (np.sin(angle) * magnitude).astype(self.dtype)
        out = x.copy()
        if self.arch == "llama":  # the converter has put the two halves of a head side by side
            first, second = x[..., 0 : self.rotary : 2], x[..., 1 : self.rotary : 2]
            out[..., 0 : self.rotary : 2] = first * cos - second * sin
            out[..., 1 : self.rotary : 2] = first * sin + second * cos
        else:
            half = self.rotary // 2
            first, second = x[..., :half], x[..., half : self.rotary]
            out[..., :half] = first * cos - second * sin
            out[..., half : self.rotary] = first * sin + second * cos
        return out

    # The layers.

    def attention(self, x, layer):
        n = len(x)
        prefix = f"blk.{layer}"
        q_width = self.heads * self.head_dim
        k_width = self.kv_heads * self.head_dim
        if self.has(f"{prefix}.attn_qkv.weight"):
            qkv = self.linear(x, f"{prefix}.attn_qkv")
            q, k, v = np.split(qkv, [q_width, q_width + k_width], axis=1)
        else:
            q, k, v = (self.linear(x, f"{prefix}.attn_{name}") for name in "qkv")
        q = q.reshape(n, self.heads, self.head_dim)
        k = k.reshape(n, self.kv_heads, self.head_dim)
        v = v.reshape(n, self.kv_heads, self.value_dim)
        if self.arch in ("qwen3", "gemma3"):
            q = self.norm(q, f"{prefix}.attn_q_norm")
            k = self.norm(k, f"{prefix}.attn_k_norm")
        q, k = self.rotate(q, layer), self.rotate(k, layer)

        scale = 1.0 / math.sqrt(self.head_dim)
        if (self.arch, self.layers) in (("gemma2", 46), ("gemma3", 62)):  # the two 27B models
            scale = 1.0 / math.sqrt(self.width // self.heads)
        cap = self.key("attn_logit_softcapping", 50.0) if self.arch == "gemma2" else 0.0

        row, col = np.arange(n)[:, None], np.arange(n)[None, :]
        visible = col <= row
        if self.window(layer):
            visible &= row - col < self.window(layer)

        out = np.empty((n, self.heads, self.value_dim), dtype=self.dtype)
        for head in range(self.heads):
            kv_head = head * self.kv_heads // self.heads
            scores = (q[:, head] @ k[:, kv_head].T).astype(np.float64) * scale
            if cap:
                scores = cap * np.tanh(scores / cap)
            scores = np.where(visible, scores, -np.inf)
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
            out[:, head] = scores.astype(self.dtype) @ v[:, kv_head]
        return self.linear(out.reshape(n, -1), f"{prefix}.attn_output")

    def feed_forward(self, x, layer):
        prefix = f"blk.{layer}"
        if self.has(f"{prefix}.ffn_gate.weight"):
            gate, up = self.linear(x, f"{prefix}.ffn_gate"), self.linear(x, f"{prefix}.ffn_up")
        else:  # phi3: gate first, then up
            gate, up = np.split(self.linear(x, f"{prefix}.ffn_up"), 2, axis=1)
        gate = gate.astype(np.float64)
        if self.arch in GEMMA:  # GELU, the tanh form
            inner = math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)
            gate = 0.5 * gate * (1 + np.tanh(inner))
        else:
            with np.errstate(over="ignore"):
                gate = gate / (1 + np.exp(-gate))
        return self.linear((gate * up).astype(self.dtype), f"{prefix}.ffn_down")

    def logits(self, tokens):
        """tokens: ids at positions 0, 1, ... -> [len(tokens), vocab]."""
        x = self.weight("token_embd.weight")[np.asarray(tokens)]
        if self.arch in GEMMA:
            x = (x * math.sqrt(self.width)).astype(self.dtype)
        for layer in range(self.layers):
            prefix = f"blk.{layer}"
            y = self.attention(self.norm(x, f"{prefix}.attn_norm"), layer)
            if self.arch in GEMMA:
                y = self.norm(y, f"{prefix}.post_attention_norm")
            x = x + y
            y = self.feed_forward(self.norm(x, f"{prefix}.ffn_norm"), layer)
            if self.arch in GEMMA:
                y = self.norm(y, f"{prefix}.post_ffw_norm")
            x = x + y
        x = self.norm(x, "output_norm")
        y = x @ self.weight(f"{'output' if self.has('output.weight') else 'token_embd'}.weight").T
        if self.has("output.bias"):
            y = y + self.weight("output.bias")
        default = 30.0 if self.arch == "gemma2" else 0.0
        cap = self.key("final_logit_softcapping", default) if self.arch in GEMMA else 0.0
        return cap * np.tanh(y / cap) if cap else y


def log_softmax(logits):
    wide = logits.astype(np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tokens", required=True, help="token ids, separated by commas")
    parser.add_argument("--context", type=int, default=0, help="context in use; 0: the model's own")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--out", help="write the logits [tokens, vocab] to this .npy file")
    args = parser.parse_args()

    oracle = Oracle(args.model, args.context, np.dtype(args.dtype).type)
    logits = oracle.logits([int(token) for token in args.tokens.split(",")])
    if args.out:
        np.save(args.out, logits.astype(np.float32))
    last = log_softmax(logits[-1])
    for token in np.argsort(-last, kind="stable")[:10]:
        print(f"{token}\t{last[token]:.5f}")


if __name__ == "__main__":
    main()
