"""
Walks the hops of somebody's set-up from outside, and names the one that fails, why, and who must act.

``hops`` observe and never judge. ``rules`` are pure functions from ``evidence`` to codes of
``findings``. ``report`` writes what they found. ``probe`` sends the requests.

To add a finding:

1. Add a row to the table of its hop in ``findings/``. ``follows`` names the findings that explain it.
2. Add a function to the same hop's file in ``rules/``, marked ``@BOOK.rule(code, needs=[views])``.
   Return ``None`` unless the evidence allows no other explanation; where two remain, say
   ``Blame.UNSURE`` and what would decide. A rule that blames the client is a ``late_rule``: it must
   see that no finding blames the server.
3. Add a set-up that is broken in exactly that way to ``tests/doctor/broken/``. The tests require
   that it gives this code and no other, and that all healthy set-ups give none.
4. If no hop observes what the rule needs, add a field to the view in ``evidence/evidence.py`` and a
   request to the hop in ``hops/``.
"""
