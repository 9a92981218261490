"""Options and the names that give them: read in every spelling, written in one, refused in one sentence."""

from typing import Any

import pytest

from lengthwise.attention.tables import TABLES
from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.naming import Named, carried, options_of, read, spanned, split
from lengthwise.options import BaseOptions, Value, declared, option, spelled, written
from lengthwise.registry import Registry
from lengthwise.tasks import TASKS

ALL = [(table, name) for table in (*TABLES.values(), TASKS) for name in table]
OPTIONS = [(table, name, each) for table, name in ALL for each in options_of(table, name)]


class Mine:
    class Options(BaseOptions):
        count: int = option(3, at_least=1)
        """How
        many."""
        share: float = option(0.5, above=0, below=1)
        open: bool = False
        order: str = option("falling", among=("rising", "falling"))
        word: str = "any"


class Shifted(Mine):
    class Options(Mine.Options):
        share: float = option(0.25, at_most=1)
        shift: float = 1e-6


class Theirs:
    class Options:
        count = 3


OWN: "Registry[type[Mine]]" = Registry("thing", {})
MINE, SHIFTED = f"{__name__}:Mine", f"{__name__}:Shifted"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module by its name, whichever way it was collected."""
    import sys

    module = type(sys)(__name__)
    module.Mine, module.Shifted, module.Theirs = Mine, Shifted, Theirs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, __name__, module)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", ()),
        ("[count=3,share=0.5,open=false,order=falling,word=any]", ()),
        ("[count=5e5]", (("count", 500_000),)),
        ("[open=true,count=4]", (("count", 4), ("open", True))),
        ("[ share = 1e-1 ]", (("share", 0.1),)),
        ("[share=.25,order=rising]", (("share", 0.25), ("order", "rising"))),
        ("[word=a-b.c]", (("word", "a-b.c"),)),
    ],
)
def test_a_name_keeps_what_is_not_at_its_default_in_the_declared_order(
    text: str, options: tuple[tuple[str, Value], ...]
) -> None:
    named = read(OWN, MINE + text)
    assert named == Named(MINE, options)
    assert [type(value) for _, value in named.options] == [type(value) for _, value in options]
    assert read(OWN, str(named)) == named


@pytest.mark.parametrize(
    ("values", "spelling"),
    [
        ((500_000, 5e5, 500_000.0), "500000"),
        ((1e-6, 0.000001), "1e-6"),
        ((1.5e16,), "1.5e16"),
        ((-2.5e-7,), "-2.5e-7"),
        ((0.1, 1e-1), "0.1"),
        ((0.0, -0.0, 0), "0"),
        ((True,), "true"),
        (("word",), "word"),
        ((123_456_789_012.25,), "123456789012.25"),
        ((2**70,), str(2**70)),
    ],
)
def test_a_value_has_one_spelling(values: tuple[bool | int | float | str, ...], spelling: str) -> None:
    assert {spelled(value) for value in values} == {spelling}
    [(_, value)] = split(f"x[k={spelling}]")[1].items()
    assert value == values[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cuont=4]", "There is no option of .*Mine called 'cuont'; did you mean 'count'.*The options of"),
        ("[qqq=4]", "There is no option of .*Mine called 'qqq'; known: count, open, order, share, word."),
        ("[count=0]", "The option count of .*Mine is a whole number, at least 1; got 0."),
        ("[count=1.5]", "a whole number, at least 1; got 1.5."),
        ("[count=true]", "a whole number, at least 1; got true."),
        ("[count=many]", "a whole number, at least 1; got many."),
        ("[share=1]", "is a number, above 0 and below 1; got 1."),
        ("[share=nan]", "is a number, above 0 and below 1; got nan."),
        ("[share=1e999]", "is a number, above 0 and below 1; got inf."),
        ("[open=1]", "is true or false; got 1."),
        ("[open=yes]", "is true or false; got yes."),
        ("[order=up]", "is one of rising, falling; got up."),
        ("[word=4]", "is a word; got 4."),
        ("[word=true]", "is a word; got true."),
        ("[word=a b]", "is a word; got a b."),
        ("[count=4", "is no name with options; write them in brackets"),
        ("count=4]", "is no name with options"),
        ("[count=4]x", "is no name with options"),
        ("[[count=4]]", "is no name with options"),
        ("[]", "an option is key=value"),
        ("[count]", "an option is key=value"),
        ("[count=]", "an option is key=value"),
        ("[count=4,]", "an option is key=value"),
        ("[count=4,count=5]", "gives the option count twice"),
    ],
)
def test_a_wrong_option_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(OWN, MINE + text)


@pytest.mark.parametrize(("table", "name"), [(TABLES["weights"], "softmax"), (TASKS, "flip-flop")])
def test_what_has_no_options_says_so(table: "Registry[object]", name: str) -> None:
    if name == "softmax":
        with pytest.raises(InputError, match="softmax has no options; drop 'x'"):
            read(table, "softmax[x=1]")
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        read(table, f"{name[:-1]}[x=1]")


def test_options_are_frozen_and_checked_in_python_too() -> None:
    kind: Any = Mine.Options  # which takes all that a command line may say
    options = kind(count=4.0, share=1e-1)
    assert (options.count, type(options.count), options.open) == (4, int, False)
    assert options == kind(share=0.1, count=4)
    with pytest.raises(AttributeError):
        options.count = 5
    with pytest.raises(InputError, match="count of Mine is a whole number"):
        kind(count=0.5)
    with pytest.raises(InputError, match="above 0 and below 1; got no"):
        kind(share="no")
    with pytest.raises(InputError, match="There is no option of Mine called 'shar'; did you mean 'share'"):
        kind.choose(Mine(), {"shar": 0.1})
    assert kind(count=2**60 + 1).count == 2**60 + 1


def test_inherited_options_come_first_and_may_change() -> None:
    assert [(each.name, each.default) for each in declared(Shifted.Options)] == [
        ("count", 3),
        ("share", 0.25),
        ("open", False),
        ("order", "falling"),
        ("word", "any"),
        ("shift", 1e-6),
    ]


def test_options_go_over_by_their_values() -> None:
    """What is at its default in the one may not be in the other."""
    assert carried(OWN, read(OWN, f"{MINE}[count=4]"), SHIFTED) == read(OWN, f"{SHIFTED}[count=4,share=0.5]")
    assert carried(OWN, read(OWN, f"{SHIFTED}[shift=2]"), MINE) == read(OWN, f"{MINE}[share=0.25]")


def test_wrong_declarations_are_answered() -> None:
    class Listed(BaseOptions):
        sizes: tuple[int, ...] = ()

    class Outside(BaseOptions):
        share: float = option(2, at_most=1)

    with pytest.raises(InputError, match="must be a bool, an int, a float or a str"):
        declared(Listed)
    with pytest.raises(InputError, match=r"The option share of .*Outside is a number, at most 1; got 2"):
        declared(Outside)
    with pytest.raises(InputError, match="must be a subclass of the Options"):
        options_of(OWN, f"{__name__}:Theirs")


@pytest.mark.parametrize(("table", "name"), ALL, ids=[name for _, name in ALL])
def test_the_text_of_a_module_declares_what_the_class_does(table: "Registry[Any]", name: str) -> None:
    kind = table.load(name)
    assert written(table.target(name)) == declared(kind.Options)
    assert kind.Options() == kind.Options(**{each.name: each.default for each in declared(kind.Options)})


@pytest.mark.parametrize(("table", "name", "option"), OPTIONS, ids=[f"{n}-{o.name}" for _, n, o in OPTIONS])
def test_an_option_says_what_it_means(table: "Registry[type]", name: str, option: "object") -> None:
    meaning = option.meaning  # type: ignore[attr-defined]
    assert meaning.endswith(".")
    assert len(meaning) < 110


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("validation", ["validation"]),
        ("validation[size=2]", ["validation[size=2]"]),
        ("validation[size=2:4]", ["validation[size=2]", "validation[size=3]", "validation[size=4]"]),
        ("dense[size=4|8:9,word=a|b]", [f"dense[size={size},word={word}]" for size in (4, 8, 9) for word in "ab"]),
        ("dense[share=0.1|0.5, size=3]", ["dense[share=0.1, size=3]", "dense[share=0.5, size=3]"]),
    ],
)
def test_a_range_and_a_list_stand_for_several_names(text: str, names: list[str]) -> None:
    assert spanned(text) == names


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a[size=4:2]", "the range '4:2'; a range goes up in whole numbers, as in 2:6"),
        ("a[size=0.1:0.5]", "the range '0.1:0.5'"),
        ("a[size=1:2:3]", "the range '1:2:3'"),
        ("a[size=1:1000000000]", "stands for more than 100 names; list fewer values, as in 4|16|64"),
        ("a[size=1:20,share=1:20]", "stands for more than 100 names"),
    ],
)
def test_a_range_that_is_none_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        spanned(text)
    assert sentence in str(refusal.value)


def test_splits_are_written_out_wherever_they_are_given() -> None:
    wide = "validation[operands=2:4]"
    asked = EvaluateConfig.read({"splits": ["carries", wide], "sequences": {"carries": 3, wide: 5}})
    names = tuple(f"validation[operands={operands}]" for operands in (2, 3, 4))
    assert asked.splits == ("carries", *names)
    assert asked.sequences == {"carries": 3} | dict.fromkeys(names, 5)
    assert EvaluateConfig.read(asked.model_dump(mode="json")) == asked
