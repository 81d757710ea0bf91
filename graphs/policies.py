"""Policies: which moves the hub may make, and when. The ablation runs these, nothing else.

`phase1` to `full` are the conditions B to E of the public ATLAS, with honest selection; `resample` is the control
that spends the same tokens on plain samples. Tests come before a second widening: programs that pass the same examples
behave alike until other inputs tell them apart.
"""

from __future__ import annotations

from nodes.context import Policy, Step
from nodes.settings import PolicyName

MANY = 1000
"""More widenings than any budget pays for."""
OPENING = 5
"""A processor decodes five texts in hardly more time than four, and eight take almost twice as long."""
PLAIN_FIRST = 8
"""On a real model eight plain programs take less time than the plans for four others."""

_POLICIES = (
    Policy(
        name="baseline",
        schedule=(Step(move="widen"),),
        slots="plain",
        k=1,
        choice="first",
        stop_when_verified=False,
    ),
    Policy(name="phase1", schedule=(Step(move="widen"),), choice="first", stop_when_verified=False),
    Policy(
        name="phase1_2",
        schedule=(
            Step(move="widen"),
            Step(move="test"),
            Step(move="widen", when="unsettled", times=2),
            Step(move="separate", when="several_clusters", times=2),
        ),
    ),
    Policy(
        name="phase1_3",
        schedule=(Step(move="widen"), Step(move="test"), Step(move="repair", when="none_right", times=3)),
    ),
    Policy(
        name="full",
        schedule=(
            Step(move="widen"),
            Step(move="test"),
            Step(move="widen", when="unsettled"),
            Step(move="separate", when="several_clusters", times=2),
            Step(move="repair", when="none_right", times=3),
        ),
    ),
    Policy(name="adaptive", opening=OPENING, plain_first=PLAIN_FIRST),
    Policy(
        name="resample",
        schedule=(Step(move="widen", times=MANY),),
        slots="plain",
        choice="first",
        stop_when_verified=False,
    ),
)

POLICIES: dict[PolicyName, Policy] = {policy.name: policy for policy in _POLICIES}
