"""The component in plain Python values.

Records are dicts, cases without a value are strings, cases with one are dicts of one entry;
names are written with underscores. That is also how auth-core/scripts writes them.
"""

from wasmtime import Engine, Store
from wasmtime.component import (
    Component, EnumType, Linker, ListType, OptionType, Record, RecordType, ResultType, TupleType, U8, Variant,
    VariantType,
)

INTERFACE = "auth-core:machine/flows@0.5.0"


class Refused(Exception):
    """A refusal of the core; `args[0]` is the reason."""


class Core:
    """One instance of the component, for one thread."""

    def __init__(self, path):
        engine = Engine()
        self.store = Store(engine)
        component = Component.from_file(engine, path)
        # The component imports nothing.
        self.instance = Linker(engine).instantiate(self.store, component)
        self.interface = self.instance.get_export_index(self.store, INTERFACE)
        self.functions = {}

    def call(self, name, *arguments):
        """Calls a function of the interface; an error that it returns is raised as `Refused`."""
        if name not in self.functions:
            index = self.instance.get_export_index(self.store, name, self.interface)
            function = self.instance.get_func(self.store, index)
            ty = function.type(self.store)
            self.functions[name] = (function, [ty for _, ty in ty.params], ty.result)
        function, params, result = self.functions[name]
        lowered = [lower(argument, ty) for argument, ty in zip(arguments, params, strict=True)]
        lifted = lift(function(self.store, *lowered), result)
        if isinstance(result, ResultType):
            case, value = lifted
            if case == "err":
                raise Refused(value)
            return value
        return lifted

    def default_policy(self):
        return self.call("default-policy")

    def rules(self, policy, floor, code_keys):
        """Checks a policy; raises `Refused` with the wrong field."""
        return self.call("[static]rules.create", policy, floor, code_keys)

    def judge(self, rules, password, estimate):
        """Judges a new password; raises `Refused` with the reason."""
        return self.call("[method]rules.judge", rules, password, estimate)

    def start(self, rules, flow):
        return Flow(self, self.call("[static]flow.start", rules, flow))

    def restore(self, rules, snapshot):
        return Flow(self, self.call("[static]flow.restore", rules, snapshot))


class Flow:
    """One operation. Use it in a `with`, so that its memory is freed."""

    def __init__(self, core, resource):
        self.core, self.resource = core, resource

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.resource.drop(self.core.store)

    def take(self):
        """Returns ticket and effect, once; None if it was taken, or the flow has ended."""
        ordered = self.core.call("[method]flow.take", self.resource)
        return ordered and (ordered["ticket"], ordered["effect"])

    def answer(self, ticket, answer):
        """Answers an order; raises `Refused` and changes nothing if the answer does not match."""
        self.core.call("[method]flow.answer", self.resource, ticket, answer)

    def outcome(self):
        """Returns ("ok", output) or ("err", broken), or None if the flow has not ended."""
        return self.core.call("[method]flow.outcome", self.resource)

    def snapshot(self):
        return self.core.call("[method]flow.snapshot", self.resource)


def lower(value, ty):
    """Converts a plain value to wasmtime's value of a type."""
    match ty:
        case RecordType():
            record = Record()
            for name, field in ty.fields:
                setattr(record, name, lower(value[snake(name)], field))
            return record
        case VariantType():
            name, payload = next(iter(value.items())) if isinstance(value, dict) else (value, None)
            return case_of(ty, ty.cases, kebab(name), payload)
        case ResultType():
            return case_of(ty, [("ok", ty.ok), ("err", ty.err)], *value)
        case OptionType():
            return None if value is None else lower(value, ty.payload)
        case EnumType():
            return kebab(value)
        case TupleType():
            return tuple(lower(item, element) for item, element in zip(value, ty.elements, strict=True))
        case ListType() if not isinstance(ty.element, U8):
            return [lower(item, ty.element) for item in value]
        case _:
            return value


def case_of(ty, cases, name, payload):
    inner = dict(cases)[name]
    payload = payload if inner is None else lower(payload, inner)
    # wasmtime omits the name if the values of all cases have different Python types.
    return Variant(name, payload) if ty._tagged() else payload


def lift(value, ty):
    """Converts wasmtime's value of a type to a plain value."""
    match ty:
        case RecordType():
            return {snake(name): lift(getattr(value, name), field) for name, field in ty.fields}
        case VariantType():
            name, payload = named(value, ty, ty.cases)
            return snake(name) if dict(ty.cases)[name] is None else {snake(name): payload}
        case ResultType():
            return named(value, ty, [("ok", ty.ok), ("err", ty.err)])
        case OptionType():
            return None if value is None else lift(value, ty.payload)
        case EnumType():
            return snake(value)
        case TupleType():
            return [lift(item, element) for item, element in zip(value, ty.elements, strict=True)]
        case ListType() if not isinstance(ty.element, U8):
            return [lift(item, ty.element) for item in value]
        case _:
            return value


def named(value, ty, cases):
    """Returns the case of a value, and the value inside."""
    if ty._tagged():
        inner = dict(cases)[value.tag]
        return value.tag, inner and lift(value.payload, inner)
    for name, inner in cases:
        if inner is None:
            if value is None:
                return name, None
            continue
        classes = set()
        inner.add_classes(classes)
        if isinstance(value, tuple(classes)):
            return name, lift(value, inner)
    raise TypeError(f"{value!r} is not a case of {[name for name, _ in cases]}")


def snake(name):
    return name.replace("-", "_")


def kebab(name):
    return name.replace("_", "-")
