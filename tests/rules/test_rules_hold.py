"""
What ran was allowed for its caller, on each kind of server and in each spelling.

Rules, components, callers and requests are drawn. The requests go through a guard to a real server,
whose functions record that they ran, and for whom. An oracle that never sees a request decides from
that record alone whether the execution was allowed. No status is looked at.

Each run draws the same. A long run, or one with other draws:

```sh
DOORWARD_FUZZ_EXAMPLES=2000 DOORWARD_FUZZ_SEED=7 pytest -s tests/rules/test_rules_hold.py
```
"""

import pytest

from tests.ledger import proves
from tests.rules.checking import SERVERS, Count
from tests.rules.property import EXAMPLES, compare, described, send


@pytest.mark.slow
@proves("S184", "refuses", "every spelling of a URI")
@proves("S185", "refuses", "every name of a tool")
@proves("S186", "refuses", "only POST carries a message")
@proves("S184", "accepts", "every spelling of a URI")
@proves("S185", "accepts", "every name of a tool")
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.timeout(60 + EXAMPLES * 4)
def test_what_ran_was_allowed_for_its_caller_however_it_was_asked_for(kind: str) -> None:
    count = Count()

    found = send(kind, count)

    print(f"\n{kind}: {count}")
    assert not found, described(found)
    assert count.ran > 0
    assert count.refused > 0


@pytest.mark.slow
@proves("S197", "accepts", "one decision everywhere")
@proves("S197", "refuses", "one decision everywhere")
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.timeout(60 + EXAMPLES * 4)
def test_lists_completion_subscriptions_and_the_matrix_say_what_calls_do(kind: str) -> None:
    count = Count()

    found = compare(kind, count)

    print(f"\n{kind}: {count}")
    assert not found, described(found)
    assert count.ran > 0
    assert count.refused > 0
