"""How skips are written, and which are refused."""

import pathlib
import re

import pytest

from lsgeo.models import PUBLISHED, create
from lsgeo.models.skips import registry


def test_every_and_stages_choose_the_blocks_that_have_the_skip():
    every = registry.parse("highway(every=3)")
    assert [type(every.at(i)).__name__ for i in range(6)] == 2 * ["NoSkip", "NoSkip", "Highway"]
    stages = registry.parse("identity(stages=(0, 2))")
    kinds = [type(stages.at(0, stage)).__name__ for stage in range(4)]
    assert kinds == ["Identity", "NoSkip", "Identity", "NoSkip"]
    assert registry.parse("identity(stages=2)") == registry.parse("identity(stages=(2,))")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be written name or name(option=value, ...); got ''"),
        (None, "must be written name or name(option=value, ...); got None"),
        ("identity(2)", "must be written name or"),
        ("identity(every=2, every=3)", "must be written name or"),
        ("identity(**{'every': 2})", "must be written name or"),
        ("identity(every=two)", "must be written name or"),
        ("identity; none", "must be written name or"),
        (
            "residual",
            "Unknown skip: 'residual'. Choose one of: attention, constant, dropout, exclusive_gate",
        ),
        (
            "highway(gate=1)",
            "Unknown option of the skip highway: 'gate'. It has: bias, every, stages",
        ),
        ("highway(name='x')", "Unknown option of the skip highway: 'name'"),
        ("highway(bias='low')", "`bias` of the skip highway must be a number; got 'low'"),
        ("highway(bias=True)", "`bias` of the skip highway must be a number; got True"),
        ("highway(bias=-1e999)", "`bias` of the skip must be finite; got -inf"),
        ("constant(convex=1)", "`convex` of the skip constant must be True or False; got 1"),
        ("constant(scale=2, convex=True)", "`scale` of the skip must be between 0 and 1 where"),
        ("gated(gate=1e999)", "`gate` of the skip must be finite"),
        ("layerscale(start=1e999)", "`start` of the skip must be finite"),
        ("dropout(rate=1)", "`rate` of the skip must be at least 0 and less than 1; got 1.0"),
        ("stochastic_depth(survival=0)", "`survival` of the skip must be over 0 and at most 1"),
        ("hyper(streams=0)", "`streams` of the skip must be at least 1; got 0"),
        ("hyper(streams=2.5)", "`streams` of the skip hyper must be a whole number; got 2.5"),
        ("mhc(streams=1)", "`streams` of the skip must be at least 2; got 1"),
        ("mhc(start='zero')", "`start` of the skip must be 'published' or 'identity'; got 'zero'"),
        ("mhc(start=0)", "`start` of the skip mhc must be a text; got 0"),
        ("mhc(iterations=0)", "`iterations` of the skip must be at least 1"),
        ("identity(every=0)", "`every` of the skip must be at least 1; got 0"),
        ("identity(stages='a')", "`stages` of the skip must be a stage's number from 0"),
        ("identity(stages=())", "`stages` of the skip must be a stage's number from 0"),
        ("identity(stages=(0, -1))", "`stages` of the skip must be a stage's number from 0"),
        (
            "hyper(every=2)",
            "'hyper(every=2)' carries 4 streams through all blocks; `every` and `stages`",
        ),
        ("mhc(stages=1)", "carries 4 streams through all blocks"),
    ],
)
def test_skips_that_do_not_exist_or_make_no_sense_are_refused_by_name(text, message):
    with pytest.raises(ValueError) as error:
        registry.parse(text)
    assert message in str(error.value)


def test_stages_of_a_network_without_are_refused():
    with pytest.raises(
        ValueError, match=r"'identity\(stages=1\)', but an mlp has no stages.*`every`"
    ):
        create("mlp", skip="identity(stages=1)")


def test_page_has_a_config_line_for_each_type_and_the_published_counts():
    page = pathlib.Path(__file__).parents[2] / "docs" / "models.md"
    text = page.read_text(encoding="utf-8")
    lines = [registry.parse(line) for line in re.findall(r'--config\.skip="(.*?)"', text)]
    assert {line.kind for line in lines} == set(registry.SKIPS)
    for name, network in PUBLISHED.items():
        assert re.search(rf"\| `{name}` \|.*\| {network.num_parameters:,} \|", text), name
