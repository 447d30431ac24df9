"""An exchange of our own: a matching engine, a synthetic market and the dialects of real venues, in one process.

It imports nothing of the rest of the project and nothing of the rest imports it: whoever tests a
connector against it meets it on the wire only, as he would meet the real venue.
"""
