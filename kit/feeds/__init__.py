"""A local stand-in for Yahoo Finance and the X API v2: real prices and real tweets, in their wire formats, by a clock.

A program of its own: ``python -m kit.feeds --port 8900 --start 2008-09-15 --speed 1``, with the bearer token that the X
side wants in the environment variable `KIT_FEEDS_TOKEN`. It imports nothing of the kit but this folder.
"""
