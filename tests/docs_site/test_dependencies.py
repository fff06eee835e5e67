"""The page of dependencies has each direct one, and no other."""

from docs.making.dependencies import DEPENDENCIES

from tests.oldest_versions import name_of, requirements


def test_each_direct_dependency_has_a_reason_and_an_alternative() -> None:
    assert sorted(DEPENDENCIES) == sorted(name_of(one) for one in requirements())
    assert all(one.why and one.instead and one.by for one in DEPENDENCIES.values())
