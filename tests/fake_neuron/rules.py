"""Applies refused.json to a module."""
import json
from pathlib import Path

from hlo_reader import MalformedHlo

DATA = json.loads((Path(__file__).resolve().parent / "refused.json").read_text())
LIMITS = DATA["limits"]


class Place:
    """An instruction where it stands."""

    def __init__(self, module, computation, instruction):
        self.module, self.computation, self.instruction = module, computation, instruction

    def operand(self, index):
        return self.computation.operand(self.instruction, index)

    def operand_types(self):
        return [leaf.type for i in range(len(self.instruction.operands))
                for leaf in self.operand(i).shape.leaves()]


def dynamic_shape(place):
    return any(s.dynamic or any(d < 0 for d in s.dims) for s in place.instruction.shape.leaves())


def wide_u64_constant(place):
    return any(v >= 1 << 32 for v in place.instruction.literal_u64s)


def trip_count_unknown(place):
    """Known = the condition compares an element of the state with a constant."""
    called = place.module.called(place.instruction)
    if len(called) != 2:
        return True
    condition = called[1]
    root = condition.root()
    if root.opcode != "compare":
        return True
    sides = {condition.operand(root, i).opcode for i in range(2)}
    return not ("constant" in sides and sides & {"get-tuple-element", "parameter"})


def several_inputs(place):
    return len(place.instruction.operands) != 2


def comparator_not_an_order(place):
    roots = [c.root() for c in place.module.called(place.instruction)]
    return not roots or any(r.opcode != "compare" or r.direction not in ("LE", "GE", "LT", "GT")
                            for r in roots)


def is_topk_call(place):
    return place.instruction.target in ("AwsNeuronTopK", "TopK")


def topk_too_large(place):
    instruction = place.instruction
    if instruction.opcode == "topk":
        return instruction.k > LIMITS["topk"]
    if not is_topk_call(place):
        return False
    config = instruction.backend_config.strip()
    return not config.isdigit() or int(config) > LIMITS["topk"]


def topk_not_on_last_axis(place):
    dims = place.instruction.dimensions
    return bool(dims) and dims != [len(place.operand(0).shape.dims) - 1]


def sorted_extent_too_large(place):
    dims = place.operand(0).shape.dims
    return any(dims[d] > LIMITS["sorted_extent"] for d in place.instruction.dimensions)


def unknown_target(place):
    return place.instruction.target not in DATA["custom_call_targets"]


def combines(place):
    """The update computation does more than give parameter 1, or a copy of it."""
    for computation in place.module.called(place.instruction):
        value = computation.root()
        while value.opcode == "copy":
            value = computation.operand(value, 0)
        if value.opcode != "parameter" or value.parameter_number != 1:
            return True
    return False


def iota_out_of_bounds(place):
    indices = place.operand(1)
    while indices.opcode in ("reshape", "convert", "copy", "broadcast"):
        indices = place.computation.operand(indices, 0)
    if indices.opcode != "iota" or not place.instruction.index_dims:
        return False
    length = indices.shape.dims[indices.dimensions[0] if indices.dimensions else 0]
    return length > place.operand(0).shape.dims[place.instruction.index_dims[0]]


def parameter_is_output(place):
    entry, instruction = place.module.entry, place.instruction
    if place.computation is not entry or instruction.opcode != "parameter":
        return False
    root = entry.root()
    return root is instruction or (root.opcode == "tuple" and instruction.id in root.operands)


def literal_without_layout(place):
    return place.instruction.opcode == "constant" and not place.instruction.literal_has_layout


def operand_missing(place):
    return any(o not in place.computation.by_id for o in place.instruction.operands)


def operands_differ_in_shape(place):
    if len(place.instruction.operands) != 2:
        return True
    a, b = place.operand(0).shape, place.operand(1).shape
    return a.dims != b.dims or a.type != b.type


CHECKS = {name: globals()[name] for rule in DATA["rules"] for name in rule.get("checks", [])}


def matching_type(place, rule):
    """A type that the rule names, or None. True where it names none."""
    types = rule.get("types")
    if types is None:
        return True
    results = [leaf.type for leaf in place.instruction.shape.leaves()]
    where = rule["where"]
    if where == "result":
        found = results
    elif where == "operand0":
        found = [leaf.type for leaf in place.operand(0).shape.leaves()]
    elif where == "operands":
        found = place.operand_types()
    else:
        found = results
    return next((t for t in found if t in types), None)


def check_instruction(place):
    """Yields (severity, code, message)."""
    instruction = place.instruction
    for rule in DATA["rules"]:
        opcodes = rule.get("opcodes")
        if opcodes is not None and instruction.opcode not in opcodes:
            continue
        type_name = matching_type(place, rule)
        if type_name is None or not all(CHECKS[c](place) for c in rule.get("checks", [])):
            continue
        message = rule["message"].format(name=instruction.name, shape=instruction.shape,
                                         opcode=instruction.opcode, type=type_name)
        yield rule.get("severity", "error"), rule["code"], message


def check_names_and_ids(module):
    names, ids = set(), set()
    for computation in module.computations:
        for instruction in computation.instructions:
            if not instruction.name or instruction.name in names:
                yield "error", "NCC_EVRF064", f"Instruction name is not unique: '{instruction.name}'"
            if instruction.id in ids:
                yield "error", "NCC_EVRF064", f"Instruction id is not unique: {instruction.id}"
            names.add(instruction.name)
            ids.add(instruction.id)
    if not module.has_program_shape:
        yield "error", "NCC_EVRF064", "the module has no program shape"
    numbers = [p.parameter_number for p in module.entry.parameters()]
    if numbers != list(range(len(numbers))):
        yield "error", "NCC_EVRF064", "parameter numbers are not 0 to n - 1"


def check_memory(module):
    aliased = {a["output"] for a in module.aliases}
    needed = sum(p.shape.bytes() for p in module.entry.parameters())
    outputs = module.entry.root().shape.leaves()
    needed += sum(s.bytes() for i, s in enumerate(outputs) if i not in aliased)
    if needed > LIMITS["hbm_bytes"]:
        yield ("error", "NCC_EOOM001", f"inputs and outputs need {needed} bytes, a core has "
               f"{LIMITS['hbm_bytes']}")


def check(module):
    """All findings: (severity, code, message)."""
    found = list(check_names_and_ids(module))
    for computation in module.computations:
        for instruction in computation.instructions:
            try:
                found += check_instruction(Place(module, computation, instruction))
            except MalformedHlo as error:
                found.append(("error", "NCC_EVRF064", f"HLO verification failed: {error}"))
    found += check_memory(module)
    return found
