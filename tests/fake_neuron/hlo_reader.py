"""Reads a serialised xla.HloModuleProto without protobuf: the wire format, and the fields the fake
compiler looks at. Field numbers are those of xla/service/hlo.proto and xla/xla_data.proto."""

PRIMITIVE = {
    0: "invalid", 1: "pred", 2: "s8", 3: "s16", 4: "s32", 5: "s64", 6: "u8", 7: "u16", 8: "u32",
    9: "u64", 10: "f16", 11: "f32", 12: "f64", 13: "tuple", 14: "opaque", 15: "c64", 16: "bf16",
    17: "token", 18: "c128", 19: "f8e5m2", 20: "f8e4m3fn", 21: "s4", 22: "u4", 23: "f8e4m3b11fnuz",
    24: "f8e5m2fnuz", 25: "f8e4m3fnuz", 26: "s2", 27: "u2", 28: "f8e4m3", 29: "f8e3m4",
    32: "f4e2m1fn", 33: "f8e8m0fnu",
}
ELEMENT_BYTES = {
    "pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2, "s32": 4, "u32": 4,
    "f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16, "f8e5m2": 1, "f8e4m3fn": 1,
    "f8e4m3": 1, "f8e3m4": 1, "s4": 1, "u4": 1,
}


class MalformedHlo(Exception):
    pass


def fields(data):
    """Yields (number, wire type, value) of a message; sub-messages and strings are memoryviews."""
    data = memoryview(data)
    at, end = 0, len(data)

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= end or shift > 63:
                raise MalformedHlo("a number is cut off")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < end:
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, wire, varint()
            continue
        size = varint() if wire == 2 else {1: 8, 5: 4}.get(wire)
        if size is None or at + size > end:
            raise MalformedHlo(f"field {number} is cut off")
        yield number, wire, data[at:at + size]
        at += size


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def ints(wire, value):
    """The values of one occurrence of a repeated integer field, packed or not."""
    if wire == 0:
        return [signed(value)]
    found, number, shift = [], 0, 0
    for byte in value:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(signed(number))
            number = shift = 0
    return found


def text(value):
    return bytes(value).decode("utf-8", "replace")


class Shape:
    def __init__(self, data):
        self.type, self.dims, self.elements, self.dynamic = "invalid", [], [], False
        self.has_layout = False
        for number, wire, value in fields(data):
            if number == 2:
                self.type = PRIMITIVE.get(value, f"type{value}")
            elif number == 3:
                self.dims += ints(wire, value)
            elif number == 4:
                self.elements.append(Shape(value))
            elif number == 5:
                self.has_layout = True
            elif number == 6:
                self.dynamic = self.dynamic or any(ints(wire, value))

    def leaves(self):
        return [leaf for e in self.elements for leaf in e.leaves()] if self.elements else [self]

    def bytes(self):
        count = ELEMENT_BYTES.get(self.type, 0)
        for extent in self.dims:
            count *= max(extent, 0)
        return count

    def __str__(self):
        if self.type == "tuple":
            return "(" + ", ".join(map(str, self.elements)) + ")"
        return f"{self.type}[{','.join(map(str, self.dims))}]"


class Instruction:
    def __init__(self, data):
        self.name = self.opcode = self.direction = self.target = ""
        self.shape, self.literal_has_layout, self.literal_u64s = None, True, []
        self.id = self.parameter_number = self.tuple_index = self.k = 0
        self.operands, self.called, self.dimensions = [], [], []
        self.attributes, self.backend_config, self.replica_groups = {}, "", 0
        self.index_dims = []  # operand dimensions that a gather's or scatter's indices name
        for number, wire, value in fields(data):
            if number == 1:
                self.name = text(value)
            elif number == 2:
                self.opcode = text(value)
            elif number == 3:
                self.shape = Shape(value)
            elif number == 8:
                self._read_literal(value)
            elif number == 9:
                self.parameter_number = value
            elif number == 13:
                self.tuple_index = value
            elif number == 14:
                self.dimensions += ints(wire, value)
            elif number == 28:
                self.target = text(value)
            elif number in (33, 48):
                for inner, inner_wire, dims in fields(value):
                    if inner == 3:
                        self.index_dims += ints(inner_wire, dims)
            elif number == 35:
                self.id = signed(value)
            elif number == 36:
                self.operands += ints(wire, value)
            elif number == 38:
                self.called += ints(wire, value)
            elif number == 43:
                self.backend_config = text(value)
            elif number == 49:
                self.replica_groups += 1
            elif number == 63:
                self.direction = text(value)
            elif number == 68:
                self.attributes = read_attributes(value)
            elif number == 81:
                self.k = signed(value)
        if self.shape is None:
            raise MalformedHlo(f"instruction {self.name} has no shape")

    def _read_literal(self, data):
        self.literal_has_layout = False
        for number, wire, value in fields(data):
            if number == 1:
                shape = Shape(value)
                self.literal_has_layout = shape.has_layout or bool(shape.elements)
            elif number == 7:
                self.literal_u64s += [v & (2**64 - 1) for v in ints(wire, value)]


def read_attributes(data):
    found = {}
    for number, _, entry in fields(data):
        if number == 1:
            pair = {n: text(v) for n, w, v in fields(entry) if w == 2}
            found[pair.get(1, "")] = pair.get(2, "")
    return found


class Computation:
    def __init__(self, data):
        self.name, self.id, self.root_id, self.instructions = "", 0, 0, []
        for number, _, value in fields(data):
            if number == 1:
                self.name = text(value)
            elif number == 2:
                self.instructions.append(Instruction(value))
            elif number == 5:
                self.id = signed(value)
            elif number == 6:
                self.root_id = signed(value)
        self.by_id = {i.id: i for i in self.instructions}

    def root(self):
        if self.root_id not in self.by_id:
            raise MalformedHlo(f"computation {self.name} has no root")
        return self.by_id[self.root_id]

    def operand(self, instruction, index):
        if index >= len(instruction.operands) or instruction.operands[index] not in self.by_id:
            raise MalformedHlo(f"instruction {instruction.name} lacks operand {index}")
        return self.by_id[instruction.operands[index]]

    def parameters(self):
        return sorted((i for i in self.instructions if i.opcode == "parameter"),
                      key=lambda i: i.parameter_number)


class Module:
    def __init__(self, data):
        self.name, self.computations, self.aliases = "", [], []
        entry_id, self.has_program_shape = 0, False
        for number, _, value in fields(data):
            if number == 1:
                self.name = text(value)
            elif number == 3:
                self.computations.append(Computation(value))
            elif number == 4:
                self.has_program_shape = True
            elif number == 6:
                entry_id = signed(value)
            elif number == 8:
                self.aliases += [read_alias(v) for n, _, v in fields(value) if n == 1]
        self.by_id = {c.id: c for c in self.computations}
        if entry_id not in self.by_id:
            raise MalformedHlo("there is no entry computation")
        self.entry = self.by_id[entry_id]

    def called(self, instruction):
        return [self.by_id[c] for c in instruction.called if c in self.by_id]


def read_alias(data):
    output, parameter = [], 0
    for number, wire, value in fields(data):
        if number == 1:
            output += ints(wire, value)
        elif number == 2:
            parameter = value
    return {"output": output[0] if output else 0, "parameter": parameter}
