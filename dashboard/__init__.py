"""What a person or a script sees of the merged book: the terminal dashboard and the printed formats.

Knows the server by its gRPC stream alone. From the wire to the eye: `stream` (the connection) -> `market` (a message
as immutable integers) -> `feed` (how far it can be trusted, by an injected clock) -> `header`, `ladder`, `cards`
(pure functions giving rows of text) -> `painting` and `app` (Textual). For scripts: `formats` and `printing`.
"""
