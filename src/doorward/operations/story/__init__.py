"""
One sign-in as the sequence of its requests: what was sent and answered, in the order it happened.

``hop.py`` has one request and its answer. ``notes.py`` collects what is learned while a request is
served, ``admitted.py`` decides which text may be kept, and ``attempts.py`` keeps the hops of the last
sign-in attempts in memory. ``ending.py`` says how an attempt ended. ``view.py``, ``as_text.py`` and
``page.py`` show it, and ``endpoint.py`` serves it to operators.

Nothing here holds a token, a code, a state, a verifier, a cookie, a secret or free text of a peer.
"""
