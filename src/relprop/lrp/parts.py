"""The one shape that all proportional rules have, and its arithmetic.

A rule divides R_j among the inputs i in proportion to contributions x_i w_ij, where x is the layer's input a, a part of
it or a constant, and w the layer's weights or a part of them. Such a rule is a sum of `Part`s, each

    R_i = factor · Σ_k x^k_i Σ_j w^k_ij c_j   with   c_j = R_j / (z_j + ε)   and   z_j = Σ_k Σ_i x^k_i w^k_ij (+ b_j)

and everything that makes it fast or accounts for it happens here, once for all rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from relprop.lrp.maps import LinearMap
from relprop.lrp.visit import Layer, Ledger, Visit

Source = Callable[[Tensor], Tensor]


def identity(a: Tensor) -> Tensor:
    """a itself."""
    return a


def positive(a: Tensor) -> Tensor:
    """a⁺ = max(a, 0)."""
    return a.clamp(min=0)


def negative(a: Tensor) -> Tensor:
    """a⁻ = min(a, 0)."""
    return a.clamp(max=0)


@dataclass(frozen=True)
class Term:
    """Contributions x_i w_ij. `x` is a function of the input, or a constant (C,) or () that stands in every place.

    Of `stacked` terms as one, x gives the channels of all, one after the other, and `weight` takes them.
    """

    x: Source | Tensor
    weight: Tensor
    stacked: int = 1


@dataclass(frozen=True)
class Part:
    """`factor` of R_j in proportion to the contributions of `terms`.

    The denominator is z_j plus `offset` as it stands, plus `eps` with the sign of all that (+ for 0). With `where`,
    only outputs take part whose forward value is ≥ 0 ("positive") or < 0 ("negative"). With `distributes`, what bias
    and stabilizer would absorb goes to all inputs of j in equal shares.

    The others are for speed, filled in by `simplify`. `is_forward`: the forward pass has computed z_j already. `shift`:
    bias and offset as one (out,), which a convolution adds for nothing. `constants`: what is the same for all images of
    one size, remembered.
    """

    terms: tuple[Term, ...]
    bias: Tensor | None = None
    factor: float = 1.0
    offset: float = 0.0
    eps: float = 0.0
    where: str | None = None
    distributes: bool = False
    is_forward: bool = False
    shift: Tensor | None = None
    constants: dict[torch.Size, Tensor] = field(default_factory=dict, repr=False, compare=False)


def simplify(part: Part, layer: Layer) -> Part:
    """The same part without the terms that are always zero, once it is known what is."""
    assert layer.map is not None
    terms = []
    for term in part.terms:
        if layer.nonnegative and term.x is negative:
            continue
        x = identity if layer.nonnegative and term.x is positive else term.x
        if bool((term.weight != 0).any()):
            terms.append(Term(x, term.weight))
    is_forward = (
        len(terms) == 1
        and terms[0].x is identity
        and terms[0].weight is layer.weight
        and (part.bias is layer.bias or (part.bias is None and layer.bias is None))
    )
    if layer.map.is_narrow(layer.weight):
        terms = _stack(terms)
    shift = layer.weight.new_full(layer.map.outputs(layer.weight), part.offset)
    shift = shift if part.bias is None else shift + part.bias
    return replace(part, terms=tuple(terms), is_forward=is_forward, shift=shift, constants={})


def _stack(terms: list[Term]) -> list[Term]:
    """All terms that look at the image as one, so that a layer with few channels is convolved once instead of twice."""
    sources = [term.x for term in terms if not isinstance(term.x, Tensor)]
    if len(sources) < 2:
        return terms
    weight = torch.cat([term.weight for term in terms if not isinstance(term.x, Tensor)], dim=1)
    one = Term(lambda a: torch.cat([x(a) for x in sources], dim=1), weight, len(sources))
    return [one, *(term for term in terms if isinstance(term.x, Tensor))]


def propagate(parts: Sequence[Part], visit: Visit) -> Tensor:
    """R_i, the relevance of the inputs by all `parts` together, a new tensor."""
    layer, like = visit.layer, visit.like
    assert layer.map is not None
    inputs = _Inputs(visit)
    sums: dict[int, tuple[Tensor, Term]] = {}  # Σ_j w_ij c_j of all terms that share their x, which is multiplied last
    spread = None
    for part in parts:
        c, stabilizer = _per_unit(part, visit, inputs)
        for term in part.terms:
            back = layer.map.transpose(c, term.weight, inputs.of(term) if term.stacked > 1 else like)
            if id(term.x) in sums:
                sums[id(term.x)][0].add_(back, alpha=part.factor)
            else:
                sums[id(term.x)] = back if part.factor == 1 else back.mul_(part.factor), term
        if part.distributes:
            lost = _lost(part, layer, c, stabilizer).mul_(part.factor)
            equal = _equal_shares(layer, lost, like, visit.ledger)
            spread = equal if spread is None else spread.add_(equal)
        elif visit.ledger is not None:
            _account(visit.ledger, part, layer, c, stabilizer)
    result = spread
    for back, term in sums.values():
        share = inputs.times(term, back)
        result = share if result is None else result.add_(share)
    return like.new_zeros(like.shape) if result is None else result


class _Inputs:
    """x of every term for the images of a visit, each computed once."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.known: dict[int, Tensor] = {}

    def of(self, term: Term) -> Tensor:
        """x, for terms that look at the image."""
        if id(term.x) not in self.known:
            assert self.visit.a is not None and not isinstance(term.x, Tensor)
            self.known[id(term.x)] = term.x(self.visit.a)
        return self.known[id(term.x)]

    def times(self, term: Term, back: Tensor) -> Tensor:
        """x_i times `back`, written into that."""
        if isinstance(term.x, Tensor):
            return back.mul_(_broadcast(term.x, back)) if term.x.dim() else back  # () is 1
        share = back.mul_(self.of(term))
        return share if term.stacked == 1 else torch.stack(share.chunk(term.stacked, dim=1)).sum(0)


def _per_unit(part: Part, visit: Visit, inputs: _Inputs) -> tuple[Tensor, Tensor | float]:
    """c_j = R_j / (z_j + ε), a new tensor, and that ε."""
    z, is_ours = _denominator(part, visit, inputs)
    stabilizer: Tensor | float = part.offset
    if part.eps:
        sign = torch.copysign(z.new_tensor(part.eps), z)
        stabilizer = sign + part.offset if part.offset else sign
        z, is_ours = z.add_(sign) if is_ours else z + sign, True
    # where nothing contributes, R / ε may be more than float16 can say; the stabilizer has it all
    nothing = z.abs() < torch.finfo(z.dtype).tiny if z.dtype == torch.float16 else None
    c = torch.div(visit.relevance, z, out=z) if is_ours else visit.relevance / z
    if nothing is not None:
        c.masked_fill_(nothing, 0).nan_to_num_()
        if visit.ledger is not None:
            visit.ledger.add("stabilizer", visit.relevance * nothing * part.factor)
    if part.where is not None:
        assert visit.z is not None
        c.masked_fill_(visit.z < 0 if part.where == "positive" else visit.z >= 0, 0)
    return c, stabilizer


def _denominator(part: Part, visit: Visit, inputs: _Inputs) -> tuple[Tensor, bool]:
    """z_j + offset, and whether that is a tensor of ours, to be overwritten.

    Reused from the forward pass if that has computed the same, or from an earlier image of the same size.
    """
    if part.is_forward and visit.z is not None:
        return visit.z.add_(part.offset) if part.offset else visit.z, True
    layer_map, z = visit.layer.map, None
    assert layer_map is not None
    constant = _constant(part, layer_map, visit.like)
    for term in part.terms:
        if not isinstance(term.x, Tensor):
            shift = part.shift if z is None and constant is None else None
            one = layer_map(inputs.of(term), term.weight, shift)
            z = one if z is None else z.add_(one)
    if z is not None:
        return z if constant is None else z.add_(constant), True
    if constant is not None:
        return constant, False
    assert part.shift is not None
    return layer_map.broadcast(part.shift, visit.relevance).expand_as(visit.relevance), False


def _constant(part: Part, layer_map: LinearMap, like: Tensor) -> Tensor | None:
    """Contributions (1, …) of the terms that do not depend on the image, and the shift: once for every size."""
    terms = [(term.x, term.weight) for term in part.terms if isinstance(term.x, Tensor)]
    size = like.shape[1:]
    if terms and size not in part.constants:
        image = like.new_ones(1, *size)
        shift = part.shift
        for x, weight in terms:
            z = layer_map(image * _broadcast(x, image), weight, shift)
            part.constants[size] = z if shift is not None else part.constants[size] + z
            shift = None
    return part.constants.get(size)


def _broadcast(x: Tensor, like: Tensor) -> Tensor:
    """One number per channel in a shape that goes with `like`, which may be an image laid flat."""
    repeated = x.repeat_interleave(like.shape[1] // len(x)) if x.dim() and like.dim() == 2 else x
    return repeated.to(like.dtype).reshape(-1, *[1] * (like.dim() - 2))


def _account(ledger: Ledger, part: Part, layer: Layer, c: Tensor, stabilizer: Tensor | float) -> None:
    """Book what bias and stabilizer took."""
    assert layer.map is not None
    ledger.add("stabilizer", c * stabilizer * part.factor)
    if part.bias is not None:
        ledger.add("bias", c * layer.map.broadcast(part.bias, c) * part.factor)


def _lost(part: Part, layer: Layer, c: Tensor, stabilizer: Tensor | float) -> Tensor:
    """What bias and stabilizer took of every output's relevance."""
    assert layer.map is not None
    lost = c * stabilizer
    return lost if part.bias is None else lost.add_(c * layer.map.broadcast(part.bias, c))


def _equal_shares(layer: Layer, lost: Tensor, like: Tensor, ledger: Ledger | None) -> Tensor:
    """`lost`, handed to all inputs of each output in equal parts; padding does not count, and may be all there is."""
    assert layer.map is not None
    ones = torch.ones_like(layer.weight)
    inputs = layer.map(like.new_ones(1, *like.shape[1:]), ones)
    if ledger is not None:
        ledger.add("no input", lost * (inputs == 0))
    return layer.map.transpose(torch.where(inputs == 0, 0, lost / inputs), ones, like)
