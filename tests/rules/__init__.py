"""
One property: what ran was allowed for its caller, on each kind of server, in each spelling.

``test_rules_hold`` checks it on drawn servers. ``test_known_holes`` opens one hole at a time and
expects the property to fail. ``test_layers_are_complete`` compares what FastMCP ships with what is
drawn.

What is drawn:

- ``model``: the components of a server, its rules, and one execution.
- ``drawing``: models and callers.
- ``requests``: requests to the server of a model.
- ``spellings``: ways to write a name, a URI, a header or a body that two readers read differently.

What is run:

- ``recording``: the functions of components, which record that they ran, and for whom.
- ``guards``: a guard whose verifier knows each caller by a word.
- ``servers``, ``handlers``, ``web_server``, ``fastmcp_server``, ``fastmcp_layers``,
  ``fastmcp_holders``: each kind of server.
- ``asgi``, ``messages``: requests to an application in this process.

What is checked:

- ``oracle``: what the rules mean. It asks no policy and never sees a request.
- ``checking``: sends requests to one server, and asks the oracle about executions and answers.
- ``agreement``: compares lists, completion, subscriptions and the matrix with calls.
- ``property``: draws, checks, and leaves out the requests that a failure does not need.
"""
