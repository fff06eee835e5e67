"""The last sign-in attempts: which hop belongs to which, and what makes room for what."""

from doorward.operations.story.attempts import Attempts
from doorward.operations.story.hop import Step
from tests.ledger import proves
from tests.operations.story.hops import Clock, hop, kept

GRANT = ("grant", "https://login.example", "alice", "g1")


def _steps(store: Attempts) -> list[list[Step]]:
    return [[one.step for one in attempt.hops] for attempt in store.all()]


def test_hops_of_one_address_before_a_sign_in_are_one_attempt() -> None:
    store = kept(Clock())
    for step in ("challenge", "server-metadata", "registration"):
        store.add([hop(step)], source="1.2.3.4")

    assert _steps(store) == [["challenge", "server-metadata", "registration"]]
    assert [one.tie for one in store.all()[0].hops] == ["proved", "address", "address"]


def test_hops_of_two_addresses_are_two_attempts() -> None:
    store = kept(Clock())
    store.add([hop("challenge")], source="1.2.3.4")
    store.add([hop("challenge")], source="5.6.7.8")

    assert _steps(store) == [["challenge"], ["challenge"]]


def test_a_transaction_ties_hops_of_several_addresses() -> None:
    store = kept(Clock())
    store.add([hop("authorization")], source="1.2.3.4", ties=[("transaction", "t1")])
    store.add([hop("consent")], source="5.6.7.8", ties=[("transaction", "t1"), GRANT])
    store.add([hop("token")], source="9.9.9.9", ties=[GRANT], user="alice")

    assert _steps(store) == [["authorization", "consent", "token"]]
    assert {one.tie for one in store.all()[0].hops} == {"proved"}


def test_no_hop_of_one_user_is_in_the_attempt_of_another_behind_the_same_address() -> None:
    store = kept(Clock())
    for user in ("alice", "bob"):
        tie = ("transaction", user)
        store.add([hop("authorization")], source="1.2.3.4", ties=[tie], client_id="shared")
    for user in ("alice", "bob"):
        grant = ("grant", "https://login.example", user, user)
        store.add(
            [hop("consent")], source="1.2.3.4", ties=[("transaction", user), grant], user=user
        )
    for user in ("bob", "alice"):
        grant = ("grant", "https://login.example", user, user)
        store.add([hop("token", sent=(user,))], source="1.2.3.4", ties=[grant], user=user)

    assert [(one.user, one.hops[-1].sent) for one in store.all()] == [
        ("bob", ("bob",)),
        ("alice", ("alice",)),
    ]
    assert _steps(store) == [["authorization", "consent", "token"]] * 2


def test_a_refused_token_request_belongs_to_the_one_attempt_of_its_client_that_waits() -> None:
    store = kept(Clock())
    store.add([hop("consent")], source="1.2.3.4", ties=[GRANT], client_id="c1")
    refused = hop("token", status=400, reason="invalid-grant", answered=())
    store.add([refused], source="9.9.9.9", client_id="c1")

    (found,) = store.all()
    assert [one.tie for one in found.hops] == ["proved", "client"]


def test_a_refused_token_request_belongs_to_nobody_if_two_attempts_of_its_client_wait() -> None:
    store = kept(Clock())
    for user in ("alice", "bob"):
        grant = ("grant", "https://login.example", user, user)
        store.add([hop("consent")], source=user, ties=[grant], client_id="shared", user=user)
    refused = hop("token", status=400, reason="invalid-grant", answered=())
    store.add([refused], source="9.9.9.9", client_id="shared")

    assert [one.user for one in store.all()] == ["", "bob", "alice"]
    assert _steps(store)[1:] == [["consent"], ["consent"]]


def test_an_attempt_is_over_after_the_first_call_so_the_next_challenge_begins_another() -> None:
    store = kept(Clock())
    store.add([hop("challenge")], source="1.2.3.4")
    store.add([hop("call")], source="1.2.3.4", user="alice")
    store.add([hop("challenge")], source="1.2.3.4")

    assert _steps(store) == [["challenge"], ["challenge", "call"]]


def test_equal_hops_in_a_row_are_counted() -> None:
    store = kept(Clock())
    for _ in range(1000):
        store.add([hop("challenge")], source="1.2.3.4")

    (found,) = store.all()
    assert [(one.step, one.times) for one in found.hops] == [("challenge", 1000)]


@proves("S236", "refuses", "strangers do not push out stories")
def test_strangers_of_many_addresses_do_not_push_out_somebody_who_signed_in() -> None:
    store = kept(Clock(), most=10)
    store.add([hop("consent")], source="1.2.3.4", ties=[GRANT], user="alice")
    for number in range(500):
        store.add([hop("challenge")], source=f"10.0.{number // 250}.{number % 250}")

    assert len(store.all()) == 10
    assert [one.user for one in store.all()].count("alice") == 1


def test_one_busy_stranger_pushes_out_its_own_attempts_and_no_other_stranger() -> None:
    store = kept(Clock(), most=10, per_source=20)
    store.add([hop("challenge")], source="1.2.3.4")
    honest = store.all()[0].id
    for _ in range(100):
        # A call with an unknown grant ends an attempt, so each challenge begins another.
        store.add([hop("challenge")], source="6.6.6.6")
        store.add([hop("authorization", status=303)], source="6.6.6.6")

    assert store.find(honest) is not None
    assert len(store.all()) == 10


@proves("S236", "accepts", "strangers do not push out stories")
def test_people_who_signed_in_make_room_for_newer_ones() -> None:
    store = kept(Clock(), most=10)
    for number in range(50):
        grant = ("grant", "https://login.example", str(number), str(number))
        store.add([hop("consent")], source="1.2.3.4", ties=[grant], user=str(number))

    assert [one.user for one in store.all()] == [str(number) for number in range(49, 39, -1)]


def test_whoever_shares_an_address_does_not_push_out_hops_that_are_proved() -> None:
    store = kept(Clock(), hops=10)
    store.add([hop("authorization")], source="1.2.3.4", ties=[("transaction", "t1")])
    store.add([hop("consent")], source="1.2.3.4", ties=[("transaction", "t1"), GRANT])
    for number in range(100):
        store.add([hop("server-metadata", status=200 + number % 2)], source="1.2.3.4")
    store.add([hop("token")], source="1.2.3.4", ties=[GRANT], user="alice")

    (found,) = store.all()
    assert len(found.hops) == 10
    assert found.dropped == 93
    assert [one.step for one in found.hops if one.tie == "proved"] == [
        "authorization",
        "consent",
        "token",
    ]


def test_all_attempts_together_have_a_bound_in_bytes() -> None:
    store = kept(Clock(), most=100, most_bytes=20_000)
    for number in range(100):
        store.add([hop("challenge", sent=("x" * 900,))], source=f"10.0.0.{number}")

    assert 0 < len(store.all()) <= 20


def test_an_attempt_is_forgotten_with_everything_that_ties_to_it() -> None:
    clock = Clock()
    store = kept(clock, age=60.0)
    store.add([hop("consent")], source="1.2.3.4", ties=[GRANT], user="alice")
    clock.now += 61
    store.add([hop("call")], source="1.2.3.4", ties=[GRANT], user="alice")

    assert _steps(store) == [["call"]]
