"""Clients of the outside world: Yahoo Finance and X, live or as the local feeds replay them, by the same code."""

from kit.sources.credentials import ask_token
from kit.sources.twitter import StreamingClient, TweetStream
from kit.sources.yahoo import Bar, Quote, Yahoo, parse_quotes

__all__ = ["Bar", "Quote", "StreamingClient", "TweetStream", "Yahoo", "ask_token", "parse_quotes"]
