"""``doorward grants``, ``users`` and ``clients``: what an authorization server keeps, for operators."""
