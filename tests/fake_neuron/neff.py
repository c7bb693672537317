"""Writes a file with NEFF's header; its payload is the fake's own."""
import hashlib
import io
import json
import os
import struct
import tarfile
import uuid

HEADER_BYTES = 1024


def signature(module, target):
    """Names, types and sizes of the entry computation's inputs and outputs, and aliases."""
    by_position = os.environ.get("FAKE_NEURONX_CC_NAMES") == "position"
    entry = module.entry
    root = entry.root()
    outputs = root.shape.elements if root.shape.type == "tuple" else [root.shape]
    names = [n for n in root.attributes.get("neff_output_names", "").split(",") if n]
    if by_position or len(names) != len(outputs):
        names = [f"output{i}" for i in range(len(outputs))]

    def tensor(name, shape):
        return {"name": name, "type": shape.type, "dims": shape.dims, "bytes": shape.bytes()}

    def input_name(parameter):
        position = f"input{parameter.parameter_number}"
        return position if by_position else parameter.attributes.get("neff_input_names", position)

    return {
        "module": module.name,
        "target": target,
        "inputs": [tensor(input_name(p), p.shape) for p in entry.parameters()],
        "outputs": [tensor(name, shape) for name, shape in zip(names, outputs)],
        "aliases": module.aliases,
        "collectives": any(i.opcode in ("all-reduce", "all-gather", "reduce-scatter", "all-to-all",
                                        "collective-permute")
                           for c in module.computations for i in c.instructions),
        "replica_groups": max((i.replica_groups for c in module.computations
                               for i in c.instructions), default=0),
    }


def payload(files, compressed):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz" if compressed else "w",
                      format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def header(body, name, version):
    """Layout: offsets of AWS's page on NEFF files."""
    head = bytearray(HEADER_BYTES)
    struct.pack_into("<5Q", head, 0, 1, HEADER_BYTES, len(body), 2, 0)
    struct.pack_into("128s", head, 40, version.encode())
    struct.pack_into("<I", head, 168, 1)
    head[172:204] = hashlib.sha256(body).digest()
    head[204:220] = uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(body).hexdigest()).bytes
    struct.pack_into("255s", head, 220, name.encode())
    struct.pack_into("<I", head, 476, 1)
    struct.pack_into("<Q", head, 544, 0)
    struct.pack_into("<I", head, 552, 1)
    return bytes(head)


def build(module, hlo, target, version, compressed):
    files = {
        "info.json": json.dumps({"name": module.name, "compiler": version}).encode(),
        "signature.json": json.dumps(signature(module, target)).encode(),
        "module.pb": hlo,
    }
    body = payload(files, compressed)
    return header(body, module.name, version) + body
