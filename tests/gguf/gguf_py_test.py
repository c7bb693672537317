"""Holds the reader and the writer against gguf-py.

usage: gguf_py_test.py GGUF_TOOL [MODEL...]
Without models: a file of gguf-py with every type of value and several tensor types, single and
split, read by ours, written again by ours (single and split) and read by gguf-py. With models: our
reading of each is gguf-py's.
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

ARCHITECTURE = "llama"
T = gguf.GGMLQuantizationType
V = gguf.GGUFValueType
VALUES = [
    ("v.u8", 255, V.UINT8),
    ("v.i8", -128, V.INT8),
    ("v.u16", 65535, V.UINT16),
    ("v.i16", -32768, V.INT16),
    ("v.u32", 4294967295, V.UINT32),
    ("v.i32", -2147483648, V.INT32),
    ("v.f32", 0.1, V.FLOAT32),
    ("v.yes", True, V.BOOL),
    ("v.no", False, V.BOOL),
    ("v.text", "Grüße, ▁\u0000\n", V.STRING),
    ("v.empty", "", V.STRING),
    ("v.u64", 18446744073709551615, V.UINT64),
    ("v.i64", -9223372036854775808, V.INT64),
    ("v.f64", math.pi, V.FLOAT64),
    ("v.strings", ["a", "", "▁b", "c" * 1000], V.ARRAY),
    ("v.ints", [1, -2, 2147483647], V.ARRAY),
    ("v.floats", [0.5, -0.1, 3e38], V.ARRAY),
    ("v.bools", [True, False, True], V.ARRAY),
]
# Name, type, dims (fastest first).
TENSORS = [
    ("a.weight", T.F32, [3, 5]),
    ("b.weight", T.Q4_K, [512, 2, 3]),
    ("c.weight", T.F16, [7]),
    ("d.weight", T.Q5_0, [32, 1, 2, 2]),
    ("e.weight", T.BF16, [33, 3]),
    ("f.weight", T.I32, [4]),
]


def tensor_bytes(name, qtype, dims):
    block, size = gguf.GGML_QUANT_SIZES[qtype]
    count = math.prod(dims) // block * size
    return np.random.default_rng(sum(name.encode())).integers(0, 256, count, dtype=np.uint8)


def write_with_gguf_py(path, alignment, split_tensors):
    writer = gguf.GGUFWriter(path, ARCHITECTURE, split_max_tensors=split_tensors)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    for key, value, vtype in VALUES:
        writer.add_key_value(key, value, vtype)
    for name, qtype, dims in TENSORS:
        block, size = gguf.GGML_QUANT_SIZES[qtype]
        shape = [*reversed(dims[1:]), dims[0] // block * size]
        writer.add_tensor(name, tensor_bytes(name, qtype, dims).reshape(shape), raw_dtype=qtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def fields_of(reader):
    """{key: (types, value)} without what gguf-py adds for the header, and without split.*."""
    return {
        key: ([int(t) for t in field.types], field.contents())
        for key, field in reader.fields.items()
        if not key.startswith(("GGUF.", "split."))
    }


def same(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, str) and "\ufffd" in b:  # our JSON replaces what is not UTF-8
        return a.encode().decode("utf-8", "replace") == b or "\ufffd" in a
    if isinstance(a, float):
        return a == b or (math.isnan(a) and b is None)
    return a == b


def check(what, condition, *details):
    if not condition:
        raise AssertionError(f"{what}: {' '.join(str(d) for d in details)}")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True)
    check(" ".join(str(part) for part in command), done.returncode == 0, done.stderr.decode())
    return done.stdout


def check_dump(tool, path, readers):
    """Our reading of the model whose parts gguf-py reads as `readers`."""
    ours = json.loads(run(tool, "dump", path))
    check("version", ours["version"] == readers[0].fields["GGUF.version"].contents())
    metadata = {key: value for key, value in ours["metadata"] if not key.startswith("split.")}
    theirs = {key: value for key, (_, value) in fields_of(readers[0]).items()}
    check("keys", list(metadata) == list(theirs), list(metadata), list(theirs))
    for key, value in theirs.items():
        check(key, same(value, metadata[key]), repr(value)[:200], repr(metadata[key])[:200])
    tensors = [tensor for reader in readers for tensor in reader.tensors]
    check("tensors", len(tensors) == len(ours["tensors"]))
    for a, b in zip(tensors, ours["tensors"]):
        dims = [int(d) for d in a.shape] + [1] * (4 - len(a.shape))
        expected = {
            "name": a.name,
            "type": a.tensor_type.name,
            "dims": dims,
            "size": int(a.n_bytes),
        }
        check(a.name, b == expected, b, expected)


def check_copy(original, copies):
    """What gguf-py reads of our copy is what it reads of the original, types included."""
    a, b = fields_of(original[0]), fields_of(copies[0])
    # Ours writes the alignment after the other keys.
    order = [[key for key in fields if key != "general.alignment"] for fields in (a, b)]
    check("keys", order[0] == order[1] and len(a) == len(b), *order)
    for key in a:
        check(key, a[key] == b[key], a[key], b[key])
    check("version", copies[0].fields["GGUF.version"].contents() == 3)
    theirs = [tensor for reader in original for tensor in reader.tensors]
    ours = [tensor for reader in copies for tensor in reader.tensors]
    check("tensors", [t.name for t in theirs] == [t.name for t in ours])
    for x, y in zip(theirs, ours):
        check(x.name, x.tensor_type == y.tensor_type)
        # A view has four dimensions, so ours are written with ones behind.
        dims = [list(x.shape) + [1] * (4 - len(x.shape)), list(y.shape)]
        check(x.name, dims[0] == dims[1], *dims)
        check(x.name, x.data.tobytes() == y.data.tobytes(), "its bytes differ")


def parts_of(directory, name, count):
    return [directory / f"{name}-{i:05}-of-{count:05}.gguf" for i in range(1, count + 1)]


def check_generated(tool):
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for alignment in (32, 64):
            single = directory / "single.gguf"
            write_with_gguf_py(single, alignment, 0)
            reader = [gguf.GGUFReader(single)]
            for name, qtype, dims in TENSORS:
                tensor = next(t for t in reader[0].tensors if t.name == name)
                check(name, tensor.data.tobytes() == tensor_bytes(name, qtype, dims).tobytes())
            check_dump(tool, single, reader)

            copied = directory / "copied.gguf"
            run(tool, "copy", single, copied)
            check_copy(reader, [gguf.GGUFReader(copied)])

            run(tool, "copy", single, directory / "divided.gguf", 4)
            divided = [gguf.GGUFReader(p) for p in parts_of(directory, "divided", 2)]
            check_copy(reader, divided)
            for number, part in enumerate(divided):
                check("split.no", part.fields["split.no"].contents() == number)
                check("split.count", part.fields["split.count"].contents() == 2)
                check("count", part.fields["split.tensors.count"].contents() == len(TENSORS))

        write_with_gguf_py(directory / "split.gguf", 32, 2)
        paths = parts_of(directory, "split", 3)
        # gguf-py rejects no part; ours reads all of them from the first.
        readers = [gguf.GGUFReader(path) for path in paths]
        check_dump(tool, paths[0], readers)
        merged = directory / "merged.gguf"
        run(tool, "copy", paths[0], merged)
        check_copy(readers, [gguf.GGUFReader(merged)])
    print("generated files: read and written the same")


def main():
    tool, *models = sys.argv[1:]
    if not models:
        check_generated(tool)
    for model in models:
        check_dump(tool, model, [gguf.GGUFReader(model)])
        print(f"{model}: read the same")


if __name__ == "__main__":
    main()
