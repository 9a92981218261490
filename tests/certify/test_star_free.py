"""Star-free languages, by what is known of them."""

import pytest

from lengthwise.certify.star_free import is_star_free
from lengthwise.tasks import load

STAR_FREE = {
    "tomita-1": True,
    "tomita-2": True,
    "tomita-3": False,
    "tomita-4": True,
    "tomita-5": False,
    "tomita-6": False,
    "tomita-7": True,
    "dyck-bounded": True,
    "alternation": True,
    "abcde-blocks": True,
    "one-d": True,
    "zero-twos": True,
    "aa-star": False,
    "aaaa-star": False,
    "abab-star": False,
    "parity": False,
    "cycle-navigation": False,
    "group-word": False,
    "even-pairs": True,
    "flip-flop": True,
    "n-back[symbols=3]": True,
    "flag-retrieval[symbols=3]": True,
    "modular-arithmetic[modulus=3]": False,
}


@pytest.mark.parametrize("name", STAR_FREE)
def test_star_free_languages(name: str) -> None:
    machine = load(name).machine
    assert machine is not None
    assert is_star_free(machine) == STAR_FREE[name]


def test_the_question_stays_open_where_the_monoid_is_large() -> None:
    machine = load("n-back[symbols=16,back=2]").machine
    assert machine is not None
    assert is_star_free(machine) in (True, None)
