"""How the venue speaks: each module here serves one real venue's REST and WebSocket dialect."""
