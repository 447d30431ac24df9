"""What a person or a script sees of the merged book: the terminal dashboard and the printed formats.

Knows the server by its gRPC stream alone. From the wire to the eye: `stream` and `branches` (the connection) ->
`market` (a message as immutable integers) -> `feed` (how far it can be trusted, by an injected clock) -> `desk`
(all that is known) -> `panels` (pure functions of a scene giving rows of text) -> `painting` and `app` (Textual).
`keys` is the one table of actions, `settings` the one of what can be set. For scripts: `formats` and `printing`.
"""
