"""Readers of Prometheus' text format and of OpenMetrics, as strict as their grammars: what they do
not say is an error.

Sources: "Exposition formats" of Prometheus' documentation; OpenMetrics 1.0, "ABNF" and the rules of
"Text format" and "Metric types".
"""

import math
import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(
    rf"(?P<name>{_NAME})(?:\{{(?P<labels>{_LABEL}(?:,{_LABEL})*)\}})? "
    r"(?P<value>NaN|[+-]Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
)
_META = re.compile(rf"# (?P<kind>HELP|TYPE|UNIT) (?P<name>{_NAME}) (?P<text>[^\n]+)")
_TYPES = {
    "0.0.4": {"counter", "gauge", "summary", "histogram", "untyped"},
    "1.0.0": {"counter", "gauge", "summary", "histogram", "info", "stateset", "unknown"},
}
# What the names of a family's samples may end with.
_SUFFIXES = {
    "0.0.4": {"counter": {""}, "gauge": {""}, "summary": {"", "_sum", "_count"}},
    "1.0.0": {
        "counter": {"_total", "_created"},
        "gauge": {""},
        "info": {"_info"},
        "summary": {"", "_sum", "_count", "_created"},
    },
}


@dataclass
class Family:
    """A metric family: its lines of meta data and its samples, by name and labels."""

    name: str
    kind: str = ""
    help: str = ""
    unit: str = ""
    samples: dict[tuple[str, str], float] = field(default_factory=dict)


def read_text(text: str) -> dict[str, Family]:
    """Read version 0.0.4."""
    assert text.endswith("\n")
    return _families(text.split("\n")[:-1], "0.0.4")


def read_open_metrics(text: str) -> dict[str, Family]:
    """Read OpenMetrics 1.0."""
    assert text.endswith("\n# EOF\n"), "the end is missing"
    families = _families(text.split("\n")[:-2], "1.0.0")
    for family in families.values():
        if family.unit:
            assert family.name.endswith(f"_{family.unit}"), family
        assert not family.name.endswith(("_total", "_created", "_info")), family
    return families


def _families(lines: list[str], version: str) -> dict[str, Family]:
    families: dict[str, Family] = {}
    current: Family | None = None
    for line in lines:
        meta = _META.fullmatch(line)
        if meta is not None:
            current = _described(families, current, meta, version)
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample is not None, f"no sample: {line!r}"
        assert current is not None, f"a sample before its family: {line!r}"
        _add(current, sample, version)
    for family in families.values():
        assert family.kind, f"{family.name} has no type"
        assert family.help, f"{family.name} has no help"
        assert family.samples, f"{family.name} has no sample"
    return families


def _described(
    families: dict[str, Family], current: Family | None, meta: "re.Match[str]", version: str
) -> Family:
    name, kind, text = meta["name"], meta["kind"], meta["text"]
    if current is None or current.name != name:
        assert name not in families, f"{name} comes in two pieces"
        current = families[name] = Family(name)
    assert not current.samples, f"{kind} of {name} after its samples"
    attribute = {"HELP": "help", "TYPE": "kind", "UNIT": "unit"}[kind]
    assert kind != "UNIT" or version == "1.0.0"
    assert kind != "TYPE" or text in _TYPES[version], text
    assert not getattr(current, attribute), f"{name} has two lines of {kind}"
    setattr(current, attribute, text)
    return current


def _add(family: Family, sample: "re.Match[str]", version: str) -> None:
    name, labels, value = sample["name"], sample["labels"] or "", float(sample["value"])
    assert name.startswith(family.name), f"{name} is not of {family.name}"
    suffix = name.removeprefix(family.name)
    assert suffix in _SUFFIXES[version][family.kind], f"{name} is no sample of a {family.kind}"
    assert (name, labels) not in family.samples, f"{name} comes twice"
    names = [part.partition("=")[0] for part in re.findall(_LABEL, labels)]
    assert len(names) == len(set(names)), f"{name} has a label twice"
    if family.kind == "counter":
        assert value >= 0, f"{name} is below zero"
        assert version == "1.0.0" or name.endswith("_total"), f"{name} does not end as counters do"
    if family.kind == "summary":
        assert (suffix == "") is ("quantile" in names), f"{name} and its quantile"
    if not (family.kind == "summary" and suffix == ""):
        assert not math.isnan(value), f"{name} is no number"
    family.samples[name, labels] = value
