"""Scopes, roles and names from the claims of each provider."""

from typing import Any

import pytest

from doorward.errors import MissingClaim
from doorward.tokens import RFC9068, LocalKeys, TokenProfile
from doorward.tokens.jwt.identity_from_claims import read_identity, read_roles, read_scopes
from doorward.tokens.jwt.profile import ClaimPath
from tests.ledger import proves
from tests.tokens.signer import NOW, Signer, claims, dumps

NAMES = ("scope", "scp", "scopes")


@proves("S131", "accepts", "claim types and lifetimes")
@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({"scope": "a b"}, {"a", "b"}),
        ({"scope": "a"}, {"a"}),
        ({"scope": "a a"}, {"a"}),
        ({"scope": ""}, set()),
        ({}, set()),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scopes": ["https://x.example/y:z"]}, {"https://x.example/y:z"}),
        ({"scp": []}, set()),
        ({"scope": "a", "scp": ["b"]}, {"a"}),
    ],
)
def test_scopes_are_read_from_a_string_or_a_list(said: dict[str, Any], scopes: set[str]) -> None:
    assert read_scopes(said, NAMES) == scopes


@proves("S131", "refuses", "claim types and lifetimes")
@pytest.mark.parametrize(
    "value",
    [None, 1, True, {"a": 1}, ["a", 1], [["a"]], ["a b"], "a  b", " a", "a\tb", 'a"b', "ä", [""]],
)
def test_scopes_of_any_other_shape_are_refused(value: object) -> None:
    with pytest.raises(MissingClaim):
        read_scopes({"scope": value}, NAMES)


@pytest.mark.parametrize(
    ("path", "said", "roles"),
    [
        ("roles", {"roles": ["a", "b"]}, {"a", "b"}),
        ("roles", {"roles": "a"}, {"a"}),
        ("roles", {"roles": ["a", 1, None]}, {"a"}),
        ("roles", {"roles": {"a": 1}}, set()),
        ("roles", {"roles": None}, set()),
        ("roles", {}, set()),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, {"a"}),
        ("realm_access.roles", {"realm_access": ["roles"]}, set()),
        ("realm_access.roles", {"realm_access": None}, set()),
        ("realm_access.roles", {}, set()),
        ("https://mcp.example/roles", {"https://mcp.example/roles": ["a"]}, {"a"}),
        (
            ("resource_access", "mcp.example", "roles"),
            {"resource_access": {"mcp.example": {"roles": ["a"]}, "other": {"roles": ["admin"]}}},
            {"a"},
        ),
    ],
)
def test_roles_are_read_at_a_claim_path(
    path: ClaimPath, said: dict[str, Any], roles: set[str]
) -> None:
    assert read_roles(said, (path,)) == roles


def test_roles_of_several_claim_paths_are_combined() -> None:
    said = {"roles": ["a"], "groups": ["b"]}
    assert read_roles(said, ("roles", "groups", "entitlements")) == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({}, "person"), ({"sub": "client-1"}, "service"), ({"gty": "cc"}, "service"), ({"m": 1}, "service")],
)  # fmt: skip
def test_a_service_is_recognised_by_its_subject_or_its_service_claims(
    changes: dict[str, Any], kind: str
) -> None:
    profile = TokenProfile(name="x", types=frozenset(), service_claims={"gty": "cc", "m": None})
    said = claims(**changes)
    assert read_identity(said, profile, dumps(said)).kind == kind


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"sub": "client-1@clients"}, "service"),
        ({"sub": "client-1"}, "person"),
        ({"sub": "client-2@clients"}, "person"),
        ({"sub": "@clients", "client_id": ...}, "person"),
    ],
)
def test_a_service_is_recognised_by_the_form_of_its_subject(
    changes: dict[str, Any], kind: str
) -> None:
    profile = TokenProfile(
        name="x", types=frozenset(), service_subjects=("{client}@clients",), client_required=False
    )
    said = claims(**changes)
    assert read_identity(said, profile, dumps(said)).kind == kind


@pytest.mark.parametrize(
    ("changes", "kind"), [({"scp": "a"}, "person"), ({"scp": ""}, "person"), ({}, "service")]
)
def test_a_service_is_recognised_by_the_absence_of_a_person_claim(
    changes: dict[str, Any], kind: str
) -> None:
    profile = TokenProfile(name="x", types=frozenset(), person_claims=frozenset({"scp"}))
    said = claims(**changes)
    assert read_identity(said, profile, dumps(said)).kind == kind


def test_a_name_that_is_not_a_string_is_ignored() -> None:
    assert read_identity(claims(name="Alice"), RFC9068, b"{}").name == "Alice"
    assert read_identity(claims(name=1, username="a"), RFC9068, b"{}").name is None
    assert read_identity(claims(), RFC9068, b"{}").name is None


async def test_local_keys_detect_a_change_made_in_place() -> None:
    now = NOW
    document: dict[str, Any] = {"keys": [Signer("ES256").jwk]}
    keys = LocalKeys(lambda: document, clock=lambda: now, recheck=1)
    await keys.start()
    generation = keys.generation
    document["keys"].append(Signer("ES256", "k2").jwk)
    assert keys.generation == generation
    now += 1
    assert keys.generation == generation + 1

    document["keys"][0]["use"] = "enc"
    now += 1
    assert keys.known("k1", "ES256") is None
    assert keys.known("k2", "ES256") is not None
