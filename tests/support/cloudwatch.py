"""How CloudWatch would judge an alarm, from its properties and a series of metrics.

No stand-in does this: moto evaluates no alarms, and ministack neither dimensions, nor expressions,
nor missing data. The rules are AWS's ("Alarm evaluation", "Configuring how CloudWatch alarms treat
missing data", "Metric math syntax and functions"), as far as the alarms here need them.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.metric_lines import Emitted

Dimensions = tuple[tuple[str, str], ...]
# One number for each period, None where there is no data; the oldest first.
Series = list[float | None]

# CloudWatch looks at some more periods than are asked for, and uses them where others are missing:
# in its documentation's examples two more of three.
_LOOKED_AT_BESIDES = 2

_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "p50": lambda values: _percentile(values, 50),
    "p99": lambda values: _percentile(values, 99),
}
_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}
_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Watch:
    """An alarm's properties with every reference filled in, as PutMetricAlarm takes them."""

    properties: Mapping[str, Any]

    def state(self, samples: Iterable[Emitted], now: float) -> str:
        """Return `ALARM` or `OK`, as it is judged at that time, in seconds."""
        samples = list(samples)
        if "Metrics" in self.properties:
            result, *inputs = self.properties["Metrics"]
            period = inputs[0]["MetricStat"]["Period"]
            series = {
                item["Id"]: self._series(
                    samples, item["MetricStat"]["Metric"], item["MetricStat"]["Stat"], period, now
                )
                for item in inputs
            }
            return self.judge(_evaluate(result["Expression"], series))
        statistic = self.properties.get("Statistic") or self.properties["ExtendedStatistic"]
        period = self.properties["Period"]
        return self.judge(self._series(samples, self.properties, statistic, period, now))

    def judge(self, points: Series) -> str:
        """Return the state that data points give, those of more periods than are evaluated."""
        wanted = self.properties["EvaluationPeriods"]
        real = [point for point in points if point is not None][-wanted:]
        is_spoilt = _COMPARISONS[self.properties["ComparisonOperator"]]
        spoilt = sum(is_spoilt(point, self.properties["Threshold"]) for point in real)
        if self.properties["TreatMissingData"] == "breaching":
            spoilt += wanted - len(real)
        return "ALARM" if spoilt >= self.properties["DatapointsToAlarm"] else "OK"

    def _series(
        self,
        samples: Sequence[Emitted],
        metric: Mapping[str, Any],
        statistic: str,
        period: int,
        now: float,
    ) -> Series:
        wanted = (
            metric["Namespace"],
            metric["MetricName"],
            {item["Name"]: item["Value"] for item in metric["Dimensions"]},
        )
        values = [
            (sample.at, sample.value)
            for sample in samples
            if (sample.namespace, sample.name, dict(sample.dimensions)) == wanted
        ]
        periods = self.properties["EvaluationPeriods"] + _LOOKED_AT_BESIDES
        starts = [now - period * number for number in range(periods, 0, -1)]
        found = [
            [value for at, value in values if start <= at < start + period] for start in starts
        ]
        return [_STATISTICS[statistic](one) if one else None for one in found]


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """Return what an expression makes of series: metric math reads like Python."""
    periods = range(len(next(iter(series.values()))))
    tree = ast.parse(expression, mode="eval").body
    return [_number(tree, {name: points[at] for name, points in series.items()}) for at in periods]


def _number(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as constant):
            return constant
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, instead]):
            value = _number(filled, values)
            return _number(instead, values) if value is None else value
        case ast.BinOp(left=left, op=made, right=right):
            return _applied(_OPERATORS[type(made)], left, right, values)
        case ast.Compare(left=left, ops=[made], comparators=[right]):
            return _applied(_OPERATORS[type(made)], left, right, values)
    raise AssertionError(f"not known here: {ast.unparse(node)}")


def _applied(
    made: Callable[[float, float], float],
    left: ast.expr,
    right: ast.expr,
    values: Mapping[str, float | None],
) -> float | None:
    first, second = _number(left, values), _number(right, values)
    # Without a value on each side there is none ("Metric math": missing data).
    return None if first is None or second is None else float(made(first, second))
