"""Rows of lanes as vectors: the few operations a compiler does not vectorise by itself.

Where a loop over channels holds a loop over the lanes of a block, LLVM unrolls the inner one and
vectorises the outer one with gathers and scatters, several times slower than one vector operation
a channel. These functions say what is meant. ``array[b, f]`` is a row of :data:`LANES` float32
values; any processor runs them, with vectors as wide as it has.
"""

# pyright: basic

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

LANES = 16
"""Pixels handled at a time."""

_intrinsic: Any = extending.intrinsic  # changes the arguments of what it decorates
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_FLAGS = ("reassoc", "contract", "nsz")


def _pointer(context: Any, builder: Any, kind: Any, array: Any, *indices: Any) -> Any:
    a = context.make_array(kind)(context, builder, value=array)
    shapes = cgutils.unpack_tuple(builder, a.shape)
    strides = cgutils.unpack_tuple(builder, a.strides)
    return cgutils.get_item_pointer2(
        context, builder, a.data, shapes, strides, kind.layout, indices, wraparound=False
    )


def _row(context: Any, builder: Any, kind: Any, array: Any, b: Any, f: Any) -> Any:
    zero = ir.Constant(f.type, 0)
    pointer = _pointer(context, builder, kind, array, b, f, zero)
    return builder.bitcast(pointer, _VECTOR.as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = 4
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = 4


def _splat(builder: Any, value: Any) -> Any:
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, _int(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), mask)


def _int(value: int) -> Any:
    return ir.Constant(ir.IntType(32), value)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_FLAGS), c, flags=_FLAGS)


@_intrinsic
def spread(typing: Any, target: Any, b: Any, first: Any, source: Any, s: Any, weights: Any,
           i: Any, w: Any, count: Any) -> Any:  # fmt: skip
    """``target[b, first + f] += weights[i, w + f] * source[b, s]`` for ``f`` in ``count``."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, b, first, source, s, weights, i, w, count = args
        kinds = signature.args
        lanes = _load(builder, _row(context, builder, kinds[3], source, b, s))
        with cgutils.for_range(builder, count) as loop:
            f = loop.index
            at = _pointer(context, builder, kinds[5], weights, i, builder.add(w, f))
            weight = _splat(builder, builder.load(at))
            row = _row(context, builder, kinds[0], target, b, builder.add(first, f))
            _store(builder, _fma(builder, weight, lanes, _load(builder, row)), row)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(target, whole, whole, source, whole, weights, whole, whole, whole), build


@_intrinsic
def combine(typing: Any, target: Any, b: Any, t: Any, first: Any, weights: Any, i: Any, w: Any,
            count: Any) -> Any:  # fmt: skip
    """``target[b, t] = sum(weights[i, w + f] * target[b, first + f])`` over ``f`` in ``count``."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, b, t, first, weights, i, w, count = args
        kinds = signature.args
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        builder.store(ir.Constant(_VECTOR, [0.0] * LANES), total)
        with cgutils.for_range(builder, count) as loop:
            f = loop.index
            at = _pointer(context, builder, kinds[4], weights, i, builder.add(w, f))
            weight = _splat(builder, builder.load(at))
            row = _row(context, builder, kinds[0], target, b, builder.add(first, f))
            builder.store(_fma(builder, weight, _load(builder, row), builder.load(total)), total)
        _store(builder, builder.load(total), _row(context, builder, kinds[0], target, b, t))
        return context.get_dummy_value()

    whole = types.intp
    return types.void(target, whole, whole, whole, weights, whole, whole, whole), build


@_intrinsic
def add_products(typing: Any, target: Any, t: Any, source: Any, b: Any, first: Any, factor: Any,
                 count: Any) -> Any:  # fmt: skip
    """``target[0, t + f] += source[b, factor] * source[b, first + f]`` for ``f`` in ``count``."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, t, source, b, first, factor, count = args
        kinds = signature.args
        zero = ir.Constant(t.type, 0)
        lanes = _load(builder, _row(context, builder, kinds[2], source, b, factor))
        with cgutils.for_range(builder, count) as loop:
            f = loop.index
            row = _row(context, builder, kinds[2], source, b, builder.add(first, f))
            to = _row(context, builder, kinds[0], target, zero, builder.add(t, f))
            _store(builder, _fma(builder, lanes, _load(builder, row), _load(builder, to)), to)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(target, whole, source, whole, whole, whole, whole), build


@_intrinsic
def row_sum(typing: Any, source: Any, b: Any, f: Any) -> Any:
    """Sum of ``source[b, f]``, always in the same order."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, b, f = args
        value = _load(builder, _row(context, builder, signature.args[0], source, b, f))
        width = LANES
        while width > 1:  # halves are added as vectors, which fixes the order
            width //= 2
            halves = [
                builder.shuffle_vector(
                    value,
                    ir.Constant(value.type, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(at, at + width))),
                )
                for at in (0, width)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, _int(0))

    return types.float32(source, types.intp, types.intp), build


@_intrinsic
def row_max(typing: Any, source: Any, b: Any, f: Any) -> Any:
    """Largest value of ``source[b, f]``."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, b, f = args
        value = _load(builder, _row(context, builder, signature.args[0], source, b, f))
        width = LANES
        while width > 1:
            width //= 2
            low, high = (
                builder.shuffle_vector(
                    value,
                    ir.Constant(value.type, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(at, at + width))),
                )
                for at in (0, width)
            )
            value = builder.select(builder.fcmp_ordered(">", low, high), low, high)
        return builder.extract_element(value, _int(0))

    return types.float32(source, types.intp, types.intp), build
